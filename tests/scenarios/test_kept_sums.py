"""What a validator keeps of its sharing windows: enough for any restart and re-score, and no more."""

from __future__ import annotations

from dataclasses import replace

from neurons.ports import Store
from neurons.records import SharingRow
from neurons.store.memory import MemoryStore
from neurons.validating.node import disputed_ms, evidence_kept_ms
from neurons.validating.settling import Settling
from protocol.rules.window_sums import GenerationSums
from protocol.units import HOUR_MS, MINUTE_MS, PriceE8, UnixMs
from tests.support.brisk import ANCHOR, BRISK, PATHS, POINT, STEP_MS, Oracle
from tests.support.failing_store import FailingStore
from tests.support.world import SERIES, Guessing, World, run_world

SHORT = replace(
    BRISK,
    sharing=replace(BRISK.sharing, window_ms=2 * HOUR_MS),
    retention=replace(BRISK.retention, evidence_ms=0),
    time=replace(BRISK.time, dispute_window_ms=90 * MINUTE_MS),
)


class Forgetful(FailingStore):
    """The same store without the sums that were kept: what is read from it is computed from answers alone."""

    async def sharing(self, *_, **__):
        return []


async def told(store: Store, challenge: str) -> list[GenerationSums]:
    window = (await Settling(store, SHORT).book(SERIES, challenge)).window
    return [window.generation_sums(generation) for generation in window.generations]


def kept(store: Store) -> list[SharingRow]:
    assert isinstance(store, MemoryStore)
    return list(dict(store.snapshot())["sharing"])


async def two_miners(world: World) -> None:
    await world.miner("alice", Oracle(world.market))
    await world.miner("bob", Guessing(1))


def test_sums_go_when_nothing_begins_with_them_any_more():
    async def scenario(world: World) -> None:
        await two_miners(world)
        await world.until(ANCHOR + 12 * HOUR_MS)
        rows, now = kept(world.validator_store), world.clock.now_ms()

        assert {POINT, PATHS} == {row.challenge for row in rows}
        assert min(row.through_ms for row in rows) >= now - evidence_kept_ms(SHORT) - 3 * HOUR_MS
        before = [row for row in rows if row.through_ms < now - disputed_ms(SHORT) - 3 * HOUR_MS]
        of = [(row.challenge, row.generation) for row in before]
        assert sorted(set(of)) == sorted(of)
        for challenge in (POINT, PATHS):
            assert await told(world.validator_store, challenge) == await told(
                Forgetful(world.validator_store), challenge
            )

    run_world(scenario, params=SHORT)


def test_after_a_re_score_the_kept_sums_are_those_that_the_answers_give():
    at = ANCHOR + 85 * MINUTE_MS

    async def scenario(world: World) -> None:
        close = world.market.close(at)
        world.market.misprints[at] = PriceE8(close + close // 250)
        await two_miners(world)
        await world.until(at + 76 * MINUTE_MS)
        store, before = world.validator_store, kept(world.validator_store)
        [agreed] = await store.closes(SERIES, from_ms=at, to_ms=at)
        assert world.validator is not None
        await world.validator.take_close(replace(agreed, revision=1, close_e8=close))
        await world.until(at + 78 * MINUTE_MS)

        rescored = [row for row in await store.rounds(challenge=POINT, limit=1_000) if row.revision]
        assert any(row.anchor_at_ms < before[-1].through_ms for row in rescored)
        assert before == [row for row in kept(store) if row in before]
        for challenge in (POINT, PATHS):
            assert await told(store, challenge) == await told(Forgetful(store), challenge)
            first = UnixMs(min(row.anchor_at_ms for row in rescored) // STEP_MS * STEP_MS)
            windows = [
                (await Settling(one, SHORT).book_before(SERIES, challenge, first, meanwhile=_nothing)).window
                for one in (store, Forgetful(store))
            ]
            one, other = ([w.generation_sums(g) for g in w.generations] for w in windows)
            assert one == other

    run_world(scenario, params=SHORT)


async def _nothing() -> None:
    return None
