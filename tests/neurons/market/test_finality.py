"""When a candle is final, to the millisecond, and which clocks are believed about it."""

from __future__ import annotations

import pytest

from neurons.clock import HandClock, ScaledClock
from neurons.market.finality import MOST_SKEW_MS, believed_clock, final_candles
from neurons.market.problems import VenueProblem, problem_of
from neurons.ports import Candle, VenueUnavailable
from protocol.units import PriceE8, UnixMs

STEP_MS = 300_000
DELAY_MS = 30_000
NOW_MS = 1_750_000_200_000


def candle(end_ms: int) -> Candle:
    price = PriceE8(10**8)
    return Candle(UnixMs(end_ms - STEP_MS), price, price, price, price, 1.0)


def final(*ends_ms: int, venue_now_ms: int = NOW_MS) -> list[int]:
    page = [candle(end_ms) for end_ms in ends_ms]
    found = final_candles(page, venue_now_ms=venue_now_ms, step_ms=STEP_MS, settle_delay_ms=DELAY_MS)
    return [c.open_time_ms + STEP_MS for c in found]


def test_a_candle_with_a_later_one_is_final_from_its_end_on_and_not_before():
    ends = (NOW_MS, NOW_MS + STEP_MS)
    assert [NOW_MS] == final(*ends)
    assert [] == final(*ends, venue_now_ms=NOW_MS - 1)


def test_a_candle_without_a_later_one_is_final_when_the_settle_delay_has_passed_too():
    assert [] == final(NOW_MS, venue_now_ms=NOW_MS + DELAY_MS - 1)
    assert [NOW_MS] == final(NOW_MS, venue_now_ms=NOW_MS + DELAY_MS)


def test_a_later_candle_does_not_make_one_final_that_still_runs_by_the_venues_clock():
    assert [NOW_MS] == final(NOW_MS, NOW_MS + STEP_MS, NOW_MS + 2 * STEP_MS, venue_now_ms=NOW_MS + 1)


def test_no_candles_are_no_candles():
    assert [] == final()


@pytest.mark.parametrize("skew_ms", [0, MOST_SKEW_MS, -MOST_SKEW_MS])
def test_a_clock_near_ours_is_believed(skew_ms):
    assert NOW_MS + skew_ms == believed_clock("v", UnixMs(NOW_MS + skew_ms), HandClock(NOW_MS), latency_s=1.0)


@pytest.mark.parametrize("venue_ms", [NOW_MS + MOST_SKEW_MS + 1, NOW_MS - MOST_SKEW_MS - 1, 0, None])
def test_a_clock_far_from_ours_or_none_at_all_is_refused_by_name(venue_ms):
    with pytest.raises(VenueUnavailable) as caught:
        believed_clock("v", venue_ms, HandClock(NOW_MS), latency_s=1.0)
    assert VenueProblem.WRONG_CLOCK == problem_of(caught.value)


def test_without_a_clock_of_ours_only_a_missing_one_is_refused():
    assert UnixMs(5) == believed_clock("v", UnixMs(5), None, latency_s=1.0)
    with pytest.raises(VenueUnavailable):
        believed_clock("v", None, None, latency_s=1.0)


def test_on_a_fast_clock_a_reply_may_have_been_on_its_way_for_longer():
    """At a thousand times the wall's speed ten minutes are 0.6 s, which a reply may take."""
    fast = ScaledClock(sim_origin_ms=NOW_MS, wall_origin_ms=4_000_000_000_000, scale=1_000)
    assert NOW_MS - 600_000 == believed_clock("v", UnixMs(NOW_MS - 600_000), fast, latency_s=10.0)
