"""Settlement: no micro is made or lost, order does not matter, and honest scenarios earn the most."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import InvalidAnswer, InvalidRequest
from protocol.rules import emission
from protocol.rules.pot import (
    DEFAULT_RULE,
    ENOUGH,
    MAX_BUDGET_MICROS,
    NO_SPREAD,
    NOBODY_NEAR,
    NOBODY_TO_PLAY_WITH,
    RULES,
    SETTLED,
    Settlement,
    settle,
    whole_micros,
)
from protocol.rules.pot_scores import best_points_nano, log_points_nano, worst_points_nano
from protocol.units import MICRO, NANO, Micros

VECTORS, OWN = (
    json.loads((Path(__file__).parents[2] / "vectors" / name).read_text())["settlements"]
    for name in ("pot.json", "settlements.json")
)
EVERY_RULE = pytest.mark.parametrize("rule", sorted(RULES))
QUANTILES = np.array([NormalDist().inv_cdf((k + 0.5) / 225) for k in range(225)])
NUMBER = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e9, 1e9), st.floats(-0.01, 0.01))


@st.composite
def questions(draw):
    """Any owners with any scenarios, ties included, and a value that is often one of them."""
    owners = draw(st.integers(0, 7))
    rows = [draw(st.lists(NUMBER, min_size=9, max_size=9)) for _ in range(owners)]
    value = draw(st.one_of(NUMBER, st.sampled_from([x for row in rows for x in row] or [0.0])))
    more = {
        "budget_micros": draw(st.one_of(st.integers(1, 30), st.integers(1, MAX_BUDGET_MICROS))),
        "spread": draw(st.one_of(st.none(), st.just(0.0), st.floats(1e-9, 1e9))),
        "carry_over": draw(st.booleans()),
    }
    return [f"owner{k}" for k in range(owners)], rows, value, more


@pytest.mark.parametrize("case", OWN)
@pytest.mark.parametrize("rule", ["micro", "logpool"])
def test_our_own_rules_come_out_as_reckoned_in_fractions(case, rule):
    terms = {"spread": case["spread"], "budget_micros": case["budget_micros"]}
    done = settle(case["owners"], case["scenarios"], case["value"], rule=rule, **terms)
    assert tuple(case[rule]) == done.amounts_micros
    assert tuple(case["crps_nano"]) == done.crps_nano
    assert tuple(case["log_score_nano"]) == done.log_score_nano
    assert rule != "micro" or case["winners"] == done.winners


@EVERY_RULE
@settings(max_examples=100, deadline=None)
@given(question=questions())
def test_every_rule_sums_to_zero_to_the_micro_and_takes_no_more_than_the_stake(rule, question):
    owners, rows, value, more = question
    done = settle(owners, rows, value, rule=rule, **more)
    assert 0 == sum(done.amounts_micros) + done.reserve_micros + done.subsidy_micros
    assert len(owners) == len(done.amounts_micros) == len(done.crps_nano)
    assert all(-more["budget_micros"] <= amount for amount in done.amounts_micros)
    assert done.subsidy_micros <= 0 <= done.reserve_micros


@EVERY_RULE
@settings(max_examples=50, deadline=None)
@given(question=questions(), seed=st.integers(0, 2**32))
def test_settlement_does_not_depend_on_the_order_of_owners_or_scenarios(rule, question, seed):
    owners, rows, value, more = question
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(owners))
    moved = settle(
        [owners[k] for k in shuffled], [rng.permutation(rows[k]) for k in shuffled], value, rule=rule, **more
    )
    assert settle(owners, rows, value, rule=rule, **more) == moved


@EVERY_RULE
def test_a_single_owner_plays_with_nobody(rule):
    done = settle(["a"], [[0.0] * 225], 0.0, rule=rule, spread=1.0)
    assert ((0,), NOBODY_TO_PLAY_WITH) == (done.amounts_micros, done.reason)
    assert (0,) == done.crps_nano


@EVERY_RULE
def test_nobody_at_all_is_a_settlement_of_nothing(rule):
    done = settle([], [], 0.0, rule=rule)
    assert (0.0, 0.0, 0.0) == (done.mass, done.density, done.break_even)


@pytest.mark.parametrize("rule", ["micro", "logpool", "micro2021"])
def test_copies_of_one_answer_are_paid_alike_and_win_nothing_from_each_other(rule):
    done = settle(["a", "b", "c"], [QUANTILES] * 3, 0.1, rule=rule, spread=1.0)
    assert {0} == set(done.amounts_micros)


@pytest.mark.parametrize("rule", ["micro", "logpool", "micro2021"])
def test_225_equal_numbers_on_the_value_beat_a_spread_out_answer(rule):
    done = settle(["point", "wide"], [[0.1] * 225, QUANTILES], 0.1, rule=rule, spread=1.0)
    assert done.amounts_micros[0] > 0 > done.amounts_micros[1]


def test_micro_pays_scenarios_on_either_side_alike():
    done = settle(["above", "below"], [[0.11] * 225, [0.09] * 225], 0.1, spread=1.0)
    assert ((0, 0), 450, SETTLED) == (done.amounts_micros, done.winners, done.reason)
    assert DEFAULT_RULE == done.rule


def test_micro_pays_by_the_share_of_scenarios_in_the_window():
    rows = [[0.1] * 9 + [50.0] * 216, [0.1] * 3 + [50.0] * 222]
    done = settle(["a", "b"], rows, 0.1, spread=1.0, budget_micros=3)
    assert (2, -2) == done.amounts_micros  # of a pot of 6, 9/12 and 3/12 are 4.5 and 1.5: the odd one to the first
    assert (12, 6.0) == (done.winners, done.break_even)


def test_micro_widens_its_window_until_enough_scenarios_are_in_it():
    rows = [[0.0] * (ENOUGH - 1) + [0.4] * (226 - ENOUGH), [70.0] * 225]
    done = settle(["a", "b"], rows, 0.0, spread=1.0)
    assert (1.0, 225) == (done.window, done.winners)
    few = [[0.0] * (ENOUGH - 1) + [70.0] * (226 - ENOUGH), [70.0] * 225]
    done = settle(["a", "b"], few, 0.0, spread=1.0)
    assert (10.0, ENOUGH - 1) == (done.window, done.winners)


def test_micro_is_free_of_scale():
    rows, value = np.stack([QUANTILES, QUANTILES * 0.5 + 0.2]), 0.3
    unit = settle(["a", "b"], rows, value, spread=1.0)
    for scale in (2.0**-40, 2.0**60):
        assert unit.amounts_micros == settle(["a", "b"], rows * scale, value * scale, spread=scale).amounts_micros


def test_a_stream_that_never_moves_pays_whoever_says_its_value():
    done = settle(["a", "b"], [[5.0] * 225, [5.1] * 225], 5.0, spread=0.0)
    assert (MICRO, -MICRO) == done.amounts_micros


@pytest.mark.parametrize("rule", ["micro", "logpool"])
def test_nothing_is_paid_before_a_stream_has_a_spread(rule):
    done = settle(["a", "b"], [[5.0] * 225, [6.0] * 225], 5.0, rule=rule)
    assert ((0, 0), NO_SPREAD, None) == (done.amounts_micros, done.reason, done.log_score_nano)


def test_nothing_is_paid_when_nobody_is_near_but_scores_are_kept():
    done = settle(["a", "b"], [[5.0] * 225, [6.0] * 225], 500.0, spread=1.0)
    assert ((0, 0), NOBODY_NEAR) == (done.amounts_micros, done.reason)
    assert (495 * NANO, 494 * NANO) == done.crps_nano


@pytest.mark.parametrize("rule", ["micro2021", "micro2023"])
@pytest.mark.parametrize("case", VECTORS)
def test_parity_amounts_are_made_whole_within_a_micro(case, rule):
    rows = [[row] * 225 if isinstance(row, float) else row for row in case["scenarios"]]
    micros = round(case["budget"] * MICRO)
    done = settle(case["owners"], rows, case["value"], rule=rule, budget_micros=micros, carry_over=case["carry_over"])
    owners = dict(zip(done.owners, done.amounts_micros, strict=True))
    for owner, amount in zip(case["owners"], case[rule]["amounts"], strict=True):
        assert abs(owners[owner] - amount * MICRO) < 1.001
    assert abs(done.reserve_micros - case[rule]["reserve"] * MICRO) <= 0.5


def test_the_window_and_mass_of_a_transaction_are_the_originals():
    case = VECTORS[0]
    done = settle(case["owners"], case["scenarios"], case["value"], rule="micro2021")
    assert case["micro2021"]["window"] == done.window
    assert case["micro2021"]["winners"] / (225 * len(case["owners"])) == done.mass
    assert done.mass / done.window == done.density


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 225), min_size=2, max_size=9).filter(any),
    st.integers(1, 9),
    st.integers(1, MAX_BUDGET_MICROS),
)
def test_micro_splits_its_pot_by_the_rule_of_every_other_pot(counts, far, budget):
    rows = [[0.0] * count + [100.0 + far] * (225 - count) for count in counts]
    done = settle([f"{k}" for k in range(len(counts))], rows, 0.0, spread=1.0, budget_micros=budget)
    parts = emission.split(Micros(budget * len(counts)), counts)
    assert [part - budget for part in parts] == list(done.amounts_micros)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40))
def test_whole_micros_keep_the_total_and_stay_within_one_of_their_amount(amounts):
    array = np.array(amounts)
    total = Micros(round(float(array.sum()) * MICRO))
    whole = whole_micros(array, total)
    assert total == sum(whole)
    assert all(abs(one - amount * MICRO) < 1.001 for one, amount in zip(whole, amounts, strict=True))


def test_micros_left_over_go_to_the_largest_remainders_and_then_to_the_earliest():
    assert [0, 1, 0] == whole_micros(np.array([0.3e-6, 0.7e-6, 0.0]), Micros(1))
    assert [1, 0] == whole_micros(np.array([0.5e-6, 0.5e-6]), Micros(1))
    assert [-1, 0, 1] == whole_micros(np.array([-0.9e-6, -0.1e-6, 1.0e-6]), Micros(0))


def test_whole_micros_refuse_a_total_that_is_not_theirs():
    with pytest.raises(ValueError, match="cannot make 5"):
        whole_micros(np.array([0.0]), Micros(5))


def test_a_settlement_that_does_not_sum_to_zero_cannot_be_built():
    with pytest.raises(ValueError, match="does not sum to zero: 1 micros"):
        Settlement("micro", 0.0, ("a",), (Micros(1),), Micros(0), Micros(0), SETTLED, 0.0, 0, 225, Micros(1), (), None)


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        (InvalidAnswer, {"scenarios": [[float("nan")] * 225, [0.0] * 225]}),
        (InvalidAnswer, {"scenarios": [[0.0] * 224 + [float("inf")], [0.0] * 225]}),
        (InvalidAnswer, {"scenarios": [[0.0] * 225]}),
        (InvalidRequest, {"value": float("nan")}),
        (InvalidRequest, {"value": float("-inf")}),
        (InvalidRequest, {"rule": "micro2099"}),
        (InvalidRequest, {"budget_micros": 0}),
        (InvalidRequest, {"budget_micros": MAX_BUDGET_MICROS + 1}),
        (InvalidRequest, {"spread": float("nan")}),
        (InvalidRequest, {"spread": -1.0}),
        (ValueError, {"owners": ["a", "a"]}),
    ],
)
def test_what_cannot_be_settled_has_a_named_error(error, changed):
    sound = {"owners": ["a", "b"], "scenarios": [[0.0] * 225] * 2, "value": 0.0, "spread": 1.0}
    with pytest.raises(error):
        settle(**(sound | changed))


# Honest reporting under `logpool`. Payments are linear in an owner's own log points, and nobody else's points move with
# its answer; so the best answer is the one with the highest expected log points under what the owner believes.


def test_a_logpool_payment_is_the_own_score_less_the_mean_of_all_as_a_part_of_the_range():
    rng = np.random.default_rng(8)
    rows = np.sort(rng.standard_normal((5, 225)), axis=1)
    done = settle(list("abcde"), rows, 0.2, rule="logpool", spread=1.0)
    points = log_points_nano(np.ascontiguousarray(rows.T), 0.2, 1.0)
    share = (points - points.mean()) / (best_points_nano(225) - worst_points_nano(225))
    assert np.abs(np.array(done.amounts_micros) - share * MICRO).max() < 1.01


def expected_points(answers, outcomes, spread=1.0):
    """Mean log points of each answer as a part of the whole range, when every outcome is equally likely."""
    columns = np.ascontiguousarray(np.sort(np.stack(answers), axis=1).T)
    total = sum(log_points_nano(columns, float(one), spread) for one in outcomes)
    return total / len(outcomes) / (best_points_nano(225) - worst_points_nano(225))


@settings(max_examples=50, deadline=None)
@given(
    centre=st.floats(-50, 50),
    width=st.floats(0.5, 10),
    skew=st.floats(0, 0.4),
    change=st.one_of(
        st.tuples(st.just("moved"), st.floats(0.25, 3) | st.floats(-3, -0.25)),
        st.tuples(st.just("stretched"), st.floats(0.0, 0.85) | st.floats(1.15, 4)),
        st.tuples(st.just("towards others"), st.floats(0.2, 1)),
    ),
)
def test_under_logpool_an_honest_answer_expects_more_than_any_distortion_of_it(centre, width, skew, change):
    belief = centre + width * (QUANTILES + skew * (QUANTILES**2 - 1))
    others = centre + 1.5 * width * (QUANTILES + 0.5)
    kind, by = change
    answer = {
        "moved": belief + by * width,
        "stretched": centre + (belief - centre) * by,
        "towards others": belief + by * (others - belief),
    }[kind]
    honest, distorted = expected_points([belief, answer], belief)
    assert honest > distorted
