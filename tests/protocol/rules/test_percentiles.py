import json
from fractions import Fraction
from pathlib import Path
from statistics import NormalDist, StatisticsError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.rules.percentiles import (
    PER_SIDE_2021,
    Ticket,
    own_percentiles,
    parity_index,
    percentile,
    percentile_2021,
    percentile_2023,
    percentiles,
    tickets_beside,
    to_zscores,
    z_score_nano,
    zmean_percentile,
)
from protocol.units import NANO

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "percentiles.json").read_text())
M = 225
numbers = st.floats(-1e6, 1e6)
few_numbers = st.integers(-3, 3).map(float)


def crowd(seed: int, owners: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).normal(size=(owners, M)), axis=1)


@pytest.mark.parametrize("vector", VECTORS["near"], ids=lambda vector: f"{len(vector['owners'])} at {vector['value']}")
def test_the_original_s_percentile_is_found_to_its_last_digits(vector):
    asked = vector["owners"], np.array(vector["scenarios"]), vector["value"]

    assert vector["percentile_2021"] == pytest.approx(percentile_2021(*asked), abs=1e-15)
    assert vector["percentile_2023"] == pytest.approx(percentile_2023(*asked), abs=1e-15)


@given(st.lists(numbers, min_size=1, max_size=40, unique=True))
@settings(max_examples=100, deadline=None)
def test_one_more_draw_of_a_calibrated_crowd_falls_evenly_over_the_middles(pool):
    """Of n + 1 draws of one law each is the odd one out with the same chance: so every middle is met once."""
    fell = sorted(percentile(np.array(pool[:k] + pool[k + 1 :]), one) for k, one in enumerate(pool))

    assert [Fraction(2 * k + 1, 2 * len(pool)) for k in range(len(pool))] == fell


@pytest.mark.parametrize("rule", ["network", "2021"])
def test_over_many_values_a_calibrated_crowd_s_percentiles_are_uniform(rule):
    """Kolmogorov and Smirnov's distance of 600 percentiles from the even law; 1.63 / sqrt(n) is its 1% bound."""
    rng = np.random.default_rng(11)
    owners = [f"{n:02x}" for n in range(8)]
    fell = []
    for seed in range(600):
        pool, value = crowd(seed, len(owners)), float(rng.normal())
        found = (
            percentile_2021(owners, pool, value, windows=(0.05, 0.5, 20.0))
            if rule == "2021"
            else percentile(pool, value)
        )
        fell.append(float(found))

    ranks = np.arange(600) / 600
    distance = max(np.max(np.sort(fell) - ranks), np.max(ranks + 1 / 600 - np.sort(fell)))
    assert distance < 1.63 / np.sqrt(600)


@given(st.lists(few_numbers | numbers, max_size=30), few_numbers | numbers, numbers)
@settings(max_examples=200, deadline=None)
def test_a_percentile_lies_inside_and_rises_with_the_value(pool, value, other):
    scenarios = np.array(pool)
    low, high = sorted((value, other))

    assert 0 < percentile(scenarios, value) < 1
    assert percentile(scenarios, low) <= percentile(scenarios, high)
    assert 1 == percentile(scenarios, value) + percentile(-scenarios, -value)


def test_equal_scenarios_count_half():
    assert Fraction(1, 2) == percentile(np.zeros((4, M)), 0.0)
    assert Fraction(2 * 2 + 3 + 1, 2 * 8) == percentile(np.array([1.0, 2, 3, 3, 3, 4, 5]), 3.0)


def test_a_horizon_that_nobody_predicts_has_no_percentile_and_a_pool_of_nobody_says_a_half():
    pools = {70: np.array([[1.0, 2.0]]), 310: np.empty((0, M))}

    assert {70: Fraction(5, 6)} == percentiles(pools, 9.0)
    assert Fraction(1, 2) == percentile(np.empty((0, M)), 9.0)


def test_a_z_score_is_the_normal_quantile_to_the_nano():
    assert [-1_281_551_566, 0, 1_281_551_566] == [z_score_nano(Fraction(n, 10)) for n in (1, 5, 9)]
    pool = crowd(0, 1000)
    outermost = z_score_nano(percentile(pool, 1e9))
    assert abs(outermost / NANO - NormalDist().inv_cdf(1 - 0.5 / 225_001)) < 1e-9


def test_the_original_s_mean_is_one_of_normal_scores():
    assert 0.5 == zmean_percentile([])
    assert 0.5 == pytest.approx(zmean_percentile([0.1, 0.9]), abs=1e-15)
    assert NormalDist().cdf(sum(to_zscores([0.2, 0.7, 0.9])) / 3) == pytest.approx(zmean_percentile([0.2, 0.7, 0.9]))
    with pytest.raises(StatisticsError):
        to_zscores([1.0])


def test_an_owner_counts_once_by_its_ticket_that_is_listed_last():
    near = [Ticket(1, 4, 0.0), Ticket(0, 7, 0.0), Ticket(1, 6, 0.0)]

    assert [6.5 / 10, 7.5 / 10] == own_percentiles(near, 10)


@given(
    st.lists(st.lists(few_numbers, min_size=4, max_size=4).map(sorted), min_size=1, max_size=6),
    few_numbers,
    st.integers(1, 9),
    st.sampled_from([0.0, 1.0, 2.0]),
)
@settings(max_examples=200, deadline=None)
def test_tickets_are_listed_by_value_then_rank_then_owner_and_downwards_by_all_three_reversed(rows, value, side, reach):
    tickets = sorted(
        (number, rank, owner) for owner, row in enumerate(rows) for rank, number in enumerate(row)
    )  # fmt: skip
    upwards = [Ticket(owner, rank, n) for n, rank, owner in tickets if value <= n <= value + reach]
    downwards = [Ticket(owner, rank, n) for n, rank, owner in tickets[::-1] if value - reach <= n <= value]

    assert (upwards[:side], downwards[:side]) == tickets_beside(np.array(rows), value, reach=reach, per_side=side)


def test_the_order_in_which_owners_come_changes_nothing():
    owners, pool = [f"{n:03x}" for n in range(40)], np.round(crowd(3, 40), 3)
    back = np.arange(40)[::-1]

    for value in (0.0, 0.013, 2.0):
        there = percentile_2021(owners, pool, value, per_side=PER_SIDE_2021)
        assert there == percentile_2021([owners[k] for k in back], pool[back], value)


def test_a_z_stream_of_the_original_holds_the_percentile_at_its_place_not_at_its_delay():
    assert [0, 1] == [parity_index((70, 3555), delay) for delay in (70, 3555)]
    assert 0 == parity_index((3555,), 3555)
    with pytest.raises(ValueError, match="not in"):
        parity_index((70, 3555), 910)
