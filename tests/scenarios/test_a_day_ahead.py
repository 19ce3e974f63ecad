"""`--params day`: ensembles of 289 steps, from the question to the pay."""

from __future__ import annotations

from dataclasses import replace

from protocol.messages import ExplainRequest
from protocol.params import DAY
from protocol.units import DAY_MS, HOUR_MS
from tests.support.world import SERIES, SHORT_HISTORY, Guessing, World, run_world

PARAMS = replace(
    DAY,
    time=replace(DAY.time, min_history_steps=60, dispute_window_ms=HOUR_MS, epoch_ms=4 * HOUR_MS),
    loss=SHORT_HISTORY.loss,
    truth=SHORT_HISTORY.truth,
)


def test_a_round_reaches_a_day_ahead_and_pays_from_a_whole_pool() -> None:
    async def scenario(world: World) -> None:
        for number in range(2):
            await world.miner(f"miner-{number}", Guessing(number))
        start = world.clock.now_ms() + HOUR_MS
        await world.until(start + 8 * HOUR_MS + DAY_MS + 2 * HOUR_MS)
        store = world.validator_store

        rounds = await store.rounds(limit=1_000, from_ms=start, before_ms=start + 6 * HOUR_MS)
        assert 6 == len(rounds)
        assert {("closes.paths", "final")} == {(row.challenge, row.state) for row in rounds}
        assert {(2, 2)} == set((await store.counts([row.round_id for row in rounds])).values())
        assert world.validator is not None
        asked = ExplainRequest(rounds[0].round_id, world.miners["miner-0"].key.hotkey)
        explained = await world.validator.readings.explain(asked)
        assert "mean of 289 scored steps" in {line.note for line in explained.lines}
        [epoch, *_] = await store.epochs(SERIES, "closes.paths")
        assert 1_000_000_000 == epoch.paid_micros + epoch.reserve_micros

    run_world(scenario, params=PARAMS)


def test_a_network_of_days_is_another_network() -> None:
    assert 289 == DAY.time.steps == DAY.skill.block_steps
    assert ["closes.paths"] == [challenge.name for challenge in DAY.challenges]
    assert 1_000_000 == sum(challenge.pool_share_ppm for challenge in DAY.challenges)
