"""A whole day of rounds, from opening records to paid miners, on the in-memory network."""

from __future__ import annotations

from collections import Counter

from protocol.messages import ExplainRequest, RoundsRequest, StandingsRequest
from protocol.rules.ledger import AUG
from protocol.units import DAY_MS, HOUR_MS
from tests.support.world import SERIES, Guessing, World, run_world


def test_a_day_of_rounds_opens_scores_and_pays_every_unit_it_emits() -> None:
    async def scenario(world: World) -> None:
        for number in range(3):
            await world.miner(f"miner-{number}", Guessing(number))
        start = world.clock.now_ms() + HOUR_MS
        await world.until(start + DAY_MS + 36 * HOUR_MS)
        store = world.validator_store

        rounds = await store.rounds(limit=1_000, from_ms=start, before_ms=start + DAY_MS)
        assert {"closes.point": 288, "closes.paths": 24} == Counter(row.challenge for row in rounds)
        assert {"final"} == {row.state for row in rounds}
        counts = await store.counts([row.round_id for row in rounds])
        assert {(3, 3)} == set(counts.values())

        balances = await store.balances()
        assert 0 == sum(amount for (_, unit), amount in balances.items() if unit == AUG)
        epochs = await store.epochs(SERIES, "closes.point")
        assert epochs
        assert all(epoch.paid_micros + epoch.reserve_micros == 500_000_000 for epoch in epochs)

        assert world.validator is not None
        row = rounds[-1]
        explained = await world.validator.readings.explain(
            ExplainRequest(row.round_id, world.miners["miner-0"].key.hotkey)
        )
        sections = {line.section for line in explained.lines}
        assert {"round", "loss", "loss by step", "memory", "shared with", "sharing", "pay"} == sections
        told = await world.miners["miner-0"].store.feedback()
        assert len(told) >= 312

    run_world(scenario)


def test_rounds_and_standings_can_be_read_while_rounds_run() -> None:
    async def scenario(world: World) -> None:
        await world.miner("miner-0")
        await world.until(world.clock.now_ms() + 10 * HOUR_MS)
        assert world.validator is not None
        listed = await world.validator.readings.rounds(RoundsRequest(limit=5))
        assert 5 == len(listed.rounds)
        assert listed.rounds[0].anchor_at_ms >= listed.rounds[-1].anchor_at_ms
        told = await world.validator.readings.standings(
            StandingsRequest(SERIES, "closes.point"), now_ms=world.clock.now_ms()
        )
        assert ["unproven: 1 of 8 blocks"] == [standing.reason for standing in told.standings]

    run_world(scenario)
