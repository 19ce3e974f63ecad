"""A memory that takes long to read back after a restart delays scoring, and nothing else."""

from __future__ import annotations

from protocol.units import HOUR_MS, MINUTE_MS
from tests.support.brisk import BRISK
from tests.support.world import World, run_world

READING_MS = 20 * MINUTE_MS


def test_windows_are_kept_while_a_memory_is_read_back_and_scoring_follows() -> None:
    async def scenario(world: World) -> None:
        await world.miner("alice")
        await world.until(world.clock.now_ms() + 4 * HOUR_MS)
        await world.stop_validator()
        node = await world.start_validator()
        settling, back_at = node.driver._settling, world.clock.now_ms()
        restored = settling._restored

        async def slowly(*args, **options):
            await world.clock.sleep_until(back_at + READING_MS)
            return await restored(*args, **options)

        settling._restored = slowly
        await world.until(back_at + READING_MS - MINUTE_MS)
        store = world.validator_store
        waiting = await store.rounds(state="scoring", challenge="closes.point", limit=100)
        assert any("read back" in row.reason for row in waiting)
        opened = await store.rounds(from_ms=back_at + 2 * MINUTE_MS, before_ms=back_at + 15 * MINUTE_MS)
        counts = await store.counts([row.round_id for row in opened])
        assert opened
        assert {(1, 1)} == set(counts.values())

        await world.until(back_at + READING_MS + 10 * MINUTE_MS)
        for row in waiting:
            now = await store.round(row.round_id)
            assert "read back" not in now.reason

    run_world(scenario, params=BRISK)
