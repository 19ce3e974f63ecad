"""What every store must do with the sums of sharing windows, asked of SQLite and of its memory twin alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neurons.ports import Store
from neurons.records import Change, SharingRow
from neurons.store.copying import copy_store
from neurons.store.errors import RowRefused
from neurons.store.memory import MemoryStore
from protocol.units import UnixMs
from tests.support.rows import CHALLENGE, SERIES, a_score, a_sharing, anchor_of

FAR = anchor_of(1_000)


async def held(store: Store, *, from_ms: int = 0, before_ms: int = FAR, challenge: str = CHALLENGE) -> list[SharingRow]:
    return list(await store.sharing(SERIES, challenge, from_ms=from_ms, before_ms=before_ms))


ROWS = tuple(
    a_sharing(generation, number) for generation, number in [(1, 3), (1, 6), (1, 9), (2, 10), (2, 13), (4, 30)]
)


def test_of_each_generation_the_newest_sums_of_the_span_are_found(on_store):
    async def check(store: Store) -> None:
        assert [] == await held(store)
        other = a_sharing(3, 20, challenge="closes.paths")
        await store.apply(Change(sharing=(*reversed(ROWS), other)))

        assert [ROWS[2], ROWS[4], ROWS[5]] == await held(store)
        assert [ROWS[2], ROWS[3]] == await held(store, before_ms=anchor_of(13))
        assert [ROWS[1]] == await held(store, before_ms=anchor_of(9))
        assert [ROWS[4], ROWS[5]] == await held(store, from_ms=anchor_of(10))
        assert [other] == await held(store, challenge="closes.paths")
        assert [] == await held(store, challenge="closes.other")

    on_store(check)


def test_sums_through_a_round_are_written_again_with_the_last_word(on_store):
    async def check(store: Store) -> None:
        await store.apply(Change(sharing=ROWS))
        again = replace(ROWS[2], sums=b"\x00" * 100_000)
        await store.apply(Change(sharing=(ROWS[0], again)))

        assert [again, ROWS[4], ROWS[5]] == await held(store)

    on_store(check)


def test_sums_that_nothing_begins_with_are_let_go_and_only_those(on_store):
    async def check(store: Store) -> None:
        await store.apply(Change(sharing=ROWS))
        before = {"now_ms": 0, "evidence_before_ms": FAR}

        assert {} == dict(await store.prune(**before))
        assert {"sharing": 1} == dict(await store.prune(**before, superseded_before_ms=anchor_of(9)))
        assert [ROWS[1]] == await held(store, before_ms=anchor_of(9))
        assert {"sharing": 1} == dict(await store.prune(**before, superseded_before_ms=anchor_of(13)))
        assert [ROWS[2], ROWS[3]] == await held(store, before_ms=anchor_of(13))
        assert [ROWS[2], ROWS[4], ROWS[5]] == await held(store)
        assert {"sharing": 2} == dict(await store.prune(**before, sharing_before_ms=anchor_of(13)))
        assert [ROWS[4], ROWS[5]] == await held(store)

    on_store(check)


def test_sums_become_durable_with_the_rest_of_their_change_or_not_at_all(on_store):
    async def check(store: Store) -> None:
        poison = replace(ROWS[0], generation=2**63)
        with pytest.raises(RowRefused):
            await store.apply(Change(scores=(a_score(1, 1),), sharing=(ROWS[1], poison)))

        assert [] == await held(store)
        assert [] == list(await store.scores(SERIES, CHALLENGE))

    on_store(check)


def test_sums_are_copied_with_everything_else(on_store):
    async def check(store: Store) -> None:
        source = MemoryStore()
        await source.apply(Change(sharing=ROWS))
        assert len(ROWS) == await copy_store(source, store)
        assert [ROWS[2], ROWS[4], ROWS[5]] == await held(store)
        assert [ROWS[0]] == await held(store, before_ms=UnixMs(anchor_of(3) + 1))

    on_store(check)
