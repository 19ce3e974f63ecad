"""What every store must do with nonces, asked of SQLite and of its memory twin alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from neurons.ports import Store
from neurons.records import Change
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from tests.support.rows import a_nonce

Check = Callable[[Store], Awaitable[None]]


@pytest.fixture(params=["sqlite", "memory"])
def on_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Check], None]:
    """Runs a check on a fresh store, and closes it."""

    async def run(check: Check) -> None:
        store = await SqliteStore.open(tmp_path / "node.db") if request.param == "sqlite" else MemoryStore()
        async with store:
            await check(store)

    return lambda check: asyncio.run(run(check))


def test_a_nonce_that_comes_again_after_it_expired_is_kept_until_it_expires_again(on_store):
    async def check(store: Store) -> None:
        first, again = a_nonce(1, 1, expires_at_ms=50), a_nonce(1, 1, expires_at_ms=99)
        await store.apply(Change(nonces=(first,)))
        await store.apply(Change(nonces=(again,)))

        assert [again] == list(await store.live_nonces(now_ms=50))
        await store.prune(now_ms=50, evidence_before_ms=0)
        assert [again] == list(await store.live_nonces(now_ms=0))

    on_store(check)


def test_a_nonce_that_is_written_twice_is_kept_once_and_each_sender_has_its_own(on_store):
    async def check(store: Store) -> None:
        nonce, of_another = a_nonce(1, 1, expires_at_ms=50), a_nonce(2, 1, expires_at_ms=51)
        await store.apply(Change(nonces=(nonce, of_another, nonce)))
        await store.apply(Change(nonces=(of_another, nonce)))

        assert [nonce, of_another] == list(await store.live_nonces(now_ms=0))

    on_store(check)
