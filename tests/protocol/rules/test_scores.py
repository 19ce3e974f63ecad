"""Losses: exact, proper, and never kind to what is not a number."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from protocol.errors import InvalidAnswer
from protocol.rules.baselines import gaussian_walk_loss_nano, gaussian_walk_quantiles_nano
from protocol.rules.scores import (
    MAX_ABS_ANSWER_NANO,
    MAX_ABS_TRUTH_NANO,
    MAX_MEMBERS,
    UNSCORED,
    cap_loss,
    capped,
    crps_numerators,
    ensemble_losses,
    quantize_answer,
    step_scales_pico,
    truth_returns,
)
from protocol.units import NANO

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "crps.json").read_text())
SIGMA_VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "sigma.json").read_text())
LIMIT = 2 * NANO
SIGMA = 1_017_440_155

nanos = st.integers(-MAX_ABS_ANSWER_NANO, MAX_ABS_ANSWER_NANO)
truths = st.integers(-MAX_ABS_TRUTH_NANO, MAX_ABS_TRUTH_NANO)


def crps_of_law(members, outcome):
    """The definition, term by term, in fractions."""
    m = len(members)
    distance = Fraction(sum(abs(x - outcome) for x in members), m)
    return distance - Fraction(sum(abs(a - b) for a, b in combinations(members, 2)), m * m)


# --- quantize_answer


@given(hnp.arrays(np.float32, st.just((1, 20)), elements=st.floats(-2, 2, width=32)))
@settings(max_examples=100, deadline=None)
def test_a_float32_answer_becomes_the_nearest_whole_nano_halves_to_even(answer):
    expected = [[round(Fraction(float(x)) * NANO) for x in answer[0]]]

    assert expected == quantize_answer(answer, max_abs_return_nano=LIMIT).tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_halves_go_to_the_even_nano(dtype):
    answer = np.array([[1, 3, -1, -3]], dtype=dtype) / 1024  # odd multiples of 976,562.5 nano

    assert [[976_562, 2_929_688, -976_562, -2_929_688]] == quantize_answer(answer, max_abs_return_nano=LIMIT).tolist()


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_not_finite_is_refused_by_position(poison):
    answer = np.zeros((3, 5), dtype=np.float32)
    answer[1, 4] = poison

    with pytest.raises(InvalidAnswer) as refusal:
        quantize_answer(answer, max_abs_return_nano=LIMIT)
    assert (1, 4) == refusal.value.fields["position"]
    assert "[1, 4]" in refusal.value.public
    assert "limit is 2 " in refusal.value.public


@pytest.mark.parametrize("value", [np.nextafter(np.float32(2), np.float32(3)), np.float32(-2.5), np.float32(3e38)])
def test_an_answer_beyond_the_limit_is_refused_with_value_and_limit(value):
    answer = np.zeros((1, 3), dtype=np.float32)
    answer[0, 2] = value

    with pytest.raises(InvalidAnswer) as refusal:
        quantize_answer(answer, max_abs_return_nano=LIMIT)
    assert ((0, 2), repr(float(value)), LIMIT) == tuple(
        refusal.value.fields[name] for name in ("position", "value", "limit_nano")
    )


def test_the_limit_itself_is_taken_and_a_float64_whose_product_overflows_is_out_of_range():
    assert [[LIMIT, -LIMIT]] == quantize_answer(np.array([[2.0, -2.0]]), max_abs_return_nano=LIMIT).tolist()
    with pytest.raises(InvalidAnswer, match="out of range"):
        quantize_answer(np.array([[1e308]]), max_abs_return_nano=LIMIT)


@pytest.mark.parametrize("dtype", [np.int64, np.float16, np.complex128, ">f4", np.bool_])
def test_an_answer_of_another_dtype_is_refused(dtype):
    with pytest.raises(InvalidAnswer, match="float32 or float64"):
        quantize_answer(np.zeros((1, 2), dtype=dtype), max_abs_return_nano=LIMIT)


def test_a_limit_that_the_exact_arithmetic_cannot_take_is_our_fault():
    with pytest.raises(ValueError, match="limit"):
        quantize_answer(np.zeros((1, 2)), max_abs_return_nano=LIMIT + 1)


# --- scales and truth


@pytest.mark.parametrize("case", SIGMA_VECTORS["scales"])
def test_the_scales_of_the_steps_match_the_vectors(case):
    assert tuple(case["scales_pico"]) == step_scales_pico(case["sigma_pico"], case["steps"])


@given(st.integers(1, 10**13))
@settings(max_examples=100, deadline=None)
def test_each_scale_is_the_nearest_whole_pico(sigma):
    for k, scale in enumerate(step_scales_pico(sigma, 10), start=1):
        assert (2 * scale - 1) ** 2 < 4 * sigma * sigma * k < (2 * scale + 1) ** 2


def test_truth_keeps_missing_closes_missing():
    ln2 = 693_147_181

    assert (0, None, ln2, -ln2) == truth_returns([100, None, 200, 50], 100)


@pytest.mark.parametrize(("closes", "anchor"), [([0], 1), ([1], 0), ([-5], 1)])
def test_truth_refuses_prices_that_are_not_positive(closes, anchor):
    with pytest.raises(ValueError, match="positive"):
        truth_returns(closes, anchor)


# --- the CRPS of an answer's own law


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_crps_and_losses_match_the_vectors(case):
    answers = np.array(case["answers"], dtype=np.int64)

    assert case["numerators"] == crps_numerators(answers, case["truth"]).tolist()
    assert case["losses_nano"] == ensemble_losses(answers, case["truth"], case["sigma_pico"])


@given(st.data(), st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_crps_is_exactly_the_definition(data, m):
    members = data.draw(st.lists(nanos, min_size=m, max_size=m))
    outcome = data.draw(truths)
    answers = np.array(members, dtype=np.int64).reshape(1, m, 1)

    assert crps_of_law(members, outcome) * m * m == int(crps_numerators(answers, [outcome])[0, 0])


@pytest.mark.parametrize("outcome", [0, 1, -MAX_ABS_ANSWER_NANO, MAX_ABS_TRUTH_NANO, -MAX_ABS_TRUTH_NANO])
@pytest.mark.parametrize("lopsided", [1, 500, 999])
def test_crps_stays_exact_at_the_bounds_of_the_proof(outcome, lopsided):
    """The extremes of every sum: a thousand members at the two ends of the range (odd, so that a lost bit shows)."""
    m, end = MAX_MEMBERS, MAX_ABS_ANSWER_NANO
    members = [end - 1] * lopsided + [1 - end] * (m - lopsided)
    pairs = lopsided * (m - lopsided) * 2 * (end - 1)
    expected = m * sum(abs(x - outcome) for x in members) - pairs

    assert expected == int(crps_numerators(np.array(members).reshape(1, m, 1), [outcome])[0, 0])


def test_crps_of_a_large_ensemble_is_exact_against_big_integers():
    rng = np.random.default_rng(7)
    answers = rng.integers(-MAX_ABS_ANSWER_NANO, MAX_ABS_ANSWER_NANO, (2, 1000, 3), endpoint=True)
    truth = [123_456_789, -1_999_999_999, 5]
    expected = []
    for ensemble in answers:
        row = []
        for k, y in enumerate(truth):
            x = sorted(int(v) for v in ensemble[:, k])
            spread = sum((2 * i - 999) * v for i, v in enumerate(x))
            row.append(1000 * sum(abs(v - y) for v in x) - spread)
        expected.append(row)

    assert expected == crps_numerators(answers, truth).tolist()


@given(st.lists(nanos, min_size=2, max_size=20), truths, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_members_changes_nothing_and_no_crps_is_negative(members, outcome, shuffle):
    answers = np.array(members, dtype=np.int64).reshape(1, -1, 1)
    shuffle.shuffle(members)
    shuffled = np.array(members, dtype=np.int64).reshape(1, -1, 1)

    numerator = int(crps_numerators(answers, [outcome])[0, 0])
    assert numerator == int(crps_numerators(shuffled, [outcome])[0, 0])
    assert numerator >= 0


@pytest.mark.parametrize("m", [64, 256, 1000])
def test_answering_the_baseline_by_its_quantiles_earns_nothing_at_any_size(m):
    """The hole of the fair estimator (docs/decisions/0020): no picture of a law may score better than the law.

    Outcomes are the law's own quantiles, so the means below are expectations, to the grid's fineness.
    """
    levels = [round((i + 0.5) / m * 1_000_000) for i in range(m)]
    ensemble = gaussian_walk_quantiles_nano(SIGMA, 1, levels)[np.newaxis, :, :1]
    outcomes = gaussian_walk_quantiles_nano(SIGMA, 1, range(500, 1_000_000, 1_000))[:, 0].tolist()
    own = [ensemble_losses(ensemble, [y], SIGMA)[0] for y in outcomes]
    baseline = [gaussian_walk_loss_nano([y], SIGMA) for y in outcomes]

    assert -sum(baseline) // 100_000 <= sum(own) - sum(baseline) <= sum(baseline) // m


def test_a_missing_step_is_marked_unscored_and_the_others_are_untouched():
    answers = np.random.default_rng(1).integers(-(10**7), 10**7, (3, 16, 4))
    whole = crps_numerators(answers, [5, 6, 7, 8])
    holed = crps_numerators(answers, [5, None, 7, 8])

    assert [UNSCORED] * 3 == holed[:, 1].tolist()
    assert whole[:, [0, 2, 3]].tolist() == holed[:, [0, 2, 3]].tolist()


@pytest.mark.parametrize(
    "answers",
    [
        np.zeros((2, 4, 3), dtype=np.int64),
        np.zeros((4, 2), dtype=np.int64),
        np.zeros((2, 0, 2), dtype=np.int64),
        np.zeros((1, MAX_MEMBERS + 1, 2), dtype=np.int64),
        np.zeros((2, 4, 2)),
        np.full((1, 4, 2), MAX_ABS_ANSWER_NANO + 1, dtype=np.int64),
        np.full((1, 4, 2), -MAX_ABS_ANSWER_NANO - 1, dtype=np.int64),
    ],
)
def test_answers_that_were_not_checked_at_the_border_are_our_fault(answers):
    with pytest.raises(ValueError, match=r"want|beyond"):
        crps_numerators(answers, [1, 2])


def test_a_truth_beyond_any_price_is_our_fault():
    with pytest.raises(ValueError, match="beyond"):
        crps_numerators(np.zeros((1, 2, 1), dtype=np.int64), [MAX_ABS_TRUTH_NANO + 1])


# --- losses


@given(st.data(), st.integers(1, 5), st.integers(1, 5), st.integers(1, 10**13))
@settings(max_examples=100, deadline=None)
def test_a_loss_is_the_mean_of_scaled_crps_rounded_once_half_to_even(data, m, steps, sigma):
    answer = data.draw(st.lists(st.lists(nanos, min_size=steps, max_size=steps), min_size=m, max_size=m))
    truth = data.draw(st.lists(st.none() | nanos, min_size=steps, max_size=steps).filter(any))
    scales = step_scales_pico(sigma, steps)
    terms = [
        crps_of_law([path[k] for path in answer], y) * 1000 / scales[k] for k, y in enumerate(truth) if y is not None
    ]

    assert [round(sum(terms) / len(terms) * NANO)] == ensemble_losses(np.array([answer]), truth, sigma)


def test_a_tie_of_the_rounding_goes_to_even():
    """One error of half a scale-nano: 1 nano over 2 * 10**12 pico is half a nano of loss; 3 nano are one and a half."""
    point = np.zeros((1, 1, 1), dtype=np.int64)

    assert [0] == ensemble_losses(point, [1], 2 * 10**12)
    assert [2] == ensemble_losses(point, [3], 2 * 10**12)


def test_an_error_of_one_sigma_root_k_at_each_step_loses_one():
    truth = [round(scale / 1000) for scale in step_scales_pico(10**9, 100)]
    (loss,) = ensemble_losses(np.zeros((1, 1, 100), dtype=np.int64), truth, 10**9)

    assert NANO == pytest.approx(loss, abs=200)


def test_the_loss_of_every_answer_is_its_own():
    """One broken or brilliant answer beside it moves nobody's loss."""
    answers = np.random.default_rng(5).integers(-(10**7), 10**7, (4, 64, 10))
    truth = list(range(0, 10_000_000, 1_000_000))

    alone = [ensemble_losses(answers[i : i + 1], truth, SIGMA)[0] for i in range(4)]
    assert alone == ensemble_losses(answers, truth, SIGMA)


def test_a_round_without_scored_steps_has_no_loss_rather_than_a_perfect_one():
    with pytest.raises(ValueError, match="no step"):
        ensemble_losses(np.zeros((1, 1, 2), dtype=np.int64), [None, None], SIGMA)


@pytest.mark.parametrize("sigma", [0, -1])
def test_a_sigma_that_is_not_positive_has_no_loss(sigma):
    with pytest.raises(ValueError, match="sigma"):
        ensemble_losses(np.zeros((1, 1, 1), dtype=np.int64), [1], sigma)


def test_losses_above_the_cap_are_cut_to_it_and_others_stay():
    assert 30 == cap_loss(10, 3)
    assert [29, 30, 30] == [capped(loss, 10, 3) for loss in (29, 30, 31)]
