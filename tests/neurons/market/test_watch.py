"""The watcher under virtual time, and its faults table over real sockets: no wrong close is ever agreed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest

from neurons.clock import HandClock
from neurons.market.evidence import close_of, history_of, no_history, row_of
from neurons.market.faults import Faults
from neurons.market.feed import agreed_closes
from neurons.market.generated import GeneratedMarket, MarketShape
from neurons.market.markets import SourceMarket, WatchedMarket
from neurons.market.problems import VenueProblem
from neurons.market.server import PriceServer
from neurons.market.settling import AgreedClose, SettleRules
from neurons.market.sources import MemoryVenue
from neurons.market.venues import LiveVenue
from neurons.market.watch import MarketWatch, WatchSettings
from neurons.ports import CandlePage, Market, PriceVenue
from neurons.records import CloseRow
from protocol.params import MAIN
from protocol.units import DAY_MS, MINUTE_MS, UnixMs
from tests.support.virtual_time import START_MS, VirtualClock, run_virtual

STEP_MS = 5 * MINUTE_MS
RULES = SettleRules.of(MAIN)
ORIGIN_MS = START_MS - START_MS % DAY_MS - 2 * DAY_MS


def market() -> GeneratedMarket:
    return GeneratedMarket(MarketShape(seed=6, origin_ms=ORIGIN_MS))


def expected(from_ms: int, count: int) -> list[tuple[int, int | None, str]]:
    """What the feed agrees on from the same sources."""
    sources = {source.name: source for source in market().sources()}
    closes = agreed_closes(
        sources, RULES, from_ms=from_ms, to_ms=from_ms + (count - 1) * STEP_MS, history=no_history(MAIN)
    )
    return [(c.close_at_ms, c.close_e8, c.reason) for c in closes]


async def first_rows(market_port: Market, count: int, *, since_ms: int = START_MS - DAY_MS) -> list[CloseRow]:
    rows: list[CloseRow] = []
    async with aclosing(market_port.closes(since_ms=since_ms)) as closes:  # type: ignore[type-var]
        async for row in closes:
            rows.append(row)
            if len(rows) == count:
                break
    return rows


class Hanging:
    """A venue that takes every question and answers none."""

    name = "hangs"

    async def closed_candles(self, *, since_ms: int, limit: int) -> CandlePage:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def aclose(self) -> None: ...


def test_the_watcher_catches_up_and_goes_on_live_with_what_the_feed_agrees_on():
    async def main() -> tuple[list[CloseRow], list[int]]:
        clock = VirtualClock()
        venues = [MemoryVenue(source.name, source, clock) for source in market().sources()]
        steps = (START_MS + DAY_MS - ORIGIN_MS) // STEP_MS
        async with WatchedMarket("BTC-USD", venues, clock, MAIN) as watched:
            rows = await first_rows(watched, steps, since_ms=ORIGIN_MS)
        return rows, [row.agreed_at_ms - row.close_at_ms for row in rows]

    rows, ages = run_virtual(main())
    assert expected(ORIGIN_MS + STEP_MS, len(rows)) == [(r.close_at_ms, r.close_e8, r.reason) for r in rows]
    live = [age for row, age in zip(rows, ages, strict=True) if row.close_at_ms > START_MS]
    assert 287 <= len(live)
    assert min(live) == RULES.settle_delay_ms
    assert sorted(live)[len(live) // 2] < RULES.settle_delay_ms + 1_000


def test_a_venue_that_hangs_holds_up_one_close_and_then_nobody():
    async def main() -> tuple[list[CloseRow], int, dict[str, int]]:
        clock = VirtualClock()
        venues: list[PriceVenue] = [MemoryVenue(s.name, s, clock) for s in market().sources()]
        async with WatchedMarket("BTC-USD", [*venues, Hanging()], clock, MAIN) as watched:
            since = clock.now_ms() - 20 * STEP_MS
            rows = await first_rows(watched, 40, since_ms=since)
            problems = {name: health.problems[VenueProblem.TIMEOUT] for name, health in watched.health.items()}
            return rows, clock.now_ms() - rows[-1].close_at_ms, problems

    rows, age_ms, problems = run_virtual(main())
    assert [] == [row for row in rows if row.close_e8 is None]
    assert age_ms < RULES.settle_delay_ms + 1_000
    assert problems.pop("hangs") > 0
    assert {0} == set(problems.values())


def test_source_market_and_watched_market_hand_out_the_same_rows():
    async def main() -> None:
        clock = VirtualClock()
        sources = {source.name: source for source in market().sources()}
        venues = [MemoryVenue(name, source, clock) for name, source in sources.items()]
        async with WatchedMarket("BTC-USD", venues, clock, MAIN) as watched:
            from_venues = await first_rows(watched, 400)
        from_sources = await first_rows(SourceMarket("BTC-USD", sources, clock, MAIN), 400)
        assert [(r.close_at_ms, r.close_e8, r.reason) for r in from_sources] == [
            (r.close_at_ms, r.close_e8, r.reason) for r in from_venues
        ]

    run_virtual(main())


def test_closes_are_handed_out_once():
    async def main() -> None:
        clock = VirtualClock()
        venues = [MemoryVenue(source.name, source, clock) for source in market().sources()]
        async with WatchedMarket("BTC-USD", venues, clock, MAIN) as watched:
            await first_rows(watched, 1)
            with pytest.raises(RuntimeError, match="already"):
                await first_rows(watched, 1)

    run_virtual(main())


def test_a_stored_close_reads_back_and_two_windows_of_rows_are_history_enough():
    sources = {source.name: source for source in market().sources()}
    first, last = ORIGIN_MS + STEP_MS, ORIGIN_MS + 4 * DAY_MS
    closes = list(agreed_closes(sources, RULES, from_ms=first, to_ms=last, history=no_history(MAIN)))
    rows = [row_of(close, series="BTC-USD", agreed_at_ms=UnixMs(close.close_at_ms)) for close in closes]
    assert closes == [close_of(row) for row in rows]
    assert history_of(rows, MAIN) == history_of(rows[-2 * MAIN.truth.basis_window_steps :], MAIN)


def test_a_restart_goes_on_as_if_it_had_never_stopped():
    sources = {source.name: source for source in market().sources()}
    first, last = ORIGIN_MS + STEP_MS, ORIGIN_MS + 6 * DAY_MS
    whole = list(agreed_closes(sources, RULES, from_ms=first, to_ms=last, history=no_history(MAIN)))
    rows = [row_of(close, series="BTC-USD", agreed_at_ms=UnixMs(close.close_at_ms)) for close in whole[:1_000]]
    again = agreed_closes(
        sources, RULES, from_ms=whole[1_000].close_at_ms, to_ms=last, history=history_of(rows[-576:], MAIN)
    )
    assert whole[1_000:] == list(again)


# Faults, over HTTP and ccxt, with a clock that the test moves from one due instant to the next.

NOW_MS = ORIGIN_MS + DAY_MS + RULES.settle_delay_ms
BAD = 1


@asynccontextmanager
async def exchanges(
    clock: HandClock, *, bad_timeout_s: float
) -> AsyncIterator[tuple[list[PriceServer], list[LiveVenue]]]:
    async with AsyncExitStack() as stack:
        servers, venues = [], []
        for index, source in enumerate(market().sources()):
            timeout_s = bad_timeout_s if index == BAD else 30.0
            servers.append(await stack.enter_async_context(PriceServer(source, clock)))
            venues.append(LiveVenue(source.name, base_url=servers[-1].url, timeout_s=timeout_s))
            stack.push_async_callback(venues[-1].aclose)
        yield servers, venues


def watched_day(faults: Faults, *, steps: int) -> tuple[list[AgreedClose], MarketWatch]:
    """A day of history from healthy venues, then `steps` closes while the second venue misbehaves."""

    async def main() -> tuple[list[AgreedClose], MarketWatch]:
        clock = HandClock(NOW_MS)
        delivered: list[AgreedClose] = []

        async def deliver(close: AgreedClose) -> None:
            delivered.append(close)

        bad_timeout_s = 0.3 if faults.hang else 30.0
        async with exchanges(clock, bad_timeout_s=bad_timeout_s) as (servers, venues):
            watch = MarketWatch(
                venues,
                clock,
                RULES,
                next_close_ms=ORIGIN_MS + STEP_MS,
                history=no_history(MAIN),
                settings=WatchSettings(page=200, deadline_ms=600_000),
            )
            await watch.catch_up(deliver)
            servers[BAD].faults = faults
            for _ in range(steps):
                clock.at_ms += STEP_MS
                await watch.catch_up(deliver)
            clock.at_ms += RULES.patience_ms
            await watch.catch_up(deliver)
        return delivered, watch

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("faults", "problem"),
    [
        (Faults(), None),
        (Faults(hang=True), VenueProblem.TIMEOUT),
        (Faults(status=502), VenueProblem.SERVER_ERROR),
        (Faults(malformed=True), VenueProblem.MALFORMED),
        (Faults(lie_bp=20), None),
        (Faults(lie_bp=-800), None),
        (Faults(rewind_ms=3 * 60 * MINUTE_MS), None),
        (Faults(repeat_last=True), VenueProblem.OUT_OF_ORDER),
        (Faults(copy_last=True), None),
        (Faults(gap_from_ms=NOW_MS - 3 * STEP_MS, gap_to_ms=NOW_MS + 5 * STEP_MS), None),
        (Faults(junk_field="NaN"), VenueProblem.BAD_PRICE),
    ],
    ids=str,
)
def test_whatever_one_venue_does_every_close_is_agreed_and_none_is_wrong(faults, problem):
    steps = 3 if faults.hang else 8
    delivered, watch = watched_day(faults, steps=steps)
    honest = {c.close_at_ms: c for c in _honest_closes(len(delivered))}
    assert 288 + steps + 2 == len(delivered)
    assert [] == [close.close_at_ms for close in delivered if close.close_e8 is None]
    for close in delivered:
        low, high = _honest_range(honest[close.close_at_ms])
        assert low * 0.9995 <= close.close_e8 <= high * 1.0005
    bad = list(watch.health.values())[BAD]
    if problem is not None:
        assert bad.problems[problem] > 0
    assert all(not h.problems for i, h in enumerate(watch.health.values()) if i != BAD)


def test_a_venue_that_goes_back_in_time_is_counted_as_such():
    _, watch = watched_day(Faults(rewind_ms=15 * MINUTE_MS), steps=1)
    _, again = watched_day(Faults(copy_last=True), steps=3)
    assert VenueProblem.WENT_BACK in list(watch.health.values())[BAD].problems
    assert list(again.health.values())[BAD].copied > 0


def _honest_closes(count: int) -> list[AgreedClose]:
    sources = {s.name: s for i, s in enumerate(market().sources()) if i != BAD}
    first = ORIGIN_MS + STEP_MS
    return list(
        agreed_closes(sources, RULES, from_ms=first, to_ms=first + (count - 1) * STEP_MS, history=no_history(MAIN))
    )


def _honest_range(close: AgreedClose) -> tuple[int, int]:
    prices = [report.close_e8 for report in close.reports]
    return min(prices), max(prices)
