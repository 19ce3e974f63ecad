"""The standing forecast: its scale, its two losses, its quantiles."""

from __future__ import annotations

import decimal
import json
import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import NodeFault, TooLittleHistory
from protocol.rules.baselines import (
    ewma_sigma_pico,
    gaussian_walk_loss_nano,
    gaussian_walk_quantiles_nano,
    sample_gaussian_walk,
    walk_point_loss_nano,
)
from protocol.rules.scores import ensemble_losses, quantize_answer, step_scales_pico
from protocol.units import NANO

VECTORS = Path(__file__).parents[2] / "vectors"
SIGMA_VECTORS = json.loads((VECTORS / "sigma.json").read_text())
GAUSSIAN_VECTORS = json.loads((VECTORS / "gaussian_baseline.json").read_text())
SIGMA = 1_017_440_155

returns = st.lists(st.none() | st.integers(-(10**8), 10**8), min_size=1, max_size=60).filter(any)


# --- sigma


@pytest.mark.parametrize("case", SIGMA_VECTORS["ewma"])
def test_sigma_matches_the_vectors(case):
    assert case["sigma_pico"] == ewma_sigma_pico(case["returns_nano"], half_life_steps=case["half_life_steps"])


def test_a_constant_size_of_step_is_its_own_sigma():
    assert 1_234_567_000 == ewma_sigma_pico([1_234_567, -1_234_567] * 300, half_life_steps=288)


@given(returns, st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_the_sign_of_returns_does_not_matter_and_a_missing_newest_step_only_ages_the_rest(moves, half_life):
    sigma = ewma_sigma_pico(moves, half_life_steps=half_life)

    assert sigma == ewma_sigma_pico([None if r is None else -r for r in moves], half_life_steps=half_life)
    assert sigma == pytest.approx(ewma_sigma_pico([*moves, None], half_life_steps=half_life), rel=1e-6)


def test_the_half_life_halves():
    """A move of 3 one half-life before a still step: weights 1/2 and 1, so sqrt(9/2 / (3/2)) = sqrt(3)."""
    assert round(math.sqrt(3) * 10**9) == ewma_sigma_pico([3 * 10**6, 0], half_life_steps=1)


@pytest.mark.parametrize("moves", [[], [None], [None] * 5, [0], [0, None, 0]])
def test_a_market_without_a_known_move_gives_no_sigma(moves):
    with pytest.raises(TooLittleHistory) as fault:
        ewma_sigma_pico(moves, half_life_steps=288)
    assert isinstance(fault.value, NodeFault)


def test_a_half_life_below_one_step_is_our_fault():
    with pytest.raises(ValueError, match="half-life"):
        ewma_sigma_pico([1], half_life_steps=0)


# --- losses


def test_the_point_baseline_loses_the_mean_move_in_its_own_scale():
    truth = [None, 3_000_000, -4_000_000]
    s = step_scales_pico(SIGMA, 3)
    expected = round((3_000_000 * 1000 / s[1] + 4_000_000 * 1000 / s[2]) / 2 * NANO)

    assert expected == pytest.approx(walk_point_loss_nano(truth, SIGMA), abs=1)


@pytest.mark.parametrize("case", GAUSSIAN_VECTORS["losses"])
def test_the_gaussian_loss_matches_the_vectors(case):
    assert case["loss_nano"] == gaussian_walk_loss_nano(case["truth"], case["sigma_pico"])


@given(st.lists(st.integers(-50_000_000, 50_000_000), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_the_gaussian_loss_agrees_with_the_error_function(truth):
    scales = step_scales_pico(SIGMA, len(truth))
    terms = []
    for y, scale in zip(truth, scales, strict=True):
        z = y * 1000 / scale
        terms.append(z * math.erf(z / math.sqrt(2)) + math.sqrt(2 / math.pi) * math.exp(-z * z / 2))
    expected = (sum(terms) / len(terms) - 1 / math.sqrt(math.pi)) * NANO

    assert expected == pytest.approx(gaussian_walk_loss_nano(truth, SIGMA), abs=0.6, rel=1e-12)


@pytest.mark.parametrize("sigmas", [13, 14, 15, 200])
def test_far_out_the_gaussian_loss_is_the_distance_less_one_over_root_pi(sigmas):
    expected = round((sigmas - 1 / math.sqrt(math.pi)) * NANO)

    assert expected == pytest.approx(gaussian_walk_loss_nano([sigmas * 10**6], 10**9), abs=1)
    assert expected == pytest.approx(gaussian_walk_loss_nano([-sigmas * 10**6], 10**9), abs=1)


def test_a_huge_sampled_ensemble_scores_like_the_closed_form():
    rng = np.random.default_rng(11)
    truth = [500_000, -1_500_000, 4_000_000, None, 0]
    walks = [sample_gaussian_walk(SIGMA, 1000, 5, rng.standard_normal((1000, 5))) for _ in range(60)]
    answers = np.stack([quantize_answer(walk, max_abs_return_nano=2 * NANO) for walk in walks])

    mean = sum(ensemble_losses(answers, truth, SIGMA)) / len(walks)
    assert gaussian_walk_loss_nano(truth, SIGMA) == pytest.approx(mean, rel=0.01)


def test_the_callers_decimal_context_cannot_move_a_digit():
    truth = [500_000, -1_500_000, 40_000_000]
    expected = gaussian_walk_loss_nano(truth, SIGMA), gaussian_walk_quantiles_nano(SIGMA, 3, [777_777]).tolist()
    with decimal.localcontext(prec=5, rounding=decimal.ROUND_UP):
        hurried = gaussian_walk_loss_nano(truth, SIGMA), gaussian_walk_quantiles_nano(SIGMA, 3, [777_777]).tolist()

    assert expected == hurried


@pytest.mark.parametrize("loss", [gaussian_walk_loss_nano, walk_point_loss_nano])
def test_no_scored_step_is_no_loss(loss):
    with pytest.raises(ValueError, match="no step"):
        loss([None, None], SIGMA)


# --- quantiles and samples


@pytest.mark.parametrize("case", GAUSSIAN_VECTORS["quantiles"])
def test_quantiles_match_the_vectors(case):
    steps = len(case["nano"])

    assert [case["nano"]] == gaussian_walk_quantiles_nano(case["sigma_pico"], steps, [case["ppm"]]).tolist()


@given(st.integers(1, 999_999))
@settings(max_examples=60, deadline=None)
def test_quantiles_agree_with_the_standard_library_and_are_odd_about_one_half(ppm):
    below, above = gaussian_walk_quantiles_nano(10**12, 1, [ppm, 10**6 - ppm])[:, 0].tolist()

    assert NormalDist().inv_cdf(ppm / 10**6) * NANO == pytest.approx(below, abs=1)
    assert below == -above


@pytest.mark.parametrize("ppm", [0, 10**6, -1])
def test_a_probability_of_nothing_or_everything_has_no_quantile(ppm):
    with pytest.raises(ValueError, match="probability"):
        gaussian_walk_quantiles_nano(SIGMA, 1, [ppm])


def test_a_sampled_walk_is_the_cumulated_draws_in_float32():
    walk = sample_gaussian_walk(10**9, 1, 3, np.array([[1.0, -2.0, 4.0]]))

    assert np.float32 == walk.dtype
    assert np.array([[0.001, -0.001, 0.003]], dtype=np.float32) == pytest.approx(walk)


def test_draws_of_another_shape_are_our_fault():
    with pytest.raises(ValueError, match="shape"):
        sample_gaussian_walk(SIGMA, 2, 3, np.zeros((3, 2)))
