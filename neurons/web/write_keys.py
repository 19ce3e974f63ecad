"""The table of write keys: a file that only its owner may read, from the SHA-256 of a write key to a hotkey's key file.

    {"format": "augury-write-keys/1",
     "keys": [{"sha256": "...", "key_file": "/.../hotkey.json", "name_nonce": 4711, "note": "the weather crawler"}]}

The write key itself is kept nowhere. The table is written whole or not at all, by one process at a time, and read again
whenever it has changed: what an operator adds or removes counts from the next request on.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from neurons.keystore import KeyFileBroken, KeyFileError, read_private_file
from protocol.errors import InvalidRequest, InvalidSetting
from protocol.rules.memorable import NONCE_BITS, name_in_code

FORMAT: Final = "augury-write-keys/1"
MAX_FILE_BYTES: Final = 8_000_000
MAX_NOTE: Final = 200
_WRITE_KEY: Final = re.compile(r"[!-~]{8,128}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class WriteKeyEntry:
    """Which hotkey acts for a write key. name_nonce: with which it has its memorable name, None without one."""

    sha256: str
    key_file: Path
    name_nonce: int | None = None
    note: str = ""

    @property
    def code(self) -> str:
        """The write key's public code, as its owner's client shows it."""
        return self.sha256[:32]

    @property
    def animal(self) -> str:
        """What the code begins with, empty for a write key without one."""
        name = name_in_code(self.code)
        return "" if name is None else str(name)


def write_key_digest(write_key: str) -> str:
    """SHA-256 of a write key's text, in hex: its first half is the public code (`memorable.muid_code`).

    Raises InvalidRequest (theirs) unless it is 8 to 128 visible ASCII characters.
    """
    if not _WRITE_KEY.fullmatch(write_key):
        raise InvalidRequest("a write key is 8 to 128 visible ASCII characters", field="write_key", limit=128)
    return hashlib.sha256(write_key.encode("ascii")).hexdigest()


class WriteKeys:
    """The table in one file; a file that does not exist is an empty table."""

    def __init__(self, path: Path, *, most: int) -> None:
        """most: entries that it may hold. Raises KeyFileError (ours) for a file that is exposed or no such table."""
        self._path, self._most = path, most
        self._seen: tuple[int, int, int] | None = None
        self._entries: Mapping[str, WriteKeyEntry] = MappingProxyType({})
        self.entries()

    def entries(self) -> Mapping[str, WriteKeyEntry]:
        """By digest, as the file says now. Raises KeyFileError (ours)."""
        seen = _identity(self._path)
        if seen != self._seen:
            entries = (
                {} if seen is None else _parsed(self._path, read_private_file(self._path, max_bytes=MAX_FILE_BYTES))
            )
            self._entries, self._seen = MappingProxyType(entries), seen
        return self._entries

    def find(self, write_key: str) -> WriteKeyEntry | None:
        """Who acts for a write key; None for a stranger's. Raises InvalidRequest and KeyFileError."""
        return self.entries().get(write_key_digest(write_key))

    def check_room(self) -> None:
        """Raises InvalidRequest (theirs) when the table is full."""
        if len(self.entries()) >= self._most:
            raise InvalidRequest(
                f"this gateway takes no more write keys: its limit is {self._most}", field="write_key", limit=self._most
            )

    def add(self, entry: WriteKeyEntry) -> None:
        """Puts the entry there, in the place of the write key's former one.

        Raises InvalidRequest (theirs) when the table is full, KeyFileError (ours) when it cannot be written.
        """

        def added(entries: dict[str, WriteKeyEntry]) -> None:
            if entry.sha256 not in entries:
                self.check_room()
            entries[entry.sha256] = replace(entry, key_file=entry.key_file.absolute(), note=entry.note[:MAX_NOTE])

        self._change(added)

    def remove(self, digest_or_code: str) -> WriteKeyEntry:
        """Takes the entry away whose digest begins so (8 digits at least). Raises InvalidSetting (ours) unless there is
        one such entry."""
        removed: list[WriteKeyEntry] = []

        def without(entries: dict[str, WriteKeyEntry]) -> None:
            found = [digest for digest in entries if len(digest_or_code) >= 8 and digest.startswith(digest_or_code)]
            if len(found) != 1:
                raise InvalidSetting(f"{len(found)} write keys in {self._path} have the code {digest_or_code[:64]!r}")
            removed.append(entries.pop(found[0]))

        self._change(without)
        return removed[0]

    def _change(self, change: Callable[[dict[str, WriteKeyEntry]], None]) -> None:
        with _alone_with(self._path):
            entries = dict(self.entries())
            change(entries)
            _write(self._path, entries)
        self.entries()


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What changes whenever the file does; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be looked at: {error.strerror}", file=str(path)) from error
    return status.st_ino, status.st_mtime_ns, status.st_size


def _parsed(path: Path, content: bytes) -> dict[str, WriteKeyEntry]:
    try:
        table = json.loads(content)
        if table["format"] != FORMAT:
            raise ValueError("another format")
        entries = [_entry(row) for row in table["keys"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise KeyFileBroken(f"{path}: no table of write keys, or not a whole one", file=str(path)) from error
    return {entry.sha256: entry for entry in entries}


def _entry(row: Mapping[str, Any]) -> WriteKeyEntry:
    digest, file, nonce, note = row["sha256"], row["key_file"], row["name_nonce"], row["note"]
    if not (isinstance(digest, str) and _DIGEST.fullmatch(digest) and isinstance(file, str) and isinstance(note, str)):
        raise ValueError("no entry")
    if nonce is not None and not (type(nonce) is int and 0 <= nonce < 1 << NONCE_BITS):
        raise ValueError("no nonce")
    return WriteKeyEntry(digest, Path(file), nonce, note[:MAX_NOTE])


def _write(path: Path, entries: Mapping[str, WriteKeyEntry]) -> None:
    rows = [
        {"sha256": one.sha256, "key_file": str(one.key_file), "name_nonce": one.name_nonce, "note": one.note}
        for one in entries.values()
    ]
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump({"format": FORMAT, "keys": rows}, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}", file=str(path)) from error


@contextmanager
def _alone_with(path: Path) -> Iterator[None]:
    """Within: nobody else changes the table. Raises KeyFileError (ours) when another process is at it just now."""
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise KeyFileError(f"{lock}: cannot be made: {error.strerror}", file=str(lock)) from error
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KeyFileError(f"{path}: another process is changing it; try again", file=str(path)) from None
        yield
    finally:
        os.close(held)
