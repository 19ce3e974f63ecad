"""microprediction's own settlements, to the last bit of its floats."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from protocol.errors import InvalidAnswer
from protocol.rules.pot_parity import (
    MICRO2021,
    MICRO2023,
    ParityRule,
    jiggered2021,
    jiggered2023,
    parity_amounts,
)
from protocol.rules.scenarios import gather

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "pot.json").read_text())["settlements"]


def full(rows):
    return [[row] * 225 if isinstance(row, float) else row for row in rows]


def paid(owners, rows, value, rule, **more):
    """{owner: what it is paid}, in an order that is not the pool's."""
    pool = gather(owners[::-1], full(rows)[::-1])
    found = parity_amounts(pool, value, rule, **more)
    return dict(zip(pool.owners, found.amounts.tolist(), strict=True)), found


@pytest.mark.parametrize(("year", "rule"), [("micro2021", MICRO2021), ("micro2023", MICRO2023)])
@pytest.mark.parametrize("case", [case for case in VECTORS if len(case["owners"]) > 1])
def test_amounts_are_the_originals(case, year, rule):
    expected = case[year]
    amounts, found = paid(
        case["owners"], case["scenarios"], case["value"], rule, carry_over=case["carry_over"] and rule is MICRO2021
    )
    assert expected["amounts"] == [case["budget"] * amounts[owner] for owner in case["owners"]]
    assert expected["reserve"] == case["budget"] * found.reserve
    assert expected["winners"] == found.winners
    assert expected["window"] in (None, found.window)


def test_scenarios_below_the_value_are_paid_only_by_the_two_sided_variant():
    owners, rows = ["a", "b"], [1.0, 1.0 + 1e-5]
    one, _ = paid(owners, rows, 1.0 + 5e-6, MICRO2021)
    both, found = paid(owners, rows, 1.0 + 5e-6, ParityRule(winners_per_side=10, two_sided=True))
    assert {"a": -1.0, "b": 1.0} == one
    assert {"a": 0.0, "b": 0.0} == both
    assert 20 == found.winners


def test_a_scenario_on_the_edge_of_a_window_is_in_it():
    _, found = paid(["a", "b"], [5e-05, 9.0], 0.0, MICRO2021)
    assert (1e-4, 10) == (found.window, found.winners)
    _, beyond = paid(["a", "b"], [5.000001e-05, 9.0], 0.0, MICRO2021)
    assert 1e-3 == beyond.window


def test_the_two_sided_variant_counts_a_scenario_on_the_value_once():
    _, found = paid(["a", "b"], [1.0, 1.0], 1.0, ParityRule(winners_per_side=1000, two_sided=True))
    assert 450 == found.winners


def test_of_equal_scenarios_at_the_limit_the_lower_rank_wins_and_then_the_lesser_owner():
    below = [0.5] * 224
    amounts, found = paid(["a", "b"], [[*below, 1.0], 1.0], 1.0, ParityRule(winners_per_side=225))
    # b's ranks 0 to 223 stand before a's rank 224, and that before b's
    assert {"a": pytest.approx(2 / 225 - 1), "b": pytest.approx(2 * 224 / 225 - 1)} == amounts
    assert 225 == found.winners
    mirrored, _ = paid(["a", "b"], [1.0, 1.0], 1.0 + 1e-6, ParityRule(winners_per_side=3, two_sided=True))
    assert {"a": pytest.approx(-1 / 3), "b": pytest.approx(1 / 3)} == mirrored  # from behind: b, a, b


def test_noise_of_2021_is_a_tenth_of_a_scenario_whatever_the_scale():
    assert [1.0 - 0.1 / 225, 1.0 + 0.2 / 225] == jiggered2021([1.0, 1.0], [2.0, -1.0])


def test_noise_of_2023_skips_small_draws_and_grows_with_numbers_above_a_thousand():
    assert [1.0 - 1e-7, 2.0 + 2e-7] == jiggered2023([1.0, 2.0], [-1.0, 0.05, 2.0])
    assert [4000.0 + 4 * 1e-7, 4001.0] != jiggered2023([4000.0, 4001.0], [1.0, 1.0])
    assert 4000.0 + 4000.5 / 1000 * 1.0 * 1e-7 == jiggered2023([4000.0, 4001.0], [1.0, 1.0])[0]


def test_scenarios_that_are_equal_after_the_noise_are_refused():
    with pytest.raises(InvalidAnswer, match="1 scenarios equal others"):
        jiggered2021([1.0, 1.0], [0.5, 0.5])
    with pytest.raises(ValueError, match="want 2 draws"):
        jiggered2023([1.0, 1.0], [0.5, 0.05])


def test_everything_the_original_pays_sums_to_zero_but_its_subsidy():
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((6, 225)) * 1e-3
    amounts, _ = paid(list("abcdef"), rows.tolist(), 0.0, MICRO2021)
    assert 0.0 == pytest.approx(sum(amounts.values()), abs=1e-12)
    amounts, _ = paid(list("abcdef"), rows.tolist(), 0.0, MICRO2023)
    assert 6 * 0.1 / 6.5 == pytest.approx(sum(amounts.values()))
