"""Fitting `neural_har`: a loss that is the CRPS to be expected, examples as they are served, networks that learn."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from mining_objects.har_fitting import learn_season, spread_examples
from mining_objects.losses import gaussian_crps
from mining_objects.models.har import ANCHORS, Har, spread_inputs
from mining_objects.models.neural_har import INPUTS, NeuralHar, along_knots, network_inputs, week_over_season
from mining_objects.neural_har_fitting import (
    anchor_weights,
    expected_crps,
    fit_neural_har,
    neural_examples,
    train_networks,
)
from mining_objects.new_york_week import learn_week
from mining_objects.season import season_of
from protocol.units import DAY_MS, HOUR_MS
from tests.support.windows import STEP_MS, walk_window

WINDOW = walk_window(64 * 288)
SEASON, WEEK = learn_season([WINDOW]), learn_week([WINDOW])


@pytest.fixture(scope="module")
def examples():
    return neural_examples(WINDOW, SEASON, WEEK, 0, WINDOW.end_ms)


def test_the_expected_crps_is_the_mean_of_the_crps_of_normal_outcomes():
    normal = torch.from_numpy(np.random.default_rng(1).standard_normal(400_000))
    for deviation, realised in ((1.0, 1.0), (0.5, 2.0), (2.0, 0.3)):
        outcomes = realised * normal
        mean = gaussian_crps(outcomes, torch.zeros_like(outcomes), torch.full_like(outcomes, deviation)).mean()
        told = expected_crps(torch.tensor(deviation), torch.tensor(realised))

        assert float(mean) == pytest.approx(float(told), rel=5e-3)


def test_the_expected_crps_is_least_at_the_realised_deviation():
    deviations = torch.linspace(0.2, 3.0, 281)

    assert 1.3 == pytest.approx(float(deviations[expected_crps(deviations, torch.tensor(1.3)).argmin()]), abs=0.011)


def test_examples_of_the_hour_are_those_of_har(examples):
    hours = (examples.spread.at_ms + 2 * STEP_MS) % HOUR_MS == 0
    plain = spread_examples(WINDOW, SEASON, 0, WINDOW.end_ms)

    assert 4 * len(plain.at_ms) - 4 < len(examples.known)
    np.testing.assert_array_equal(plain.at_ms, examples.spread.at_ms[hours])
    np.testing.assert_array_equal(plain.outcome, examples.spread.outcome[hours])


def test_networks_are_shown_in_training_what_they_are_shown_when_asked(examples):
    i = 2_000
    row = int(np.searchsorted(WINDOW.open_time_ms, examples.spread.at_ms[i]))
    seen = WINDOW.rows(row + 1 - Har.lookback, row + 1)
    season = season_of(seen, SEASON, (0.5, 0.3), width=25)
    simple, level = spread_inputs(seen, season, 1)
    told = week_over_season(seen, np.array([len(seen)]), WEEK, season, max(ANCHORS))

    assert (INPUTS,) == examples.known[i].shape
    np.testing.assert_allclose(told[0, np.array(ANCHORS) - 1], examples.told[i])
    np.testing.assert_allclose(
        network_inputs(seen, season, simple, level, told, np.array([0]), 1)[0], examples.known[i], atol=2e-2
    )


def test_what_is_realised_is_the_mean_size_of_the_moves_after_t(examples):
    i = 2_000
    row = int(np.searchsorted(WINDOW.open_time_ms, examples.spread.at_ms[i]))
    seen = WINDOW.rows(row + 1 - Har.lookback, row + 1)
    season = season_of(seen, SEASON, (0.5, 0.3), width=25)
    _, level = spread_inputs(seen, season, 1)
    after = WINDOW.rows(row + 1, row + 2 + max(ANCHORS))
    slots = after.open_time_ms[1:] % DAY_MS // STEP_MS + 288 * ((after.open_time_ms[1:] // DAY_MS + 3) % 7 >= 5)
    sizes = np.abs(after.log_returns()[1:]) / season[slots]
    means = [sizes[:k].mean() / level[0] * np.sqrt(np.pi / 2) for k in ANCHORS]

    np.testing.assert_allclose(means, examples.realised[i], rtol=0.05)


def test_no_later_candle_changes_an_example():
    cut = 50 * 288
    until_ms = int(WINDOW.open_time_ms[cut]) - 2 * DAY_MS
    shaken = replace(WINDOW, close=np.where(np.arange(len(WINDOW)) >= cut, WINDOW.close * 1.5, WINDOW.close))
    before, after = (neural_examples(window, SEASON, WEEK, 0, until_ms) for window in (WINDOW, shaken))

    assert len(before.known) > 500
    for name in ("known", "told", "realised"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


def test_examples_with_a_missing_candle_ahead_are_left_out(examples):
    hole = 45 * 288
    holed = neural_examples(walk_window(64 * 288, gaps=(hole,)), SEASON, WEEK, 0, WINDOW.end_ms)
    gone = set(examples.spread.at_ms) - set(holed.spread.at_ms)

    assert {int(WINDOW.open_time_ms[hole])} | gone >= {int(at) for at in gone}
    assert all(WINDOW.open_time_ms[hole] - 302 * STEP_MS <= at <= WINDOW.open_time_ms[hole] + STEP_MS for at in gone)
    assert len(gone) > 90
    assert np.isfinite(holed.realised).all()


def test_networks_learn_how_much_more_is_realised_than_the_regression_said():
    chance = np.random.default_rng(3)
    known = chance.standard_normal((16_000, INPUTS))
    wanted = 0.4 * np.tanh(known[:, 0]) - 0.1
    noise = np.exp(0.2 * chance.standard_normal((16_000, len(ANCHORS))))
    networks = train_networks(known, np.exp(wanted)[:, None] * noise)
    told = along_knots(networks.answer(known[:4_000]), np.array(ANCHORS))

    assert np.corrcoef(told[:, 13], wanted[:4_000])[0, 1] > 0.75
    assert 0.02 > np.abs(np.diff(told[:, 8:14], axis=1)).mean()


def test_equal_seeds_give_equal_networks_and_others_do_not():
    chance = np.random.default_rng(4)
    known, surprise = chance.standard_normal((2_000, INPUTS)), np.exp(chance.standard_normal((2_000, len(ANCHORS))))
    first, again, other = (train_networks(known, surprise, seed=seed) for seed in (1, 1, 2))

    for field in fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    assert not np.array_equal(first.first, other.first)


def test_far_steps_count_little_in_training():
    weights = anchor_weights()
    far = np.array(ANCHORS) > 100

    assert 1.0 == pytest.approx(float(weights.sum()))
    assert 0.05 < weights[far].sum() < 0.2


def test_a_fit_forecasts_intervals_that_hold_what_they_should(examples):
    model = NeuralHar(*fit_neural_har(SEASON, WEEK, [examples]))
    inside = {k: [] for k in (1, 12)}
    for row in range(31 * 288, 63 * 288, 97):
        (answer,) = model.forecast([WINDOW.rows(0, row)], steps=100, paths=200, seed=1, lead=1)
        for k, hits in inside.items():
            low, high = np.quantile(answer.paths[:, k - 1], (0.1, 0.9))
            hits.append(low <= np.log(WINDOW.close[row + k] / WINDOW.close[row]) <= high)

    assert 0.8 == pytest.approx(np.mean(inside[1]), abs=0.10)
    assert 0.8 == pytest.approx(np.mean(inside[12]), abs=0.10)
