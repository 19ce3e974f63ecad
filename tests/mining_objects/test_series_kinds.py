"""Kinds of series: walks, noise, states and constants are told apart wherever they lie and however wide they are."""

from __future__ import annotations

import numpy as np
import pytest

from mining_objects.series_kinds import SeriesKind, kind_of, steps_ahead, typical_gap_s

TRIES = 200


def share_of(kind: SeriesKind, rows: np.ndarray) -> float:
    return float(np.mean([kind_of(row) is kind for row in rows]))


@pytest.mark.parametrize(("shift", "stretch"), [(0.0, 1.0), (1e4, 1e-3), (-7.0, 1e6)])
def test_a_random_walk_is_a_process_99_times_in_100_wherever_it_lies(shift, stretch):
    walks = shift + stretch * np.cumsum(np.random.default_rng(1).standard_normal((TRIES, 500)), axis=1)

    assert share_of(SeriesKind.PROCESS, walks) >= 0.97


@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_noise_is_noise_also_about_a_level_that_is_not_zero(shift):
    assert 1.0 == share_of(SeriesKind.NOISE, shift + np.random.default_rng(2).standard_normal((TRIES, 300)))


def test_a_handful_of_noise_is_noise_and_a_handful_of_a_walk_a_process_more_often_than_not():
    noise = np.random.default_rng(3).standard_normal((TRIES, 12))

    assert share_of(SeriesKind.NOISE, noise) > 0.9
    assert share_of(SeriesKind.PROCESS, np.cumsum(noise, axis=1)) > 0.7


def test_dice_are_discrete_and_one_value_is_constant():
    assert SeriesKind.DISCRETE is kind_of(np.random.default_rng(4).integers(1, 7, 100))
    assert SeriesKind.CONSTANT is kind_of([3.0] * 9)
    assert SeriesKind.CONSTANT is kind_of([3.0])


def test_a_price_of_few_ticks_that_has_just_come_to_a_new_one_wanders_and_where_it_often_was_it_is_discrete():
    often = np.tile([0.0, 1.0, 2.0, 1.0], 40)

    assert SeriesKind.DISCRETE is kind_of(often)
    assert SeriesKind.DISCRETE is not kind_of(np.concatenate([[3.0] * 8, often]))


def test_a_straight_line_is_a_process():
    assert SeriesKind.PROCESS is kind_of(np.arange(100.0)[::-1])


def test_the_next_value_after_the_delay_is_counted_from_the_newest_and_from_now():
    minutes = 1_700_000_000.0 - 60.0 * np.arange(50)

    assert [2, 6, 16, 60] == [steps_ahead(minutes, delay) for delay in (70, 310, 910, 3555)]
    assert [1, 1, 2] == [steps_ahead(minutes, 60, age=age) for age in (-5.0, 0.0, 5.0)]


def test_times_without_a_gap_between_them_count_as_a_minute_apart():
    assert 60.0 == typical_gap_s([1_700_000_000.0])
    assert 60.0 == typical_gap_s([5.0, 5.0, 5.0])
    assert 30.0 == typical_gap_s([100.0, 70.0, 40.0, 40.0, 10.0])
