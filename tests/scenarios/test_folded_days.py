"""A validator that soon folds its settlements into days tells everybody the same as one that keeps them all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neurons.client import StreamWriter
from protocol.messages import PerformanceLine, TransactionDay, TransactionLine
from protocol.units import DAY_MS, MINUTE_MS, SECOND_MS, Micros
from tests.support.sample_database import QUICK
from tests.support.stream_writers import stream_writer
from tests.support.world import SETTLEMENTS_KEPT_MS, World, run_world

PARAMS = replace(QUICK, streams=replace(QUICK.streams, letters_given=7))
PEOPLE = ("ann", "bob", "eve")
VALUES = 14


@dataclass
class Told:
    """What one key is told of its points."""

    balance: Micros
    performance: tuple[PerformanceLine, ...]
    board: tuple[object, ...]
    volumes: tuple[PerformanceLine, ...]
    lines: tuple[TransactionLine, ...]
    days: tuple[TransactionDay, ...]

    @property
    def settled(self) -> int:
        return len(self.lines) + sum(day.settlements for day in self.days)

    @property
    def earned(self) -> int:
        return sum(line.amount_micros for line in self.lines) + sum(day.amount_micros for day in self.days)


async def look(one: StreamWriter) -> Told:
    settled = await one.settled(limit=1_000)
    assert settled.transactions == await one.transactions(limit=1_000)
    return Told(
        (await one.balance()).balance_micros,
        await one.performance(),
        await one.board(),
        await one.volumes(),
        settled.transactions,
        settled.days,
    )


def lived(kept_ms: int, restart_every: int = 0) -> dict[str, Told]:
    """A quarter of an hour of two streams around a midnight, in which eve loses; restarts are as by a kill."""
    told: dict[str, Told] = {}

    async def scenario(world: World) -> None:
        midnight_ms = -world.clock.now_ms() % DAY_MS + world.clock.now_ms()
        await world.until(midnight_ms - 8 * MINUTE_MS)
        ann, bob, eve = (stream_writer(world, name, patience_ms=2 * MINUTE_MS) for name in PEOPLE)
        rng = np.random.default_rng(5)
        for turn in range(VALUES):
            await ann.publish_set({"cop.json": turn + 0.5, "rain.json": float(rng.normal())})
            for one, bias in ((bob, 1.5), (eve, 6.0)):
                assert () == await one.submit({("cop.json", 70): rng.normal(turn + bias, 1.0, 225)})
            await world.until(world.clock.now_ms() + 75 * SECOND_MS)
            if restart_every and turn % restart_every == 0:
                await world.stop_validator()
                await world.start_validator()
        for name, one in zip(PEOPLE, (ann, bob, eve), strict=True):
            told[name] = await look(one)

    async def with_short_memory(world: World) -> None:
        world.settlements_kept_ms = kept_ms
        await world.stop_validator()
        await world.start_validator()
        await scenario(world)

    run_world(with_short_memory, params=PARAMS)
    return told


def test_balances_boards_and_performance_are_those_of_a_validator_that_folds_nothing():
    whole = lived(SETTLEMENTS_KEPT_MS)
    for days, folded in ((1, lived(2 * MINUTE_MS)), (2, lived(2 * MINUTE_MS, restart_every=3))):
        for name in PEOPLE:
            kept, told = whole[name], folded[name]
            assert () == kept.days
            assert kept.lines[: len(told.lines)] == told.lines
            assert len(told.lines) < len(kept.lines)
            assert (kept.settled, kept.earned) == (told.settled, told.earned)
            assert days == len({day.day for day in told.days})
            assert (kept.balance, kept.performance, kept.board, kept.volumes) == (
                told.balance,
                told.performance,
                told.board,
                told.volumes,
            )
    assert whole["eve"].earned < 0 < whole["bob"].earned
