"""The files in which an operator lists peers by hand: one a line, the hotkey in hex, then what the node needs to know.

# miners.txt, for `miners_file`: who may register
2f1c...64 hex digits      ada's first miner

# validators.txt, for `validators_file`: whom to register with and to answer
9b40...64 hex digits  validator.example.org:8090
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocol.errors import InvalidSetting
from protocol.units import HOTKEY_BYTES, Hotkey

MAX_FILE_BYTES: Final = 4_000_000
HOTKEY: Final = re.compile(rf"[0-9a-fA-F]{{{2 * HOTKEY_BYTES}}}")
ENDPOINT: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class ListedValidator:
    """A validator and the address, host:port, at which it takes calls."""

    hotkey: Hotkey
    endpoint: str


def read_miners_file(path: Path) -> frozenset[Hotkey]:
    """The hotkeys that may register; what follows a hotkey on its line is a note. Raises InvalidSetting (ours)."""
    return frozenset(hotkey for _, hotkey, _ in _entries(path))


def read_validators_file(path: Path) -> tuple[ListedValidator, ...]:
    """The validators in the file's order. Raises InvalidSetting (ours), also for a port that cannot be."""
    listed = []
    for where, hotkey, rest in _entries(path):
        found = ENDPOINT.fullmatch(rest[0]) if rest else None
        if found is None or not 1 <= int(found[2]) <= 65_535:
            raise InvalidSetting(f"{where}: after the hotkey stands host:port, not {' '.join(rest)[:60]!r}")
        listed.append(ListedValidator(hotkey, rest[0]))
    return tuple(listed)


def _entries(path: Path) -> Iterator[tuple[str, Hotkey, list[str]]]:
    """(file and line, hotkey, the words after it) for each line that is no comment."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except OSError as error:
        raise InvalidSetting(f"{path}: cannot be read: {error.strerror}", file=str(path)) from error
    except UnicodeDecodeError as error:
        raise InvalidSetting(f"{path}: is no UTF-8 text", file=str(path)) from error
    if len(content) > MAX_FILE_BYTES:
        raise InvalidSetting(f"{path}: is larger than {MAX_FILE_BYTES} bytes", file=str(path))
    seen: dict[Hotkey, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if not HOTKEY.fullmatch(words[0]):
            raise InvalidSetting(
                f"{path}, line {number}: {words[0][:20]!r} is no hotkey of {2 * HOTKEY_BYTES} hex digits"
            )
        hotkey = Hotkey(bytes.fromhex(words[0]))
        if hotkey in seen:
            raise InvalidSetting(f"{path}, line {number}: the hotkey stands in line {seen[hotkey]} already")
        seen[hotkey] = number
        yield f"{path}, line {number}", hotkey, words[1:]
