"""How commands on open streams reach a validator: as one who looks, and as one who acts under the key's name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

from neurons.cli.where import Asking
from neurons.client import StreamReader, StreamWriter
from neurons.name_files import name_path, read_name_file
from neurons.signers import PRESETS, clock_of, key_of
from protocol.errors import InvalidSetting, NotFound
from protocol.params import StreamLimits
from protocol.rules.memorable import MIN_LETTERS
from protocol.units import HOTKEY_BYTES, Hotkey

T = TypeVar("T")

_HEX: Final = re.compile(r"[0-9a-fA-F]{1,64}")


@asynccontextmanager
async def stream_reader(asking: Asking) -> AsyncIterator[StreamReader]:
    """The validator that the options name, to be looked at. Raises InvalidSetting or KeyFileError."""
    settings = asking.settings()
    peer, key = asking.peer(settings), key_of(settings)
    async with StreamReader(peer, key, params=PRESETS[settings.params], clock=clock_of(settings)) as reader:
        yield reader


@asynccontextmanager
async def stream_writer(asking: Asking, *, publishes: bool = True) -> AsyncIterator[StreamWriter]:
    """The same, to act on: under the memorable name that lies beside the key file, if one does.

    publishes: the name must be one that may publish.

    Raises InvalidSetting for a name that is too short for that, and KeyFileError, also for another key's name file.
    """
    settings = asking.settings()
    peer, key, params = asking.peer(settings), key_of(settings), PRESETS[settings.params]
    search = read_name_file(name_path(settings.key_path), key.hotkey)
    nonce = None if search.best is None else search.best.nonce
    async with StreamWriter(peer, key, params=params, clock=clock_of(settings), name_nonce=nonce) as writer:
        if publishes and search.difficulty + params.streams.letters_given < params.streams.stream_difficulty:
            await _require_known(writer, settings.key_path, params.streams)
        yield writer


async def _require_known(writer: StreamWriter, key_file: Path, limits: StreamLimits) -> None:
    """A key that follows another has that one's name, and none beside its file. Raises InvalidSetting without one."""
    if (await writer.balance()).difficulty < limits.stream_difficulty:
        letters = max(MIN_LETTERS, limits.stream_difficulty - limits.letters_given)
        raise InvalidSetting(
            f"publishing takes a name of {letters} letters, and none lies beside {key_file}: "
            f"augury keys mine --file {key_file} --difficulty {letters}",
            limit=letters,
        )


def look(asking: Asking, question: Callable[[StreamReader], Awaitable[T]]) -> T:
    """The answer to a question about open streams."""

    async def ask() -> T:
        async with stream_reader(asking) as reader:
            return await question(reader)

    return asyncio.run(ask())


async def find_owner(reader: StreamReader, text: str) -> Hotkey:
    """The key of this hex, or the one on the overall leaderboard whose hex or shown name begins so; empty: one's own.

    Raises NotFound, and InvalidSetting when several begin so.
    """
    if not text:
        return reader.hotkey
    if len(text) == 2 * HOTKEY_BYTES and _HEX.fullmatch(text):
        return Hotkey(bytes.fromhex(text))
    wanted = text.lower()
    places = await reader.board()
    found = [one for one in places if one.owner.hex().startswith(wanted) or one.name.lower().startswith(wanted)]
    if not found:
        raise NotFound(f"no key on the leaderboard begins with {text[:40]!r}: give all of its 64 hex digits")
    if len(found) > 1:
        shown = ", ".join(f"{one.owner.hex()[:12]} ({one.name})" for one in found[:4])
        raise InvalidSetting(f"{len(found)} keys begin with {text[:40]!r}: {shown}")
    return found[0].owner
