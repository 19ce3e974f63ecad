"""When a close is settled, and that nothing a bad venue does gets a wrong one agreed."""

from __future__ import annotations

import numpy as np
import pytest

from neurons.market.feed import agreed_closes
from neurons.market.generated import GeneratedMarket, MarketShape, VenueShape
from neurons.market.problems import VenueProblem, problem_of
from neurons.market.settling import AgreedClose, SettleRules, Settling, is_traded
from neurons.ports import Candle, CandlePage, VenueUnavailable
from protocol.params import MAIN
from protocol.rules.price_history import PriceHistory
from protocol.units import DAY_MS, HOUR_MS, MINUTE_MS, UnixMs

STEP_MS = 5 * MINUTE_MS
T = 1_750_000_200_000
RULES = SettleRules.of(MAIN)
DUE_MS = T + RULES.settle_delay_ms
PRICE = 6_000_000_000_000
LIMIT = 50


def empty_history() -> PriceHistory:
    return PriceHistory(STEP_MS, MAIN.truth)


def settling(*venues: str) -> Settling:
    return Settling(RULES, venues or ("a", "b", "c"), next_close_ms=T, history=empty_history())


def candle(close_at_ms: int, close: int = PRICE, *, volume: float = 1.0) -> Candle:
    low, high = close - 5_000 - close_at_ms % 1_000_003, close + 5_000
    return Candle(close_at_ms - STEP_MS, close, high, low, close, volume)  # type: ignore[arg-type]


def tell(state: Settling, venue: str, *candles: Candle, now_ms: int = DUE_MS) -> None:
    state.learn(venue, CandlePage(candles, "memory"), since_ms=state.since_ms, limit=LIMIT, now_ms=UnixMs(now_ms))


def test_a_close_settles_when_every_venue_has_reported_and_not_before_the_delay():
    state = settling()
    for venue in "abc":
        tell(state, venue, candle(T))
    assert state.settle(DUE_MS - 1) is None
    settled = state.settle(DUE_MS)
    assert settled is not None
    assert (T, PRICE, "median") == (settled.close_at_ms, settled.close_e8, settled.reason)
    assert T + STEP_MS == state.next_close_ms


def test_a_silent_venue_holds_up_a_close_for_its_patience_and_the_next_ones_not_at_all():
    state = settling()
    for venue in "ab":
        tell(state, venue, candle(T))
    assert state.settle(DUE_MS) is None
    assert state.settle(DUE_MS + RULES.patience_ms - 1) is None
    settled = state.settle(DUE_MS + RULES.patience_ms)
    assert settled is not None
    assert "all-within" == settled.reason
    for venue in "ab":
        tell(state, venue, candle(T + STEP_MS), now_ms=DUE_MS + RULES.patience_ms)
    assert state.settle(DUE_MS + RULES.patience_ms) is not None


def test_a_venue_that_shows_only_later_candles_is_not_waited_for():
    state = settling()
    for venue in "ab":
        tell(state, venue, candle(T))
    tell(state, "c", candle(T + STEP_MS), now_ms=T + 2 * STEP_MS)
    settled = state.settle(T + 2 * STEP_MS)
    assert settled is not None
    assert ["a", "b"] == [report.venue for report in settled.reports]


def test_a_missing_close_is_said_to_be_missing_once_nobody_can_change_it():
    state = settling()
    tell(state, "a", candle(T))
    for venue in "bc":
        tell(state, venue, candle(T + STEP_MS), now_ms=T + 2 * STEP_MS)
    settled = state.settle(T + 2 * STEP_MS)
    assert settled is not None
    assert (None, "too-few-reports") == (settled.close_e8, settled.reason)


def test_one_report_is_waited_on_until_the_others_are_given_up():
    state = settling()
    tell(state, "a", candle(T))
    assert state.settle(DUE_MS) is None
    assert state.settle(DUE_MS + RULES.give_up_ms - 1) is None
    settled = state.settle(DUE_MS + RULES.give_up_ms)
    assert settled is not None
    assert settled.close_e8 is None


def test_while_nobody_says_anything_nothing_is_settled_and_afterwards_everybody_gets_a_chance():
    state = settling()
    for venue in "abc":
        tell(state, venue, candle(T - STEP_MS), now_ms=T)
    late = T + 3 * DAY_MS
    assert state.settle(DUE_MS) is None
    assert state.settle(late) is None
    tell(state, "a", candle(T), candle(T + STEP_MS), now_ms=late)
    assert state.settle(late) is None
    for venue in "bc":
        tell(state, venue, candle(T), candle(T + STEP_MS), now_ms=late + 1_000)
    assert ["median", "median"] == [s.reason for _ in range(2) if (s := state.settle(late + 1_000)) is not None]


def test_a_venue_that_goes_back_in_time_is_told_off_and_what_it_showed_stays():
    state = settling()
    tell(state, "a", candle(T), candle(T + STEP_MS), now_ms=T + 2 * STEP_MS)
    with pytest.raises(VenueUnavailable) as caught:
        tell(state, "a", candle(T, PRICE * 2), now_ms=T + 2 * STEP_MS)
    assert VenueProblem.WENT_BACK == problem_of(caught.value)
    for venue in "bc":
        tell(state, venue, candle(T))
    settled = state.settle(T + 2 * STEP_MS)
    assert settled is not None
    assert {PRICE} == {report.close_e8 for report in settled.reports}


def test_a_candle_from_the_future_is_refused():
    with pytest.raises(VenueUnavailable) as caught:
        tell(settling(), "a", candle(T + 3 * STEP_MS), now_ms=T)
    assert VenueProblem.IN_THE_FUTURE == problem_of(caught.value)


def test_a_revised_candle_counts_with_its_newest_numbers():
    state = settling()
    for venue in "abc":
        tell(state, venue, candle(T))
    tell(state, "a", candle(T, PRICE + 9), now_ms=DUE_MS + 7)
    settled = state.settle(DUE_MS + 7)
    assert settled is not None
    assert (PRICE + 9, DUE_MS + 7) == (settled.reports[0].close_e8, settled.reports[0].received_at_ms)
    assert 1 == state.health["a"].revised


def test_a_copied_candle_is_no_report_and_is_counted():
    state = settling()
    copied = candle(T - STEP_MS)
    again = Candle(UnixMs(T - STEP_MS), copied.open_e8, copied.high_e8, copied.low_e8, copied.close_e8, copied.volume)
    tell(state, "a", copied, again)
    for venue in "bc":
        tell(state, venue, candle(T))
    settled = state.settle(DUE_MS)
    assert settled is not None
    assert ["b", "c"] == [report.venue for report in settled.reports]
    assert 1 == state.health["a"].copied


@pytest.mark.parametrize(
    ("numbers", "volume", "traded"),
    [
        ((5, 5, 5, 5), 0.0, False),
        ((5, 5, 5, 5), 1.0, True),
        ((5, 6, 5, 6), 0.0, True),
        ((1, 9, 1, 7), 2.0, False),
        ((1, 9, 1, 7), 3.0, True),
    ],
)
def test_a_close_carried_forward_is_not_a_trade(numbers, volume, traded):
    before = Candle(UnixMs(0), 1, 9, 1, 7, 2.0)  # type: ignore[arg-type]
    assert traded == is_traded(Candle(UnixMs(STEP_MS), *numbers, volume), before)


def test_settling_refuses_an_instant_off_the_grid_and_two_venues_of_one_name():
    with pytest.raises(ValueError, match="grid"):
        Settling(RULES, ["a"], next_close_ms=T + 1, history=empty_history())
    with pytest.raises(ValueError, match="twice"):
        Settling(RULES, ["a", "a"], next_close_ms=T, history=empty_history())


# The feed: the same settling over whole recordings.

ORIGIN_MS = T - T % DAY_MS


def feed(market: GeneratedMarket, *, days: int) -> list[AgreedClose]:
    sources = {source.name: source for source in market.sources()}
    first = ORIGIN_MS + STEP_MS
    return list(agreed_closes(sources, RULES, from_ms=first, to_ms=ORIGIN_MS + days * DAY_MS, history=empty_history()))


def test_the_feed_gives_every_instant_once_in_order_and_close_to_the_hidden_price():
    market = GeneratedMarket(MarketShape(seed=2, origin_ms=ORIGIN_MS))
    closes = feed(market, days=5)
    assert [ORIGIN_MS + (i + 1) * STEP_MS for i in range(5 * 288)] == [c.close_at_ms for c in closes]
    hidden = np.exp(market.chunk(0).log_close[: 5 * 288]) * 1e8
    off_bp = [abs(c.close_e8 / price - 1) * 1e4 for c, price in zip(closes, hidden, strict=True) if c.close_e8]
    assert 5 * 288 - 2 <= len(off_bp)
    assert max(off_bp) < 12


def test_the_feed_goes_on_over_gaps_of_all_venues_as_missing_closes():
    venues = tuple(VenueShape(name, gap_ppm=20_000, mean_gap_steps=30.0) for name in "xyz")
    closes = feed(GeneratedMarket(MarketShape(seed=2, origin_ms=ORIGIN_MS, venues=venues)), days=10)
    missing = [close for close in closes if close.close_e8 is None]
    assert 10 * 288 == len(closes)
    assert 0 < len(missing) < len(closes) // 2
    assert {"too-few-reports", "reports-disagree"} >= {close.reason for close in missing}


def test_waiting_times_come_from_the_params():
    assert (30_000, STEP_MS) == (RULES.settle_delay_ms, RULES.step_ms)
    assert HOUR_MS < RULES.give_up_ms
