"""One door to every store: what a setting says, and the store that it means."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from protocol.errors import InvalidSetting

MEMORY: Final = "memory:"
SQLITE: Final = "sqlite:///"


async def open_store(where: str | Path) -> SqliteStore | MemoryStore:
    """The store at a path, at `sqlite:///PATH`, or a new one in memory (`memory:`). Close it with `aclose`.

    Raises InvalidSetting for any other URL, and StoreInUse, StoreTooNew or StoreUnavailable as SqliteStore.open does.
    """
    if where == MEMORY:
        return MemoryStore()
    path = str(where).removeprefix(SQLITE)
    if "://" in path or not path:
        raise InvalidSetting(f"no such kind of store: {where!r}; want a path, {SQLITE}PATH or {MEMORY}")
    return await SqliteStore.open(Path(path))
