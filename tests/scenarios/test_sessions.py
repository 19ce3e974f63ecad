"""A series that trades by sessions: rounds are asked and scored in session, and nothing out of it is missed.

Generated prices on the calendar of US stocks, from the early close before Independence Day 2025, over the holiday and
the weekend, into the Monday after. A round has 24 steps of which at least half must lie in session.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from neurons.market.calendars import calendar_of
from neurons.market.generated import GeneratedMarket, MarketShape
from neurons.market.markets import SourceMarket
from neurons.records import CloseRow, RoundRow
from neurons.store.memory import MemoryStore
from neurons.validating.series import FollowedSeries
from protocol import codec
from protocol.rules.calendar import steps_in_session
from protocol.units import HOUR_MS, PriceE8, UnixMs
from tests.support.brisk import BRISK, PATHS, POINT
from tests.support.eventful import execute, findings_of, on_disk
from tests.support.virtual_time import run_virtual
from tests.support.world import SERIES, Guessing, World

NEW_YORK = ZoneInfo("America/New_York")
STEPS = 24
SESSIONS = replace(
    BRISK,
    time=replace(BRISK.time, steps=STEPS, min_history_steps=1_200),
    loss=replace(BRISK.loss, sigma_window_steps=1_200),
    truth=replace(BRISK.truth, basis_window_steps=48),
)
"""A hundred hours of history: the longest rest in it is 92 and a half."""


def at(text: str) -> UnixMs:
    """A time in New York."""
    return UnixMs(int(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp() * 1_000))


THURSDAY, MONDAY, NOON = at("2025-07-03 08:00"), at("2025-07-07 08:00"), at("2025-07-07 13:02")


class StockWorld(World):
    """A World whose one series trades like US stocks."""

    def __init__(self) -> None:
        super().__init__(SESSIONS)
        self.series = [FollowedSeries(SERIES, calendar_of("XNYS"))]

    async def start_validator(self):
        held = await self.validator_store.closes(SERIES, from_ms=0, to_ms=2**60)
        sources = {source.label: source for source in GeneratedMarket(MarketShape(3)).sources()}
        self.market = SourceMarket(  # type: ignore[assignment]
            SERIES, sources, self.clock, SESSIONS, earlier=held, calendar=calendar_of("XNYS")
        )
        return await super().start_validator()


def play(scenario: Callable[[StockWorld], Awaitable[None]], *, start_ms: int) -> MemoryStore:
    async def main() -> MemoryStore:
        world = StockWorld()
        try:
            await world.start_validator()
            await world.miner("alice", Guessing(1))
            await world.miner("bob", Guessing(2))
            await scenario(world)
        finally:
            await world.close()
        assert isinstance(world.validator_store, MemoryStore)
        return world.validator_store

    return run_virtual(main(), start_ms=start_ms)


async def over_the_weekend(world: StockWorld) -> None:
    """Stopped at the holiday, started again on Sunday, when nothing has traded for days."""
    await world.until(at("2025-07-04 12:00"))
    await world.stop_validator()
    await world.until(at("2025-07-06 12:00"))
    await world.start_validator()
    await world.until(NOON)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return play(over_the_weekend, start_ms=THURSDAY)


def rounds_of(store: MemoryStore, challenge: str) -> list[RoundRow]:
    async def read() -> list[RoundRow]:
        return list(await store.rounds(challenge=challenge, limit=1_000, newest_first=False))

    return run_virtual(read())


def closes_of(store: MemoryStore) -> list[CloseRow]:
    async def read() -> list[CloseRow]:
        return list(await store.closes(SERIES, from_ms=0, to_ms=2**60))

    return run_virtual(read())


def test_rounds_are_asked_where_half_of_their_steps_are_in_session(store):
    """Thursday closes at 13:00, so that noon's round is its last; Friday is a holiday."""
    times = [datetime.fromtimestamp(row.anchor_at_ms / 1_000, NEW_YORK) for row in rounds_of(store, POINT)]
    by_day = {day: [t.strftime("%H:%M") for t in times if t.day == day] for day in {t.day for t in times}}

    assert {3, 7} == set(by_day)
    assert ("09:35", "12:00", 30) == (by_day[3][0], by_day[3][-1], len(by_day[3]))
    assert ("09:35", "13:00", 42) == (by_day[7][0], by_day[7][-1], len(by_day[7]))
    assert [3, 3, 3, 7, 7, 7, 7] == [
        datetime.fromtimestamp(row.anchor_at_ms / 1_000, NEW_YORK).day for row in rounds_of(store, PATHS)
    ]


def test_steps_out_of_session_drop_out_for_everybody_and_the_round_resolves(store):
    [noon] = [row for row in rounds_of(store, PATHS) if row.anchor_at_ms == at("2025-07-03 12:00")]
    opening = codec.decode_opening(noon.opening)

    assert (True,) * 12 + (False,) * 12 == steps_in_session(opening.session_steps, opening.steps)
    assert ("final", "") == (noon.state, noon.reason)
    settled = {row.state for row in rounds_of(store, POINT) if row.anchor_at_ms < at("2025-07-07 10:00")}
    assert {"final"} == settled


def test_history_is_counted_in_session(store):
    """Of the hundred hours before Monday's first round nothing but Thursday's short session."""
    [first] = [row for row in rounds_of(store, POINT) if row.anchor_at_ms == at("2025-07-07 09:35")]

    opening = codec.decode_opening(first.opening)
    begins = at("2025-07-07 09:30") - SESSIONS.time.min_history_steps * SESSIONS.time.step_ms
    in_session = [row for row in closes_of(store) if begins < row.close_at_ms <= at("2025-07-07 09:30")]
    assert opening.history_steps == len(in_session) == 42


def test_no_close_is_missing_for_being_out_of_session(store):
    calendar = calendar_of("XNYS")

    held = {row.close_at_ms for row in closes_of(store)}
    due = calendar.closes_between(min(held), max(held), step_ms=SESSIONS.time.step_ms)
    assert held == set(due)


def test_a_validator_that_starts_on_monday_opens_the_same_rounds(store):
    async def until_noon(world: StockWorld) -> None:
        await world.until(NOON)

    later = {row.round_id: row for row in rounds_of(play(until_noon, start_ms=MONDAY), POINT)}
    earlier = [row for row in rounds_of(store, POINT) if row.round_id in later]

    assert 42 == len(later) == len(earlier)
    for row in earlier:
        one, other = (codec.decode_opening(r.opening) for r in (row, later[row.round_id]))
        assert replace(one, opened_at_ms=UnixMs(0)) == replace(other, opened_at_ms=UnixMs(0))


def test_it_is_replayed_without_the_calendar_from_what_is_stored(store, tmp_path):
    path = on_disk(store, tmp_path / "stocks.sqlite")

    findings = findings_of(path)
    assert [] == findings.differences
    assert 72 + 7 == findings.checked["rounds"]
    told = execute(path, "SELECT value FROM meta WHERE key = ?", f"series/{SERIES}")
    assert [('{"calendar":"XNYS","rounds":true,"step_ms":null}',)] == told


def test_a_close_that_a_venue_gives_out_of_session_is_none():
    async def scenario(world: StockWorld) -> None:
        assert world.validator is not None
        night = UnixMs(at("2025-07-02 20:00"))
        await world.validator.take_close(CloseRow(SERIES, night, 0, PriceE8(1), "median", b"{}", night))
        await world.until(THURSDAY + HOUR_MS)
        assert [] == list(await world.validator_store.closes(SERIES, from_ms=night, to_ms=night))

    play(scenario, start_ms=THURSDAY)


def test_a_series_that_is_only_watched_is_learnt_and_never_asked():
    async def scenario(world: StockWorld) -> None:
        await world.stop_validator()
        world.series = [FollowedSeries(SERIES, calendar_of("XNYS"), rounds=False)]
        await world.start_validator()
        await world.until(at("2025-07-03 11:00"))

    store = play(scenario, start_ms=THURSDAY)
    assert [] == rounds_of(store, POINT)
    assert at("2025-07-03 10:55") in {row.close_at_ms for row in closes_of(store)}
