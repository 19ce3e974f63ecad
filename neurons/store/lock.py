"""One node to a database: a lock file beside it, held with flock, let go by the kernel however the process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from neurons.ports import StoreUnavailable
from neurons.store.errors import StoreInUse


class DatabaseLock:
    """Held from construction to `release`. The file stays: it is the lock on it that counts, not its presence.

    Raises StoreInUse when another holder lives (in this process or another), StoreUnavailable when the file
    cannot be made.
    """

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + ".lock")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"cannot make {path}: {error.strerror}", path=str(path)) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise StoreInUse(path=str(database), owner=owner or "(unknown)") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        os.close(self._file)
