"""What every store must do with the details of pay, asked of SQLite and of its memory twin alike."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from neurons.ports import Store
from neurons.records import Change
from neurons.store.copying import copy_store
from neurons.store.memory import MemoryStore
from tests.support.rows import CHALLENGE, SERIES, a_commitment, a_pay, a_round, anchor_of, hotkey_of, round_id_of


def test_prune_empties_details_of_old_rounds_and_keeps_every_other_figure(on_store):
    async def check(store: Store) -> None:
        rounds = tuple(map(a_round, range(40)))
        pays = tuple(a_pay(number, miner) for number in range(40) for miner in (1, 2))
        await store.apply(Change(rounds=rounds, commitments=(a_commitment(1, 1),), pays=pays))

        touched = await store.prune(now_ms=0, evidence_before_ms=anchor_of(39))

        assert {"commitments": 1, "pays": 78} == dict(touched)
        kept = [replace(pay, detail="") if pay.anchor_at_ms < anchor_of(39) else pay for pay in pays]
        kept.sort(key=lambda pay: (pay.anchor_at_ms, pay.hotkey))
        assert kept == list(await store.epoch_pays(SERIES, CHALLENGE, 1))
        assert {} == dict(await store.prune(now_ms=0, evidence_before_ms=anchor_of(39)))
        assert {"pays": 2} == dict(await store.prune(now_ms=0, evidence_before_ms=anchor_of(40)))

    on_store(check)


def test_a_pay_whose_round_is_not_there_keeps_its_detail(on_store):
    async def check(store: Store) -> None:
        await store.apply(Change(pays=(a_pay(1, 1),)))

        assert {} == dict(await store.prune(now_ms=0, evidence_before_ms=anchor_of(9)))
        assert [a_pay(1, 1)] == list(await store.pays(round_id_of(1)))

    on_store(check)


def test_a_detail_that_is_written_again_is_let_go_again(on_store):
    async def check(store: Store) -> None:
        change = Change(rounds=(a_round(1),), pays=(a_pay(1, 1),))
        for _ in range(2):
            await store.apply(change)
            assert {"pays": 1} == dict(await store.prune(now_ms=0, evidence_before_ms=anchor_of(2)))
        assert [("", hotkey_of(1))] == [(pay.detail, pay.hotkey) for pay in await store.pays(round_id_of(1))]

    on_store(check)


def test_a_copy_of_a_store_lacks_the_same_details():
    async def check() -> None:
        one, other = MemoryStore(), MemoryStore()
        await one.apply(Change(rounds=(a_round(1), a_round(2)), pays=(a_pay(1, 1), a_pay(2, 1))))
        await one.prune(now_ms=0, evidence_before_ms=anchor_of(2))
        await copy_store(one, other)

        for number, detail in ((1, ""), (2, a_pay(2, 1).detail)):
            assert [replace(a_pay(number, 1), detail=detail)] == list(await other.pays(round_id_of(number)))
        assert {"pays": 1} == dict(await other.prune(now_ms=0, evidence_before_ms=anchor_of(3)))

    asyncio.run(check())
