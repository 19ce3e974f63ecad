"""A venue's correction inside the dispute window scores its rounds again, and those whose memory rests on them."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace

import pytest

from neurons.records import Change, CloseRow
from protocol import codec
from protocol.messages import Purpose
from protocol.rules.calendar import step_closes_ms
from protocol.rules.ledger import balance_account
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS, PriceE8, UnixMs
from tests.support.brisk import ANCHOR, BRISK, PATHS, POINT, STEP_MS, Oracle, Outcome, outcome_of, play, rows_of
from tests.support.failing_store import FailingStore, PowerCut, power_cut_at
from tests.support.virtual_time import run_virtual
from tests.support.world import SERIES, Guessing, World, signing_key

DISPUTED = replace(BRISK, time=replace(BRISK.time, dispute_window_ms=90 * MINUTE_MS))
CLOSE_MS = ANCHOR + 85 * MINUTE_MS
"""The corrected close: by then skill is proven and paid for."""
LATER_MS = CLOSE_MS + 76 * MINUTE_MS
"""When the correction comes: rounds that the close belongs to have resolved, and rounds after them have."""
RECENT_MS = CLOSE_MS + 70 * MINUTE_MS
SEEN_MS = LATER_MS + MINUTE_MS
END_MS = ANCHOR + 6 * HOUR_MS


def corrected(world: World, close_at_ms: int, *, revision: int = 1, ppm: int = 0) -> CloseRow:
    """The right close, or one that is off by so much."""
    right = world.market.close(close_at_ms)
    close = PriceE8(right + right * ppm // 1_000_000)
    return CloseRow(SERIES, UnixMs(close_at_ms), revision, close, "", b"[]", UnixMs(0))


def misprint(world: World, close_at_ms: int, *, ppm: int = 4_000) -> None:
    world.market.misprints[close_at_ms] = corrected(world, close_at_ms, ppm=ppm).close_e8  # type: ignore[assignment]


async def take(world: World, *rows: CloseRow) -> None:
    assert world.validator is not None
    for row in rows:
        await world.validator.take_close(row)


async def everybody(world: World) -> None:
    await world.miner("alice", Oracle(world.market))
    await world.miner("bob", Guessing(1))


def contains(row, close_at_ms: int) -> bool:
    return close_at_ms in (row.anchor_at_ms, *step_closes_ms(row.anchor_at_ms, DISPUTED.time))


def by_round(outcome: Outcome, table: str) -> dict:
    found: dict = {}
    for rows in getattr(outcome, table).values():
        for row in rows:
            found.setdefault(row.round_id, set()).add(row)
    return found


async def until_seen(world: World) -> None:
    misprint(world, CLOSE_MS)
    await everybody(world)
    await world.until(LATER_MS)


async def correct_one(world: World) -> None:
    await until_seen(world)
    await take(world, corrected(world, CLOSE_MS))


@pytest.fixture(scope="module")
def before() -> Outcome:
    return play(until_seen, until_ms=SEEN_MS, params=DISPUTED)


@pytest.fixture(scope="module")
def after() -> Outcome:
    return play(correct_one, until_ms=SEEN_MS, params=DISPUTED)


@pytest.mark.parametrize("close_at_ms", [ANCHOR + HOUR_MS, CLOSE_MS, ANCHOR + 2 * HOUR_MS])
def test_corrected_before_the_next_opening_everything_is_as_if_it_had_never_been_wrong(close_at_ms):
    async def wrong(world: World) -> None:
        misprint(world, close_at_ms)
        await everybody(world)
        await world.until(close_at_ms + MINUTE_MS)
        await take(world, corrected(world, close_at_ms))

    right, mended = (play(scenario, until_ms=END_MS, params=DISPUTED) for scenario in (everybody, wrong))

    again = [row for row in mended.rounds if row.revision]
    assert again
    assert right.scores == mended.scores
    assert right.pays == mended.pays
    assert right.balances == mended.balances
    assert right.epochs == mended.epochs
    assert right.rounds == [
        replace(row, revision=0, reason="" if row.revision else row.reason) for row in mended.rounds
    ]


def test_a_later_correction_changes_what_follows_from_the_close_and_nothing_else(before, after):
    first = min(row.anchor_at_ms for row in before.rounds if row.state == "resolved" and contains(row, CLOSE_MS))
    told = {row.round_id: row for row in before.rounds}
    scores, pays = ([by_round(one, table) for one in (before, after)] for table in ("scores", "pays"))
    assert 15 < sum(row.revision for row in after.rounds)
    for row in after.rounds:
        was = told[row.round_id]
        assert (was.opening, was.sigma_pico, was.state, was.due_at_ms) == (
            row.opening, row.sigma_pico, row.state, row.due_at_ms
        )  # fmt: skip
        assert was.resolved_at_ms == row.resolved_at_ms
        same = [table[0].get(row.round_id) == table[1].get(row.round_id) for table in (scores, pays)]
        if row.state != "resolved" or row.anchor_at_ms < first:
            assert (was, [True, True]) == (row, same)
        elif contains(row, CLOSE_MS):
            assert (1, False) == (row.revision, same[0])
            assert was.truth_digest != row.truth_digest
            assert row.reason.startswith(f"re-scored: {SERIES} close at {CLOSE_MS} corrected from 6")
        else:
            assert (was.truth_digest, True) == (row.truth_digest, same[0])
            assert (row.revision == 0) == same[1]
    later = [row for row in after.rounds if row.revision and not contains(row, CLOSE_MS)]
    assert {"re-scored: rounds before it were"} == {row.reason for row in later}


def test_what_was_accrued_is_taken_back_before_it_is_accrued_anew_and_only_that_is_paid(before, after):
    ids = {t.id: t for t in after.transactions}
    for row in after.rounds:
        old, new = (ids.get(f"accrual/{row.round_id.hex()}/{revision}") for revision in (0, 1))
        undone = ids.get(f"reversal/accrual/{row.round_id.hex()}/0")
        assert bool(row.revision) == (new is not None) == (undone is not None)
        if undone is not None and old is not None and new is not None:
            assert (row.reason, new.at_ms) == (undone.memo, undone.at_ms)
            total = {p.account: p.amount_micros for p in old.postings}
            assert {a: -m for a, m in total.items()} == {p.account: p.amount_micros for p in undone.postings}
    assert {t.id for t in before.transactions} <= ids.keys()

    paid = play(correct_one, until_ms=END_MS, params=DISPUTED)
    for name in ("alice", "bob"):
        key = signing_key(name).hotkey
        closed = {(epoch.challenge, epoch.epoch) for epoch in paid.epochs}
        due = sum(p.accrued_micros for p in paid.pays[key] if (p.challenge, p.epoch) in closed)
        assert due == paid.balances.get((balance_account(key), "aug"), 0)
        assert due > 0 or name == "bob"
    assert "final" in {row.state for row in paid.rounds if row.revision}


def test_the_market_may_hand_it_over_between_two_closes(after):
    async def through_the_port(world: World) -> None:
        await until_seen(world)
        world.market.corrections.append(corrected(world, CLOSE_MS))
        await world.until(LATER_MS + STEP_MS)

    outcome = play(through_the_port, until_ms=LATER_MS + STEP_MS + MINUTE_MS, params=DISPUTED)

    again = {row.round_id: row.truth_digest for row in after.rounds if row.revision}
    assert again.items() <= {row.round_id: row.truth_digest for row in outcome.rounds if row.revision}.items()


def test_the_same_correction_twice_and_a_restart_change_nothing_more():
    async def main(world: World) -> None:
        await correct_one(world)
        await world.until(SEEN_MS)
        rows = rows_of(world.validator_store)
        await take(world, replace(corrected(world, CLOSE_MS), agreed_at_ms=UnixMs(7)))
        await world.until(SEEN_MS + 20 * SECOND_MS)
        assert rows == rows_of(world.validator_store)
        await world.stop_validator()
        await world.start_validator()
        await world.until(SEEN_MS + 40 * SECOND_MS)
        assert rows == rows_of(world.validator_store)

    play(main, until_ms=SEEN_MS + MINUTE_MS, params=DISPUTED)


def test_the_miners_hear_of_their_new_scores():
    heard: dict = {}

    async def main(world: World) -> None:
        await correct_one(world)
        await world.until(SEEN_MS)
        for told in await world.miners["alice"].store.feedback():
            request = codec.decode(Purpose.FEEDBACK, told.body)
            heard[request.round_id] = request

    outcome = play(main, until_ms=SEEN_MS, params=DISPUTED)

    scores = {score.round_id: score for score in outcome.scores[signing_key("alice").hotkey]}
    again = [row for row in outcome.rounds if row.revision]
    assert [row.reason for row in again] == [heard[row.round_id].reason for row in again]
    assert [scores[r.round_id].loss_nano for r in again] == [heard[r.round_id].loss_nano for r in again]


def test_two_corrections_in_either_order_end_alike():
    def in_order(*places: int) -> Outcome:
        async def main(world: World) -> None:
            misprint(world, CLOSE_MS - 3 * STEP_MS)
            await until_seen(world)
            rows = [
                corrected(world, CLOSE_MS, revision=1, ppm=900),
                corrected(world, CLOSE_MS, revision=2),
                corrected(world, CLOSE_MS - 3 * STEP_MS),
            ]
            for place in places:
                await take(world, rows[place])
                await world.until(world.clock.now_ms() + 40 * SECOND_MS)

        return play(main, until_ms=LATER_MS + 10 * MINUTE_MS, params=DISPUTED)

    want, *others = in_order(0, 1, 2), in_order(2, 1, 0), in_order(1, 0, 2)
    for outcome in others:
        assert want.scores == outcome.scores
        assert want.pays == outcome.pays
        assert want.balances == outcome.balances


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({}, "after the dispute window"),
        ({"close_e8": None, "close_at_ms": RECENT_MS}, "take a close away"),
        ({"revision": 0, "close_at_ms": RECENT_MS}, "said another close before"),
    ],
)
def test_what_comes_too_late_or_is_no_correction_changes_nothing_and_is_on_record(change, word):
    late_ms = CLOSE_MS + 90 * MINUTE_MS if not change else LATER_MS

    def ending(times: int) -> dict:
        rows: dict = {}

        async def main(world: World) -> None:
            misprint(world, RECENT_MS)
            await until_seen(world)
            await world.until(late_ms)
            row = replace(corrected(world, change.get("close_at_ms", CLOSE_MS)), **change)
            await take(world, *times * [row])
            await world.until(late_ms + 11 * MINUTE_MS)
            rows.update(rows_of(world.validator_store))

        play(main, until_ms=late_ms + 11 * MINUTE_MS, params=DISPUTED)
        return rows

    without, rows = ending(0), ending(2)
    [record] = [row for row in rows["meta"] if row not in without["meta"]]
    series, close_at_ms, revision = record.key.split("/")[1:]
    assert (SERIES, change.get("close_at_ms", CLOSE_MS), change.get("revision", 1)) == (
        series, int(close_at_ms), int(revision)
    )  # fmt: skip
    assert word in json.loads(record.value)["dispute"]
    assert without == rows | {"meta": without["meta"]}


def test_one_millisecond_before_the_window_ends_it_still_counts():
    async def main(world: World) -> None:
        await until_seen(world)
        await world.until(CLOSE_MS + 90 * MINUTE_MS - 1)
        await take(world, corrected(world, CLOSE_MS))

    outcome = play(main, until_ms=CLOSE_MS + 2 * HOUR_MS, params=DISPUTED)

    assert all(row.revision for row in outcome.rounds if contains(row, CLOSE_MS) and row.truth_digest)


def test_a_round_that_waits_for_a_close_gets_it_and_a_void_one_stays_void():
    gone_ms = ANCHOR + HOUR_MS

    async def main(world: World) -> None:
        world.market.missing.add(gone_ms)
        await everybody(world)
        await world.until(gone_ms + 50 * MINUTE_MS)
        await take(world, corrected(world, gone_ms))

    outcome = play(main, until_ms=END_MS, params=DISPUTED)

    last = {row.challenge: row for row in outcome.rounds if row.anchor_at_ms == gone_ms - 12 * STEP_MS}
    assert {POINT: "void", PATHS: "void"} == {name: row.state for name, row in last.items()}
    at = {row.challenge: row for row in outcome.rounds if row.anchor_at_ms == gone_ms}
    assert {POINT: "final", PATHS: "final"} == {name: row.state for name, row in at.items()}


class Watched(FailingStore):
    """Notes which of the changes is the correction."""

    corrected_at = 0

    async def apply(self, change: Change) -> None:
        if any(row.revision for row in change.closes):
            self.corrected_at = self.corrected_at or self.applied + 1
        await super().apply(change)


def life(cut_before: int = 0, cut_after: int = 0) -> tuple[Outcome, int, int]:
    """A correction, and a power cut at a write: what is stored, the number of the correction's write, the cuts."""

    async def main():
        world = World(DISPUTED)
        inner = world.validator_store
        store = Watched(inner, before_apply=power_cut_at(cut_before), after_apply=power_cut_at(cut_after))
        world.validator_store = store
        cuts = 0
        try:
            await world.start_validator()
            await until_seen(world)
            world.market.corrections.append(corrected(world, CLOSE_MS))
            while world.clock.now_ms() < SEEN_MS + STEP_MS:
                try:
                    await world.until(SEEN_MS + STEP_MS)
                except BaseExceptionGroup as gone:
                    if gone.subgroup(PowerCut) is None:
                        raise
                    cuts += 1
                    with suppress(BaseExceptionGroup):
                        await world.stop_validator()
                    if not await inner.revisions(SERIES, CLOSE_MS) or cuts > 2:
                        raise
                    if len(await inner.revisions(SERIES, CLOSE_MS)) == 1 and not world.market.corrections:
                        world.market.corrections.append(corrected(world, CLOSE_MS))
                    await world.start_validator()
            return await outcome_of(inner), store.corrected_at, cuts
        finally:
            with suppress(BaseExceptionGroup):
                await world.close()
            await asyncio.sleep(0)

    return run_virtual(main())


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_write_around_it_a_restart_finishes_what_the_correction_began(moment):
    want, place, _ = life()
    assert 10 < sum(row.revision for row in want.rounds)
    for number in range(place - 1, place + 4):
        outcome, _, cuts = life(**{f"cut_{moment}": number})

        told = f"cut {moment} write {number}"
        assert 1 == cuts, told
        outcome.check_money()
        assert want.scores == outcome.scores, told
        assert want.pays == outcome.pays, told
        assert want.balances == outcome.balances, told
        assert sorted(t.id for t in want.transactions) == sorted(t.id for t in outcome.transactions), told


class Slow:
    """A store that needs ten seconds to say what a round was scored."""

    def __init__(self, world: World) -> None:
        self._clock, self._inner = world.clock, world.validator_store

    async def round_scores(self, round_id):
        await self._clock.sleep_until(self._clock.now_ms() + 10 * SECOND_MS)
        return await self._inner.round_scores(round_id)

    def __getattr__(self, name):
        return getattr(self._inner, name)


def test_however_long_it_takes_the_windows_of_other_rounds_are_kept():
    async def main(world: World) -> None:
        world.validator_store, inner = Slow(world), world.validator_store  # type: ignore[assignment]
        await world.stop_validator()
        await world.start_validator()
        await until_seen(world)
        await world.until(LATER_MS + 2 * MINUTE_MS)
        await take(world, corrected(world, CLOSE_MS))
        await world.until(LATER_MS + 10 * MINUTE_MS)
        world.validator_store = inner

    outcome = play(main, until_ms=LATER_MS + 12 * MINUTE_MS, params=DISPUTED)

    assert 15 < sum(row.revision for row in outcome.rounds)
    opened = [row for row in outcome.rounds if CLOSE_MS < row.anchor_at_ms < LATER_MS + 8 * MINUTE_MS]
    points = [row.anchor_at_ms for row in opened if row.challenge == POINT]
    assert list(range(CLOSE_MS + STEP_MS, LATER_MS + 8 * MINUTE_MS, STEP_MS)) == points
    assert "void" not in {row.state for row in opened}
    answered = {(row.round_id, row.hotkey) for row in outcome.submissions}
    keys = [signing_key(name).hotkey for name in ("alice", "bob")]
    assert {(row.round_id, key) for row in opened for key in keys} <= answered
