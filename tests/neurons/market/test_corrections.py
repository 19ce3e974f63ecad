"""What a venue changes afterwards: only its own reports, only so far back, judged as then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurons.market.corrections import Corrections
from neurons.market.evidence import close_of, no_history, row_of
from neurons.market.health import VenueHealth
from neurons.market.settling import Absence, AgreedClose, Seen
from neurons.ports import Candle, CandlePage
from protocol.params import MAIN
from protocol.rules.price_history import PriceHistory
from protocol.rules.prices import PriceReport, Verdict, agree_close, remember
from protocol.units import MINUTE_MS, PriceE8, UnixMs

STEP_MS = 5 * MINUTE_MS
T = 1_750_000_200_000
BTC = 6_000_000_000_000
VENUES = ("a", "b", "c")
STEPS = 60
REACH_MS = 20 * STEP_MS


def candle(close_at_ms: int, close: int) -> Candle:
    price = PriceE8(close)
    return Candle(UnixMs(close_at_ms - STEP_MS), price, PriceE8(close + 9), PriceE8(close - 9), price, 1.5)


def settled_closes() -> list[tuple[AgreedClose, PriceHistory]]:
    """Sixty closes of three venues, b with a basis, c silent at the last but one; each with what was known before."""
    rng = np.random.default_rng(3)
    history, price, closes = no_history(MAIN), BTC, []
    for step in range(STEPS):
        at = UnixMs(T + step * STEP_MS)
        price += int(rng.integers(-30, 31)) * 10**8
        told = {"a": price, "b": price + 24 * 10**8, "c": price - 6 * 10**8}
        if step == STEPS - 2:
            del told["c"]
        reports = tuple(PriceReport(venue, PriceE8(close), UnixMs(at + 30_000)) for venue, close in told.items())
        seen = {venue: Seen(candle(at, close), "rest", b"\x01" * 32) for venue, close in told.items()}
        absent = {venue: Absence.NO_CANDLE for venue in VENUES if venue not in told}
        close = AgreedClose(at, agree_close(reports, history), reports, seen, absent)
        closes.append((close, history))
        history = remember(history, at, close.agreement)
    return closes


CLOSES = settled_closes()
LATER = UnixMs(T + STEPS * STEP_MS)


def corrections(health: dict[str, VenueHealth] | None = None) -> Corrections:
    counted = health or {name: VenueHealth(name) for name in VENUES}
    noted = Corrections(counted, step_ms=STEP_MS, reach_ms=REACH_MS)
    for close, before in CLOSES:
        noted.note(close, before)
    return noted


def show(state: Corrections, venue: str, *candles: Candle) -> list[AgreedClose]:
    return list(state.learn(venue, CandlePage(candles, "rest", b"\x02" * 32), now_ms=LATER))


def told(close: AgreedClose, venue: str) -> int:
    return next(report.close_e8 for report in close.reports if report.venue == venue)


def test_a_corrected_report_is_agreed_again_with_what_was_known_then():
    close, before = CLOSES[-5]
    (again,) = show(corrections(), "a", candle(close.close_at_ms, told(close, "a") + 40 * 10**8))

    others = tuple(report for report in close.reports if report.venue != "a")
    corrected = PriceReport("a", PriceE8(told(close, "a") + 40 * 10**8), LATER)
    assert agree_close((*others, corrected), before).close_e8 == again.close_e8 != close.close_e8
    assert 1 == again.revision
    assert Verdict.SUPERSEDED in {v.verdict for v in again.agreement.verdicts if v.venue == "a"}
    assert (LATER, b"\x02" * 32) == (again.reports[-1].received_at_ms, again.seen["a"].raw_sha256)


def test_its_evidence_reads_back_whole():
    close, _ = CLOSES[-5]
    (again,) = show(corrections(), "a", candle(close.close_at_ms, told(close, "a") + 40 * 10**8))

    row = row_of(again, series="BTC-USD", agreed_at_ms=LATER)
    assert (again, 1) == (close_of(row), row.revision)


def test_the_same_candles_change_nothing_and_a_change_that_moves_no_median_is_only_counted():
    health = {name: VenueHealth(name) for name in VENUES}
    state, (close, _) = corrections(health), CLOSES[-5]
    highest = max(close.agreement.verdicts, key=lambda v: v.adjusted_e8 or 0).venue

    assert [] == show(state, highest, candle(close.close_at_ms, told(close, highest)))
    assert [] == show(state, highest, candle(close.close_at_ms, told(close, highest) + 10**8))
    assert 1 == health[highest].revised


def test_a_second_correction_is_the_second_revision_also_after_a_restart():
    state, started_again = corrections(), corrections()
    close, _ = CLOSES[-5]
    (first,) = show(state, "a", candle(close.close_at_ms, told(close, "a") + 40 * 10**8))
    started_again.restate(close_of(row_of(first, series="BTC-USD", agreed_at_ms=LATER)))

    again = candle(close.close_at_ms, told(close, "a") - 40 * 10**8)
    assert [2] == [c.revision for c in show(state, "a", again)] == [c.revision for c in show(started_again, "a", again)]


def test_a_venue_that_had_not_reported_fills_nothing_later():
    close, _ = CLOSES[-2]

    assert [] == show(corrections(), "c", candle(close.close_at_ms, close.close_e8 or BTC))


def test_what_is_older_than_the_reach_is_not_looked_at():
    state = corrections()
    old, _ = CLOSES[-21]

    assert T + (STEPS - 21) * STEP_MS == state.since_ms
    assert [] == show(state, "a", candle(old.close_at_ms, told(old, "a") + 40 * 10**8))


def test_a_correction_teaches_nothing_about_venues():
    state = corrections()
    close, _ = CLOSES[-5]
    show(state, "a", candle(close.close_at_ms, told(close, "a") + 40 * 10**8))
    later, before = CLOSES[-4]
    (again,) = show(state, "a", candle(later.close_at_ms, told(later, "a") + 40 * 10**8))

    others = tuple(replace(report) for report in later.reports if report.venue != "a")
    corrected = PriceReport("a", PriceE8(told(later, "a") + 40 * 10**8), LATER)
    assert agree_close((*others, corrected), before).close_e8 == again.close_e8
