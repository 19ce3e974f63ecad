"""Series under the watcher in virtual time: other starting days, venues without a past, conversion, corrections."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

import numpy as np

from neurons.market.calendars import calendar_of
from neurons.market.candles import CandleArrays
from neurons.market.evidence import close_of, no_history
from neurons.market.generated import GeneratedMarket, MarketShape, VenueShape
from neurons.market.markets import WatchedMarket
from neurons.market.problems import VenueProblem, unavailable
from neurons.market.rates import RateBook
from neurons.market.recorded import RecordedSource
from neurons.market.settling import Absence, SettleRules, Settling
from neurons.market.sources import CandleSource, MemoryVenue
from neurons.ports import Candle, CandlePage, PriceVenue
from neurons.records import CloseRow
from neurons.validating.history import CloseHistory
from protocol.params import MAIN
from protocol.rules.prices import Verdict
from protocol.units import DAY_MS, HOUR_MS, MINUTE_MS, PRICE_SCALE, PriceE8, UnixMs
from tests.support.virtual_time import START_MS, VirtualClock, run_virtual

STEP_MS = 5 * MINUTE_MS
WINDOW = 24
PARAMS = replace(
    MAIN,
    truth=replace(MAIN.truth, basis_window_steps=WINDOW),
    time=replace(MAIN.time, min_history_steps=200),
    loss=replace(MAIN.loss, sigma_window_steps=200),
)
RULES = SettleRules.of(PARAMS)
ORIGIN_MS = START_MS - START_MS % DAY_MS - 3 * DAY_MS
RESTLESS = tuple(
    VenueShape(f"gen-{name}", basis_bp=basis, gap_ppm=30_000, bad_print_ppm=20_000)
    for name, basis in (("amber", 0.0), ("birch", 40.0), ("coral", -25.0), ("delta", 3.0))
)
MARKET = GeneratedMarket(MarketShape(seed=11, origin_ms=ORIGIN_MS, venues=RESTLESS))


async def rows_of(market: WatchedMarket, *, since_ms: int, enough: Callable[[list[CloseRow]], bool]) -> list[CloseRow]:
    """What the market hands out until it is enough. Leaves the market."""
    rows: list[CloseRow] = []
    async with market, aclosing(market.closes(since_ms=since_ms)) as closes:
        async for row in closes:
            rows.append(row)
            if enough(rows):
                break
    return rows


def until(end_ms: int) -> Callable[[list[CloseRow]], bool]:
    return lambda rows: rows[-1].close_at_ms >= end_ms


def memory_venues(clock: VirtualClock, sources: Sequence[CandleSource]) -> list[PriceVenue]:
    return [MemoryVenue(source.label, source, clock) for source in sources]


def test_validators_that_start_on_different_days_have_the_same_closes_sigma_and_digest_two_windows_later():
    async def rows_from(since_ms: int) -> list[CloseRow]:
        clock = VirtualClock()
        watched = WatchedMarket("BTC-USD", memory_venues(clock, MARKET.sources()), clock, PARAMS)
        return await rows_of(watched, since_ms=since_ms, enough=until(START_MS))

    later_ms = ORIGIN_MS + DAY_MS
    early, late = run_virtual(rows_from(ORIGIN_MS)), run_virtual(rows_from(later_ms))
    agreed_from_ms = later_ms + (2 * WINDOW + 1) * STEP_MS
    same = [{r.close_at_ms: r.close_e8 for r in rows if r.close_at_ms >= agreed_from_ms} for rows in (early, late)]
    assert same[0] == same[1]
    assert 300 < len(same[0])
    assert any(v.adjusted_e8 != v.close_e8 for r in late for v in close_of(r).agreement.verdicts)
    assert _sigma(early) == _sigma(late)


def _sigma(rows: list[CloseRow]) -> tuple[int, bytes]:
    history = CloseHistory("BTC-USD", PARAMS)
    for row in rows:
        history.add(row.close_at_ms, row.close_e8)
    return history.sigma(rows[-1].close_at_ms)


class Forgetful:
    """A venue that keeps only its newest candles, and says so."""

    def __init__(self, venue: PriceVenue, clock: VirtualClock, *, keeps: int) -> None:
        self._venue, self._clock, self._keeps = venue, clock, keeps

    @property
    def name(self) -> str:
        return "forgetful"

    async def closed_candles(self, *, since_ms: int, limit: int) -> CandlePage:
        first_ms = (self._clock.now_ms() // STEP_MS - self._keeps) * STEP_MS
        if since_ms < first_ms:
            raise unavailable(self.name, VenueProblem.NO_HISTORY, "too long ago", keeps_from_ms=first_ms)
        return await self._venue.closed_candles(since_ms=since_ms, limit=limit)

    async def aclose(self) -> None: ...


def test_a_venue_that_keeps_no_past_holds_nothing_up_and_counts_from_where_it_begins():
    async def main() -> tuple[list[CloseRow], int]:
        clock = VirtualClock()
        *others, last = memory_venues(clock, MARKET.sources())
        venues = [*others, Forgetful(last, clock, keeps=100)]
        watched = WatchedMarket("BTC-USD", venues, clock, PARAMS)
        rows = await rows_of(watched, since_ms=ORIGIN_MS, enough=until(START_MS - STEP_MS))
        return rows, clock.now_ms() - START_MS

    rows, took_ms = run_virtual(main())
    whose = {row.close_at_ms: close_of(row) for row in rows}
    begins_ms = (START_MS // STEP_MS - 100) * STEP_MS
    assert took_ms < RULES.patience_ms
    assert all(close.absent["forgetful"] is Absence.NO_HISTORY for at, close in whose.items() if at <= begins_ms)
    heard = [at for at, close in whose.items() if "forgetful" in close.seen]
    assert begins_ms < heard[0]
    assert 80 < len(heard)


def tether_sources() -> list[RecordedSource]:
    """The market's venues quoted in a tether that falls from 1 to 0.9 within the last day."""
    scaled = []
    for source in MARKET.sources():
        candles = source.candles(ORIGIN_MS, START_MS + DAY_MS)
        rates = np.array([rate_at(at + STEP_MS) for at in candles.open_time_ms.tolist()])
        prices = np.rint(candles.prices_e8 * (PRICE_SCALE / rates)).astype(np.int64)
        arrays = CandleArrays(candles.open_time_ms, prices, candles.volume)
        scaled.append(RecordedSource(f"{source.label} in tethers", arrays))
    return scaled


def rate_at(close_at_ms: int) -> int:
    falling = max(0, close_at_ms - (START_MS - DAY_MS))
    return PRICE_SCALE - min(falling, DAY_MS) * (PRICE_SCALE // 10) // DAY_MS


def converted_rows(book: RateBook, *, count: int) -> list[CloseRow]:
    """Two venues in dollars and two in tethers, the latter converted by the book."""

    async def main() -> list[CloseRow]:
        clock = VirtualClock()
        dollars = memory_venues(clock, MARKET.sources()[:2])
        tethers = memory_venues(clock, tether_sources()[2:])
        watched = WatchedMarket(
            "BTC-USD", [*dollars, *tethers], clock, PARAMS, rates={venue.name: book for venue in tethers}
        )
        since_ms = START_MS - START_MS % STEP_MS - (count - 1) * STEP_MS
        return await rows_of(watched, since_ms=since_ms, enough=lambda rows: len(rows) == count)

    return run_virtual(main())


def test_venues_in_another_currency_count_at_the_rate_of_their_instant():
    book = RateBook()
    for at in range(ORIGIN_MS, START_MS + HOUR_MS, STEP_MS):
        book.put(at, rate_at(at))
    rows = converted_rows(book, count=250)
    in_tethers = [v for row in rows for v in close_of(row).agreement.verdicts if v.venue.endswith("tethers")]
    assert 400 < sum(v.verdict is Verdict.COUNTED for v in in_tethers)
    assert all(row.close_e8 for row in rows[-5:])
    rates = {report.rate_e8 for row in rows for report in close_of(row).reports}
    assert 200 < len(rates)


def test_a_rate_that_is_missing_takes_its_venues_out_and_the_others_decide():
    book = RateBook()
    for at in range(ORIGIN_MS, START_MS + HOUR_MS, STEP_MS):
        book.put(at, None if at > START_MS - HOUR_MS else rate_at(at))
    (*_, row) = converted_rows(book, count=50)
    found = {v.venue: v.verdict for v in close_of(row).agreement.verdicts}
    assert Verdict.NO_RATE in found.values()
    assert {Verdict.NO_RATE} == {verdict for venue, verdict in found.items() if venue.endswith("tethers")}


def test_a_close_waits_for_the_rate_of_its_instant_until_it_gives_up():
    book = RateBook()
    for at in range(ORIGIN_MS, START_MS - HOUR_MS + 1, STEP_MS):
        book.put(at, rate_at(at))
    rows = converted_rows(book, count=20)
    late = [row for row in rows if row.close_at_ms > START_MS - HOUR_MS]
    assert late
    assert all(row.agreed_at_ms >= row.close_at_ms + RULES.give_up_ms for row in late)


class Correcting:
    """A venue that from some instant on shows another close for one of its candles."""

    def __init__(self, venue: PriceVenue, clock: VirtualClock, *, open_ms: int, from_ms: int) -> None:
        self._venue, self._clock, self._open_ms, self._from_ms = venue, clock, open_ms, from_ms

    @property
    def name(self) -> str:
        return self._venue.name

    async def closed_candles(self, *, since_ms: int, limit: int) -> CandlePage:
        page = await self._venue.closed_candles(since_ms=since_ms, limit=limit)
        if self._clock.now_ms() < self._from_ms:
            return page
        changed = [
            replace(c, high_e8=c.high_e8 * 2, close_e8=c.close_e8 + c.close_e8 // 500)
            if c.open_time_ms == self._open_ms
            else c
            for c in page.candles
        ]
        return replace(page, candles=tuple(changed))

    async def aclose(self) -> None: ...


def test_a_final_candle_that_its_venue_corrects_comes_again_as_a_revision_within_the_hour():
    at_ms = START_MS - START_MS % STEP_MS - 6 * HOUR_MS

    async def main() -> list[CloseRow]:
        clock = VirtualClock()
        changes_ms = START_MS + 30 * MINUTE_MS
        venues: list[PriceVenue] = [
            Correcting(venue, clock, open_ms=at_ms - STEP_MS, from_ms=changes_ms)
            for venue in memory_venues(clock, MARKET.sources())
        ]
        watched = WatchedMarket("BTC-USD", venues, clock, PARAMS)
        return await rows_of(watched, since_ms=ORIGIN_MS, enough=until(START_MS + 3 * HOUR_MS))

    rows = run_virtual(main())
    revised = [row for row in rows if row.revision]
    first = next(row for row in rows if row.close_at_ms == at_ms)
    assert {at_ms} == {row.close_at_ms for row in revised}
    assert list(range(1, len(revised) + 1)) == [row.revision for row in revised]
    assert abs(revised[-1].close_e8 / first.close_e8 - 1.002) < 1e-4
    assert all(row.agreed_at_ms <= START_MS + 2 * HOUR_MS for row in revised)


def test_after_a_restart_corrections_of_closes_from_before_it_are_still_found_once():
    at_ms = START_MS - START_MS % STEP_MS - 6 * HOUR_MS

    async def main() -> tuple[list[CloseRow], list[CloseRow], list[CloseRow]]:
        clock = VirtualClock()
        watched = WatchedMarket("BTC-USD", memory_venues(clock, MARKET.sources()), clock, PARAMS)
        before = await rows_of(watched, since_ms=ORIGIN_MS, enough=until(START_MS - HOUR_MS))
        correcting: list[PriceVenue] = [
            Correcting(venue, clock, open_ms=at_ms - STEP_MS, from_ms=0)
            for venue in memory_venues(clock, MARKET.sources())
        ]
        told = await after(correcting, before, clock)
        stored = sorted([*before, *told], key=lambda row: (row.close_at_ms, row.revision))
        return before, told, await after(correcting, stored, clock)

    async def after(venues: list[PriceVenue], earlier: list[CloseRow], clock: VirtualClock) -> list[CloseRow]:
        watched = WatchedMarket("BTC-USD", venues, clock, PARAMS, earlier=earlier)
        since_ms = max(row.close_at_ms for row in earlier)
        end_ms = clock.now_ms() + 2 * HOUR_MS
        async with asyncio.timeout(30 * 24 * 3_600):
            return await rows_of(watched, since_ms=since_ms, enough=until(end_ms))

    _, told, again = run_virtual(main())
    assert {at_ms} == {row.close_at_ms for row in told if row.revision}
    assert [] == [row for row in again if row.revision]


def test_a_series_that_rests_is_watched_in_session_only_and_known_again_on_monday():
    stocks = calendar_of("XNYS")

    async def main() -> list[CloseRow]:
        clock = VirtualClock()  # a Sunday
        watched = WatchedMarket("SPY-USD", memory_venues(clock, MARKET.sources()), clock, PARAMS, calendar=stocks)
        return await rows_of(watched, since_ms=ORIGIN_MS, enough=until(START_MS + DAY_MS))

    rows = run_virtual(main())
    instants = [row.close_at_ms for row in rows]
    assert stocks.closes_between(ORIGIN_MS + 1, instants[-1], step_ms=STEP_MS) == instants
    before, after = (at for at in itertools.pairwise(instants) if at[1] - at[0] > DAY_MS).__next__()
    monday = next(row for row in rows if row.close_at_ms == after)
    assert (2 * DAY_MS, START_MS) < (after - before, after)
    assert any(v.adjusted_e8 != v.worth_e8 for v in close_of(monday).agreement.verdicts)
    assert monday.agreed_at_ms < after + RULES.settle_delay_ms + 2 * STEP_MS


def test_the_past_waits_for_rates_that_are_themselves_still_agreed_on_from_the_past():
    async def main() -> list[CloseRow]:
        clock, book = VirtualClock(), RateBook()

        async def catch_up() -> None:
            for at in range(ORIGIN_MS, START_MS + DAY_MS, STEP_MS):
                book.put(at, rate_at(at))
                await clock.sleep_until(clock.now_ms() + MINUTE_MS)

        venue, *others = memory_venues(clock, tether_sources())
        watched = WatchedMarket("BTC-USD", [venue, *others], clock, PARAMS, rates={venue.name: book})
        since_ms = ORIGIN_MS + 3 * HOUR_MS
        async with asyncio.TaskGroup() as tasks:
            catching_up = tasks.create_task(catch_up())
            rows = await rows_of(watched, since_ms=since_ms, enough=lambda rows: len(rows) == 300)
            catching_up.cancel()
        return rows

    reports = [report for row in run_virtual(main()) for report in close_of(row).reports]
    assert 1_000 < len(reports)
    assert all(report.rate_e8 is not None for report in reports)


def test_a_rate_of_which_more_is_settled_after_a_silence_is_waited_for_again():
    book = RateBook()
    first_ms = START_MS - START_MS % STEP_MS - DAY_MS
    state = Settling(RULES, ["a"], next_close_ms=first_ms, history=no_history(PARAMS), rates={"a": book})
    opens = [UnixMs(first_ms + (k - 1) * STEP_MS) for k in range(3)]
    low, middle, high = (PriceE8(PRICE_SCALE + k) for k in (-9, 0, 9))
    candles = tuple(Candle(at, middle, high, low, middle, 1.0 + k) for k, at in enumerate(opens))
    state.learn("a", CandlePage(candles, "memory"), since_ms=state.since_ms, limit=9, now_ms=UnixMs(START_MS))
    given_up_ms = START_MS + RULES.give_up_ms
    assert [None, None] == [state.settle(UnixMs(at)) for at in (START_MS, given_up_ms - 1)]
    assert state.settle(UnixMs(given_up_ms)) is not None
    book.put(first_ms, PRICE_SCALE)
    assert state.settle(UnixMs(given_up_ms)) is None
    book.put(first_ms + STEP_MS, PRICE_SCALE)
    settled = state.settle(UnixMs(given_up_ms))
    assert settled is not None
    assert PRICE_SCALE == settled.reports[0].rate_e8
