"""Every store that a contract is asked of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from neurons.ports import Store
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore


@pytest.fixture(params=["sqlite", "memory"])
def on_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Callable[[Store], Awaitable[None]]], None]:
    """Runs a check on a fresh store, and closes it."""

    async def run(check: Callable[[Store], Awaitable[None]]) -> None:
        store = await SqliteStore.open(tmp_path / "node.db") if request.param == "sqlite" else MemoryStore()
        async with store:
            await check(store)

    return lambda check: asyncio.run(run(check))
