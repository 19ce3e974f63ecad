"""The life of a horizon: every move there is and every one there is not, rests that grow, a start without memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurons.client.crawler.horizon_table import Horizons
from neurons.client.crawler.horizons import (
    TRANSITIONS,
    Horizon,
    HorizonState,
    Move,
    advance,
    is_worth_a_line,
    rebuilt,
    rest_ms,
    spacing_ms,
    strikes_of,
    wait_ms,
)
from neurons.client.crawler.settings import CrawlSettings
from protocol.messages import PerformanceLine, TransactionLine
from protocol.params import MAIN
from protocol.rules.stream_book.horizon import MAX_WAITING
from protocol.units import DAY_MS, HOUR_MS, MICRO, MINUTE_MS, SECOND_MS

NOW = 1_763_800_000_000
SETTINGS = CrawlSettings()


def horizon(**more) -> Horizon:
    return Horizon("cop.json", 70, -10 * MICRO, **more)


@pytest.mark.parametrize("state", HorizonState)
@pytest.mark.parametrize("move", Move)
def test_a_horizon_moves_as_the_table_says_and_no_other_way(state: HorizonState, move: Move) -> None:
    if (state, move) in TRANSITIONS:
        moved = advance(horizon(state=state), move, now_ms=NOW, settings=SETTINGS)
        assert TRANSITIONS[state, move] is moved.state
    else:
        with pytest.raises(ValueError, match=f"is {state}"):
            advance(horizon(state=state), move, now_ms=NOW, settings=SETTINGS)


def test_each_time_it_is_given_up_a_horizon_rests_twice_as_long() -> None:
    one = horizon(state=HorizonState.PLAYED)
    rests = []
    for _ in range(9):
        one = advance(one, Move.GIVE_UP, now_ms=NOW, settings=SETTINGS)
        rests.append(one.until_ms - NOW)
        for move in (Move.TIME, Move.TAKE_UP):
            one = advance(one, move, now_ms=NOW, settings=SETTINGS)
    assert [6, 12, 24, 48, 96, 192, 336, 336, 336] == [rest / HOUR_MS for rest in rests]
    assert 14 * DAY_MS == rest_ms(10_000, SETTINGS)


def test_a_refused_horizon_waits_longer_each_time_until_one_is_taken() -> None:
    assert [1, 2, 4, 8, 16, 32, 60, 60] == [wait_ms(times) / MINUTE_MS for times in range(1, 9)]
    refused = advance(horizon(state=HorizonState.PLAYED, refusals=1), Move.REFUSED, now_ms=NOW, settings=SETTINGS)
    assert (2, NOW + 2 * MINUTE_MS) == (refused.refusals, refused.until_ms)


def test_a_forecast_that_is_taken_ends_a_row_of_refusals_and_failures() -> None:
    horizons = Horizons(SETTINGS)
    horizons.keep(horizon(state=HorizonState.PLAYED, refusals=3))
    for _ in range(2):
        horizons.looked({("cop.json", 70): 1}, failures=[("cop.json", 70)])
    assert (3, 2) == (horizons.of("cop.json", 70).refusals, horizons.of("cop.json", 70).failures)
    horizons.submitted({("cop.json", 70): 1}, now_ms=NOW)
    assert (0, 0) == (horizons.of("cop.json", 70).refusals, horizons.of("cop.json", 70).failures)


@pytest.mark.parametrize(
    ("earned", "strikes", "floor"),
    [(0, 0, -10), (25, 0, -10), (-9, 0, -10), (-12, 1, -22), (7, 1, -10)],
    ids=["new", "won", "lost a little", "given up and lost more since", "given up once and won since"],
)
def test_what_may_be_lost_is_a_stop_loss_more_than_when_it_was_taken_up(earned, strikes, floor) -> None:
    free = horizon(earned_micros=earned * MICRO, strikes=strikes)
    assert floor * MICRO == advance(free, Move.TAKE_UP, now_ms=NOW, settings=SETTINGS).floor_micros


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**8))
def test_every_whole_stop_loss_that_was_lost_is_a_strike(earned: int, stop_loss: int) -> None:
    strikes = strikes_of(earned, stop_loss)
    assert strikes * stop_loss <= max(0, -earned) < (strikes + 1) * stop_loss


def test_a_crawler_that_starts_finds_its_lost_horizons_at_rest_since_they_were_last_paid() -> None:
    lost = rebuilt("cop.json", 70, -25 * MICRO, last_ms=NOW - HOUR_MS, settings=SETTINGS)
    assert (HorizonState.RESTING, 2, NOW + 11 * HOUR_MS) == (lost.state, lost.strikes, lost.until_ms)
    won = rebuilt("cop.json", 70, 25 * MICRO, last_ms=NOW, settings=SETTINGS)
    assert (HorizonState.FREE, 0) == (won.state, won.strikes)


def settled(stream: str, delay: int, at_ms: int) -> TransactionLine:
    return TransactionLine(at_ms, -MICRO, MICRO, "micro", stream, delay, 1.0, 1.0, 0.1, 0.1, 1.0, 450, 10, "")


def test_a_horizon_that_was_not_settled_lately_rests_since_before_what_is_told() -> None:
    horizons = Horizons(SETTINGS)
    performed = [PerformanceLine("70::a.json", 3), PerformanceLine("70::b.json", -11 * MICRO)]
    performed += [PerformanceLine("310::c.json", -11 * MICRO), PerformanceLine("no horizon", -1)]
    told = [settled("b.json", 70, NOW - 2), settled("a.json", 70, NOW - 3), settled("b.json", 70, NOW - HOUR_MS)]
    horizons.rebuild(performed, told, now_ms=NOW)
    assert {("a.json", 70), ("b.json", 70), ("c.json", 310)} == set(horizons.by_key)
    assert NOW - 2 + 6 * HOUR_MS == horizons.of("b.json", 70).until_ms
    assert NOW + 5 * HOUR_MS == horizons.of("c.json", 310).until_ms
    assert not horizons.wake_up(NOW + 5 * HOUR_MS - 1)
    assert horizons.wake_up(NOW + 5 * HOUR_MS)
    assert HorizonState.FREE is horizons.of("c.json", 310).state


def test_what_the_validator_counts_replaces_what_was_heard_and_only_changes_are_looked_at() -> None:
    horizons = Horizons(SETTINGS)
    for name in ("a.json", "b.json"):
        horizons.move(name, 70, Move.TAKE_UP, now_ms=NOW)
        horizons.pay(name, 70, 5)
    assert [("a.json", 70), ("b.json", 70)] == horizons.take_changed()
    horizons.correct([PerformanceLine("70::a.json", 5), PerformanceLine("70::b.json", 7)])
    assert [("b.json", 70)] == horizons.take_changed()
    assert 7 == horizons.of("b.json", 70).earned_micros
    assert [] == horizons.take_changed()


@pytest.mark.parametrize("delay", MAIN.streams.delays)
def test_forecasts_are_so_far_apart_that_quarantine_has_room_for_all(delay: int) -> None:
    assert delay * SECOND_MS / spacing_ms(delay) + 2 < MAX_WAITING


def test_what_happens_again_and_again_is_logged_ever_more_seldom() -> None:
    assert [1, 2, 4, 8, 16] == [times for times in range(1, 20) if is_worth_a_line(times)]
