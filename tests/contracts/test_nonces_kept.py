"""What every store must do with nonces, asked of SQLite and of its memory twin alike."""

from __future__ import annotations

from neurons.ports import Store
from neurons.records import Change
from tests.support.rows import a_nonce


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
