"""The calendar of rounds: every instant of rules.md 2, and none off the grid."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.params import DEMO, MAIN, PATHS, POINT, SkillParams, TimeParams
from protocol.rules.calendar import (
    anchors_between,
    block_of,
    enough_in_session,
    epoch_bounds_ms,
    epoch_of,
    epoch_payable_from_ms,
    is_anchor,
    next_anchor_ms,
    pack_steps,
    round_times,
    step_closes_ms,
    steps_in_session,
)
from protocol.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

TIME = TimeParams()
T = 1_750_000_200_000 // HOUR_MS * HOUR_MS
instants = st.integers(0, 4 * 10**12)


def test_a_round_opens_closes_scores_and_voids_when_the_rules_say():
    last = T + 500 * MINUTE_MS
    expected = (
        T,
        T - 90 * SECOND_MS,
        T - 60 * SECOND_MS,
        T,
        T + 15 * SECOND_MS,
        T + 75 * SECOND_MS,
        last,
        last + 30 * SECOND_MS,
        last + 2 * HOUR_MS,
    )

    assert expected == astuple(round_times(T, TIME))


@pytest.mark.parametrize("params", [MAIN, DEMO], ids=lambda p: p.network)
def test_the_phases_of_every_preset_come_in_order(params):
    times = astuple(round_times(T, params.time))

    assert sorted(times[1:4]) == list(times[1:4])
    assert sorted(times[3:]) == list(times[3:])


def test_the_last_step_closes_at_the_last_step_and_the_first_one_step_after_the_anchor():
    closes = step_closes_ms(T, TIME)

    assert 100 == len(closes)
    assert (T + 5 * MINUTE_MS, round_times(T, TIME).last_step_ms) == (closes[0], closes[-1])


@pytest.mark.parametrize("ask", [round_times, step_closes_ms, epoch_of])
@pytest.mark.parametrize("off", [1, -1, 60_000])
def test_an_instant_off_the_grid_is_refused(ask, off):
    with pytest.raises(ValueError, match="grid"):
        ask(T + off, TIME)


def test_points_are_asked_every_five_minutes_and_paths_on_the_hour():
    assert [True, True, False] == [is_anchor(at, POINT, TIME) for at in (T, T + 5 * MINUTE_MS, T + 1)]
    assert [True, False, True] == [is_anchor(at, PATHS, TIME) for at in (T, T + 5 * MINUTE_MS, T + HOUR_MS)]


@given(instants, st.sampled_from([POINT, PATHS]))
@settings(max_examples=100, deadline=None)
def test_the_next_anchor_is_the_first_one_strictly_after(after_ms, challenge):
    following = next_anchor_ms(after_ms, challenge, TIME)

    assert is_anchor(following, challenge, TIME)
    assert 0 < following - after_ms <= challenge.cadence_ms


@given(instants, st.integers(0, 7 * HOUR_MS))
@settings(max_examples=100, deadline=None)
def test_anchors_between_walk_from_one_to_the_next(from_ms, span_ms):
    expected, at_ms = [], next_anchor_ms(from_ms - 1, PATHS, TIME)
    while at_ms < from_ms + span_ms:
        expected.append(at_ms)
        at_ms = next_anchor_ms(at_ms, PATHS, TIME)

    assert tuple(expected) == anchors_between(from_ms, from_ms + span_ms, PATHS, TIME)


@given(instants)
@settings(max_examples=100, deadline=None)
def test_every_anchor_lies_in_the_bounds_of_its_epoch_and_the_next_epoch_starts_where_it_ends(at_ms):
    anchor = next_anchor_ms(at_ms, POINT, TIME)
    first, end = epoch_bounds_ms(epoch_of(anchor, TIME), TIME)

    assert first <= anchor < end
    assert end == epoch_bounds_ms(epoch_of(anchor, TIME) + 1, TIME)[0]
    assert DAY_MS == end - first


@pytest.mark.parametrize("params", [MAIN, DEMO], ids=lambda p: p.network)
def test_an_epoch_is_payable_once_its_last_round_is_over_and_undisputed_and_not_before(params):
    epoch = epoch_of(T, params.time)
    first, end = epoch_bounds_ms(epoch, params.time)
    over = [
        round_times(anchor, params.time).void_at_ms + params.time.dispute_window_ms
        for anchor in anchors_between(first, end, POINT, params.time)
    ]

    assert max(over) == epoch_payable_from_ms(epoch, params.time)


def test_a_block_holds_a_hundred_grid_instants():
    skill = SkillParams()
    anchors = anchors_between(T, T + 3 * 500 * MINUTE_MS, POINT, TIME)
    blocks = [block_of(anchor, skill, TIME) for anchor in anchors]

    assert sorted(blocks) == blocks
    assert [100, 100] == [blocks.count(block) for block in sorted(set(blocks))[1:3]]
    with pytest.raises(ValueError, match="grid"):
        block_of(T + 1, skill, TIME)


def test_a_cadence_or_an_epoch_of_broken_steps_is_our_fault():
    with pytest.raises(ValueError, match="cadence"):
        is_anchor(T, replace(POINT, cadence_ms=7 * MINUTE_MS), TIME)
    with pytest.raises(ValueError, match="epoch"):
        epoch_of(T, replace(TIME, epoch_ms=7 * MINUTE_MS))


def test_steps_in_session_are_a_bit_each_from_the_lowest_on():
    assert bytes([0b0000_0101, 0b0000_0010]) == pack_steps([k in (1, 3, 10) for k in range(1, 13)])
    assert b"" == pack_steps([True] * 12)


@settings(max_examples=60, deadline=None)
@given(in_session=st.lists(st.booleans(), min_size=1, max_size=300))
def test_steps_in_session_come_back_as_they_were(in_session):
    assert tuple(in_session) == steps_in_session(pack_steps(in_session), len(in_session)) or not any(in_session)


@pytest.mark.parametrize(("steps", "asked"), [(50, True), (49, False), (100, True)])
def test_a_round_is_asked_when_half_of_its_steps_are_in_session(steps, asked):
    assert asked == enough_in_session([k < steps for k in range(100)], TIME)
