"""Open streams when the power goes at any write, before it is durable and after: nothing is lost or paid twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pytest

from neurons.ports import Store
from neurons.records import Change
from neurons.validating.streams.rows import taken_back
from protocol.rules.points import POINTS, points_account
from protocol.rules.stream_book.book import StreamBook
from protocol.rules.stream_names import is_derived_name
from protocol.units import MINUTE_MS, SECOND_MS
from tests.support.failing_store import FailingStore, PowerCut, power_cut_at
from tests.support.sample_database import QUICK
from tests.support.stream_writers import stream_writer
from tests.support.virtual_time import run_virtual
from tests.support.world import START_MS, World, signing_key

PARAMS = replace(QUICK, streams=replace(QUICK.streams, letters_given=7))
VALUES = 4


class ActsCounted(FailingStore):
    """Fails at writes of acts on open streams, and counts no others."""

    async def apply(self, change: Change) -> None:
        if change.open_streams:
            await super().apply(change)
        else:
            await self.inner.apply(change)


@dataclass
class Life:
    """What was acknowledged, and what the store and the last book say at the end."""

    acknowledged: list[str]
    store: Store
    book: StreamBook
    writes: int
    cuts: int


async def streams_of_two(world: World, acknowledged: list[str]) -> None:
    """Ann publishes two streams with everything derived; bob and eve predict them; eve ends up deep in debt."""
    ann, bob, eve = (stream_writer(world, name, patience_ms=2 * MINUTE_MS) for name in ("ann", "bob", "eve"))
    rng = np.random.default_rng(5)
    for turn in range(VALUES):
        values = {"cop.json": turn + 0.5, "rain.json": float(rng.normal())}
        await ann.publish_set(values, with_copulas=True)
        acknowledged.append(repr(values["cop.json"]))
        for one, bias in ((bob, 1.5), (eve, 6.0)):
            assert () == await one.submit({("cop.json", 70): rng.normal(turn + bias, 1.0, 225)})
        await world.clock.sleep_until(world.clock.now_ms() + 75 * SECOND_MS)


def life(cut_before: int = 0, cut_after: int = 0) -> Life:
    async def main() -> Life:
        world, acknowledged, cuts = World(PARAMS), [], 0
        inner = world.validator_store
        store = ActsCounted(inner, before_apply=power_cut_at(cut_before), after_apply=power_cut_at(cut_after))
        world.validator_store = store
        try:
            await world.start_validator()
            acting = asyncio.create_task(streams_of_two(world, acknowledged))
            while not acting.done():
                try:
                    await world.until(world.clock.now_ms() + SECOND_MS)
                except BaseExceptionGroup as gone:
                    if gone.subgroup(PowerCut) is None:
                        raise
                    cuts += 1
                    with suppress(BaseExceptionGroup):
                        await world.stop_validator()
                    await world.start_validator()
            await acting
            assert world.validator is not None
            return Life(acknowledged, inner, world.validator.keeper.book, store.applied, cuts)
        finally:
            with suppress(BaseExceptionGroup):
                await world.close()

    return run_virtual(main(), start_ms=START_MS)


def check(lived: Life, told: str) -> None:
    """Every acknowledged value stands once; what each owner has is what its settlements and its streams say."""

    async def look() -> None:
        settlements = await lived.store.settlements(limit=10_000)
        moved: Counter[str] = Counter()
        for row in settlements:
            for owner, amount in zip(row.settlement.owners, row.settlement.amounts_micros, strict=True):
                moved[owner] += amount
        keys = [(row.name, row.incarnation, row.sequence, row.delay) for row in settlements]
        assert len(keys) == len(set(keys)), told
        paid = {account: amount for (account, unit), amount in (await lived.store.balances()).items() if unit == POINTS}
        assert 0 == sum(paid.values()), told
        ann = signing_key("ann").hotkey.hex()
        for owner in {*moved} - {ann}:
            assert moved[owner] == paid.get(points_account(owner), 0), told
        kept = (await taken_back(lived.store, PARAMS.streams)).book
        lived.book.state.answered.clear()
        assert kept == lived.book, told
        record = lived.book.state.streams["cop.json"]
        assert lived.acknowledged == [repr(lag.value) for lag in record.lags], told
        derived = [name for name in lived.book.state.streams if is_derived_name(name)]
        assert all(lived.book.state.streams[name].stream.owner.hex() == ann for name in derived), told

    asyncio.run(look())


@pytest.fixture(scope="module")
def undisturbed() -> Life:
    return life()


def test_an_undisturbed_life_has_points_to_lose(undisturbed):
    check(undisturbed, "undisturbed")
    assert VALUES == len(undisturbed.acknowledged)
    assert undisturbed.writes >= 3 * VALUES
    assert 0 == undisturbed.cuts


@pytest.mark.parametrize("moment", ["before", "after"])
def test_whenever_the_power_goes_nothing_is_lost_or_paid_twice(undisturbed, moment):
    tried = 0
    for number in range(1, undisturbed.writes + 1):
        lived = life(**{f"cut_{moment}": number})
        tried += lived.cuts
        check(lived, f"cut {moment} write {number}")
    assert undisturbed.writes == tried
