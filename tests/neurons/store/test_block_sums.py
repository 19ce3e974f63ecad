"""Scores come back summed by miner and block of time, so that a memory of months is restored without reading it all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from neurons.records import Change, Tally
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from protocol.rules.skill import RoundSkill, add_rounds
from protocol.units import Nano
from tests.support.rows import CHALLENGE, SERIES, STEP_MS, a_score, anchor_of, hotkey_of

BLOCK_MS = 2 * STEP_MS


@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_sums_by_block_are_those_of_the_scores_themselves(kind, tmp_path):
    async def check() -> None:
        async with await SqliteStore.open(tmp_path / "node.db") if kind == "sqlite" else MemoryStore() as store:
            scores = [a_score(n, m, loss=800_000_000 + n) for n in range(5) for m in (1, 2)]
            other = a_score(1, 1, challenge="closes.paths")
            await store.apply(Change(scores=(other, *scores)))
            told = await store.block_sums(SERIES, CHALLENGE, from_ms=anchor_of(1), block_ms=BLOCK_MS)

            for hotkey in (hotkey_of(1), hotkey_of(2)):
                mine = [s for s in scores if s.hotkey == hotkey and s.anchor_at_ms >= anchor_of(1)]
                rounds = [
                    RoundSkill(s.anchor_at_ms // BLOCK_MS, s.anchor_at_ms, s.gain_nano, s.baseline_loss_nano)
                    for s in mine
                ]
                assert list(add_rounds({}, rounds).values()) == list(told[hotkey])
            assert sorted([hotkey_of(1), hotkey_of(2)]) == list(told)

            until = await store.block_sums(
                SERIES, CHALLENGE, from_ms=anchor_of(1), block_ms=BLOCK_MS, before_ms=anchor_of(3)
            )
            assert [2, 2] == [sum(block.rounds for block in blocks) for blocks in until.values()]
            assert [] == [b for blocks in until.values() for b in blocks if b.block > anchor_of(2) // BLOCK_MS]
            silent = replace(a_score(4, 1), status="silent", gain_nano=Nano(0))
            await store.apply(Change(scores=(silent,)))
            gains = sum(s.gain_nano for s in scores[2:8] if s.hotkey == hotkey_of(1))
            tallies = await store.tallies(SERIES, CHALLENGE, from_ms=anchor_of(1))

            assert sorted([hotkey_of(1), hotkey_of(2)]) == list(tallies)
            assert Tally(4, 3, gains) == tallies[hotkey_of(1)]
            assert {} == await store.block_sums("ethusd", CHALLENGE, from_ms=0, block_ms=BLOCK_MS)

    asyncio.run(check())
