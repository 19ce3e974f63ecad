"""Boards: what counts where, a memory that fades whatever the order, and what one key did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.rules.pot import settle
from protocol.rules.stream_names import zcurve_name
from protocol.rules.stream_standings import (
    IDLE_DAYS,
    Board,
    Category,
    Contest,
    DaySum,
    Memory,
    added,
    board_scores,
    board_sums,
    boards_of,
    category_of,
    faded_score,
    month_of,
    performance,
    ranked,
    volume_micros,
    worst_horizons,
)
from protocol.units import DAY_MS, MICRO, Micros, UnixMs

NOW = UnixMs(int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp() * 1000))
TODAY = NOW // DAY_MS
WON_AND_LOST = settle(["a", "b", "c"], [[0.0] * 225, [0.001] * 225, [9.0] * 225], 0.0, rule="micro2021")


@settings(max_examples=200, deadline=None)
@given(st.integers(-700_000, 2_900_000))
def test_a_month_is_the_calendars(day):
    expected = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).strftime("%Y-%m")
    year, month = expected.split("-")
    assert f"{int(year):04d}-{month}" == month_of(UnixMs(day * DAY_MS + 1))


@pytest.mark.parametrize(
    ("category", "name"),
    [
        (Category.REGULAR, "cop.json"),
        (Category.Z1, zcurve_name(["cop.json"], 70)),
        (Category.Z2, zcurve_name(["cop.json", "bart.json"], 70)),
        (Category.Z3, zcurve_name(["cop.json", "bart.json", "wind.json"], 3555)),
    ],
)
def test_a_streams_name_tells_its_category(category, name):
    assert category == category_of(name)


def test_a_settlement_counts_on_every_board_of_its_stream_horizon_and_sponsor_once():
    boards = boards_of("cop.json", 3555, sponsor="s", at_ms=NOW)
    expected = {
        Board(), Board("cop.json"), Board(None, 3555), Board("cop.json", 3555),
        Contest(None, Category.ALL, None), Contest(None, Category.ALL, "2026-11"),
        Contest("s", Category.ALL, None), Contest("s", Category.ALL, "2026-11"),
        Contest("s", Category.REGULAR, None), Contest("s", Category.REGULAR, "2026-11"),
    }  # fmt: skip
    assert expected == set(boards)
    assert len(expected) == len(boards)


def test_only_the_longest_horizon_counts_for_sponsors_unless_asked():
    assert 4 == len(boards_of("cop.json", 70, sponsor="s", at_ms=NOW))
    assert 10 == len(boards_of("cop.json", 70, sponsor="s", at_ms=NOW, contest_delays=(70,)))


def test_a_settlement_adds_what_each_owner_won_and_lost_to_each_board():
    sums = board_sums(WON_AND_LOST, "cop.json", 70, sponsor="s", at_ms=NOW)
    assert 4 * 3 == len(sums)
    assert DaySum(Board(), "a", TODAY, Micros(2 * MICRO)) == sums[0]
    assert {0} == {
        sum(one.amount_micros for one in sums if one.board == board) for board in {one.board for one in sums}
    }


DAYS = st.dictionaries(st.integers(TODAY - 300, TODAY), st.integers(-(10**12), 10**12), max_size=12)


@settings(max_examples=100, deadline=None)
@given(DAYS, st.integers(1, 400))
def test_a_fading_memory_weighs_each_day_by_its_age(by_day, half_life):
    expected = sum(amount * 0.5 ** ((TODAY - day) / half_life) for day, amount in by_day.items())
    found = faded_score(by_day, as_of_day=TODAY, memory=Memory(half_life))
    assert abs(expected - found) <= 0.51 + 1e-9 * sum(map(abs, by_day.values()))
    assert sum(by_day.values()) == faded_score(by_day, as_of_day=TODAY)


def test_what_was_earned_a_half_life_ago_counts_half_and_before_a_clearing_not_at_all():
    by_day = {TODAY - 20: Micros(1_000), TODAY - 10: Micros(1_000), TODAY: Micros(1_000), TODAY + 1: Micros(7)}
    assert 1_750 == faded_score(by_day, as_of_day=TODAY, memory=Memory(10))
    assert 1_500 == faded_score(by_day, as_of_day=TODAY, memory=Memory(10, since_day=TODAY - 10))
    assert 1_000 == faded_score(by_day, as_of_day=TODAY, memory=Memory(since_day=TODAY))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(TODAY - 5, TODAY), st.integers(-99, 99)), max_size=20),
    st.randoms(),
)
def test_boards_do_not_depend_on_the_order_of_settlements(rows, chance):
    sums = [DaySum(Board("s"), owner, day, Micros(amount)) for owner, day, amount in rows]
    shuffled = chance.sample(sums, len(sums))
    memory = Memory(3)
    once = board_scores(added({}, sums), Board("s"), as_of_day=TODAY, memory=memory)
    other = board_scores(added(added({}, shuffled[:7]), shuffled[7:]), Board("s"), as_of_day=TODAY, memory=memory)
    assert once == other


def test_a_board_that_was_idle_for_sixty_days_is_empty():
    sums = added(
        {}, [DaySum(Board(), "a", TODAY - IDLE_DAYS + 1, Micros(5)), DaySum(Board("x"), "b", TODAY, Micros(5))]
    )
    assert {"a": 5} == board_scores(sums, Board(), as_of_day=TODAY)
    assert {} == board_scores(sums, Board(), as_of_day=TODAY + 1)
    assert {} == board_scores(sums, Board("nobody"), as_of_day=TODAY)


def test_places_go_by_score_and_equal_ones_by_owner():
    assert [("b", 2), ("a", 1), ("c", 1)] == ranked({"c": 1, "a": 1, "b": 2})
    assert [("b", 2)] == ranked({"c": 1, "a": 1, "b": 2}, rows=1)


def test_volume_is_everything_that_moved():
    assert 4 * MICRO == volume_micros(WON_AND_LOST)


def test_performance_is_by_horizon_the_best_first_and_tells_where_to_stop():
    rows = [("cop.json", 70, 5), ("cop.json", 310, -9), ("cop.json", 70, -25), ("wind.json", 70, 3), ("x.json", 70, -9)]
    performed = performance(rows)
    expected = [("70::wind.json", 3), ("310::cop.json", -9), ("70::x.json", -9), ("70::cop.json", -20)]
    assert expected == performed
    active = ["70::cop.json", "310::cop.json", "70::wind.json"]
    assert ["70::cop.json", "310::cop.json"] == worst_horizons(performed, active, stop_loss_micros=Micros(8))
    assert ["70::cop.json"] == worst_horizons(performed, active, stop_loss_micros=Micros(9))
