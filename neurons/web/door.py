"""The door: from a write key to the hotkey that acts for it, and its conversation with the validator.

    write key --SHA-256--> table --> key file --> StreamWriter        a stranger's: refused, or admitted (a setting)

Who comes for the first time waits for its key to be opened, the others do not. What is refused on the way is kept a
while for the write key's owner to read: the clients tell a person of an error only what they find at /errors/.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from neurons.client import StreamWriter
from neurons.client.reader import Wire
from neurons.keystore import create_key_file, load_key_file
from neurons.ports import Clock, Entropy
from neurons.web.problems import UnknownWriteKey
from neurons.web.taking_part import TakingPart
from neurons.web.write_keys import WriteKeyEntry, WriteKeys, write_key_digest
from protocol.errors import AuguryError, InvalidRequest
from protocol.keys import SigningKey
from protocol.messages import Purpose
from protocol.rules.memorable import muid_difficulty
from protocol.rules.name_search import NONCES_AT_ONCE, search
from protocol.units import Hotkey, UnixMs

REFUSALS_KEPT: Final = 100
"""Of each write key, the newest."""
ADMITTED: Final = "admitted"
"""The note in the table on a write key that nobody added."""
LAST_NONCE: Final = 1 << 32
"""A search for a name of nine letters ends long before."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Whom the door lets in of those it does not know. is_open: anybody; else nobody.

    difficulty: letters of the write key's own animal.  name_letters: of the name that its hotkey gets.
    key_folder: where hotkeys are made.  passphrase: seals them, None to keep them in the clear.
    """

    is_open: bool
    difficulty: int
    name_letters: int
    key_folder: Path
    passphrase: bytes | None
    allow_unencrypted: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was refused here, and so is in no log of the validator's."""

    at_ms: UnixMs
    operation: str
    subject: str
    error: AuguryError


@dataclass(slots=True)
class Visitor:
    """Who comes with a write key: its entry, and who acts for it."""

    entry: WriteKeyEntry
    writer: StreamWriter
    taking_part: TakingPart = field(default_factory=TakingPart)
    refusals: deque[Refusal] = field(default_factory=lambda: deque(maxlen=REFUSALS_KEPT))

    @property
    def hotkey(self) -> Hotkey:
        return self.writer.hotkey


MakeWriter = Callable[[SigningKey, int | None], StreamWriter]
"""Makes the conversation of a hotkey with the validator. The number is the nonce of its memorable name."""


class Door:
    """Everybody's way in. Conversations hold nothing of their own: whoever made their wire closes it."""

    def __init__(
        self, table: WriteKeys, admission: Admission, make_writer: MakeWriter, *, clock: Clock, entropy: Entropy
    ) -> None:
        self._table, self._admission, self._make_writer = table, admission, make_writer
        self._clock, self._entropy = clock, entropy
        self._visitors: dict[str, Visitor] = {}
        self._writers: dict[tuple[Path, int | None], StreamWriter] = {}
        """By key file and nonce: acts of one hotkey are numbered by one writer, however many write keys it acts for."""
        self._one_at_a_time = asyncio.Lock()

    async def visitor(self, write_key: str) -> Visitor:
        """Who comes with this write key.

        Raises UnknownWriteKey (theirs) for a stranger's that is not admitted, InvalidRequest (theirs) for what is no
        write key and for one too many, KeyFileError (ours) for a key file that does not open.
        """
        digest = write_key_digest(write_key)
        known = self._visitors.get(digest)
        if known is not None and known.entry == self._table.entries().get(digest):
            return known
        if not self.knows(digest):
            self._check_admissible(write_key)
        async with self._one_at_a_time:
            entry = self._table.entries().get(digest) or await self._admitted(digest)
            known = self._visitors.get(digest)
            if known is None or known.entry != entry:
                self._visitors[digest] = Visitor(entry, await self._writer(entry))
            return self._visitors[digest]

    def knows(self, digest: str) -> bool:
        """Whether the table has the write key of this digest."""
        return digest in self._table.entries()

    def refused(self, visitor: Visitor, operation: str, subject: str, error: AuguryError) -> None:
        """Keeps what a visitor was refused."""
        visitor.refusals.appendleft(Refusal(self._clock.now_ms(), operation, subject, error))

    async def _writer(self, entry: WriteKeyEntry) -> StreamWriter:
        which = entry.key_file, entry.name_nonce
        if which not in self._writers:
            self._writers[which] = self._make_writer(await self._key(entry.key_file), entry.name_nonce)
        return self._writers[which]

    async def _key(self, path: Path) -> SigningKey:
        told = self._admission
        return await asyncio.to_thread(
            load_key_file, path, passphrase=told.passphrase, allow_unencrypted=told.allow_unencrypted
        )

    def _check_admissible(self, write_key: str) -> None:
        """Raises UnknownWriteKey or InvalidRequest (theirs) unless the door is open for a stranger's write key."""
        admission = self._admission
        if not admission.is_open:
            raise UnknownWriteKey(
                "this gateway knows no hotkey for this write key; its operator adds one with augury gateway keys add"
            )
        letters = muid_difficulty(write_key)
        if letters < admission.difficulty:
            raise InvalidRequest(
                f"this gateway admits write keys of {admission.difficulty} letters, this one has {letters}",
                field="write_key",
                limit=admission.difficulty,
            )
        self._table.check_room()

    async def _admitted(self, digest: str) -> WriteKeyEntry:
        """A hotkey for a stranger, with a name. One at a time: each costs a search, and a place in the table."""
        admission = self._admission
        self._table.check_room()
        path = admission.key_folder / f"{digest[:32]}.json"
        if not path.exists():
            await asyncio.to_thread(create_key_file, path, entropy=self._entropy.bytes, passphrase=admission.passphrase)
        nonce = await searched_name((await self._key(path)).hotkey, admission.name_letters)
        entry = WriteKeyEntry(digest, path.absolute(), nonce, ADMITTED)
        self._table.add(entry)
        return entry


async def searched_name(hotkey: Hotkey, letters: int) -> int:
    """The first nonce with which a hotkey has a name of so many letters, searched in a thread, portion by portion."""
    for start in range(0, LAST_NONCE, NONCES_AT_ONCE):
        nonce = await asyncio.to_thread(_first_name, hotkey, start, letters)
        if nonce is not None:
            return nonce
    raise InvalidRequest(f"no name of {letters} letters among {LAST_NONCE} nonces", limit=LAST_NONCE)


def _first_name(hotkey: Hotkey, start: int, letters: int) -> int | None:
    found = next(search(hotkey, start=start, count=NONCES_AT_ONCE, letters=letters), None)
    return None if found is None else found.nonce


class SharedWire:
    """One wire for the conversations of many hotkeys: it outlives each of them."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def call(self, endpoint: str, purpose: Purpose, envelope: bytes, *, timeout_ms: int) -> bytes:
        return await self._wire.call(endpoint, purpose, envelope, timeout_ms=timeout_ms)

    def watch(self, endpoint: str, envelope: bytes, *, silence_ms: int) -> AsyncIterator[bytes]:
        return self._wire.watch(endpoint, envelope, silence_ms=silence_ms)

    async def aclose(self) -> None:
        """Nothing: whoever made the wire closes it."""
