"""HAR: served as it was fitted, calibrated on a market it knows, aligned to T, and installed small and before 2025."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mining_objects import models
from mining_objects.errors import BadCandles
from mining_objects.har_fitting import fit_har, learn_season, spread_examples
from mining_objects.models.har import ANCHORS, INSTALLED_WEIGHTS, Har, scale_ahead, spread_inputs
from mining_objects.season import season_of, slots_of
from protocol.units import DAY_MS, HOUR_MS
from tests.support.windows import STEP_MS, walk_window

WINDOW = walk_window(80 * 288)
SEASON = learn_season([WINDOW])


@pytest.fixture(scope="module")
def fitted():
    return fit_har(SEASON, [spread_examples(WINDOW, SEASON, 0, WINDOW.end_ms)], STEP_MS)


def test_installed_numbers_are_small_and_saw_nothing_of_2025():
    card = (INSTALLED_WEIGHTS / "card.json").read_bytes()
    training = json.loads(card)["training"]

    assert len(card) < 100_000
    assert "2025-01-01" == training["until"]
    assert all(part["last"] < "2025-01-01" for part in training["data"])


def test_examples_are_what_a_miner_sees_and_outcomes_what_happens_after_t():
    examples = spread_examples(WINDOW, SEASON, 0, WINDOW.end_ms)
    i = 300
    row = int(np.searchsorted(WINDOW.open_time_ms, examples.at_ms[i]))
    seen = WINDOW.rows(row + 1 - Har.lookback, row + 1)
    season = season_of(seen, SEASON, (0.5, 0.3), width=25)
    inputs, _ = spread_inputs(seen, season, 1)
    anchor = row + 1  # the newest candle ends one step before T

    assert 0 == (int(WINDOW.open_time_ms[anchor]) + STEP_MS) % HOUR_MS
    np.testing.assert_allclose(inputs[0], examples.inputs[i], atol=5e-3)
    for column in (0, 5, 13):
        k = ANCHORS[column]
        assert np.log(WINDOW.close[anchor + k] / WINDOW.close[anchor]) == pytest.approx(examples.outcome[i, column])


def test_no_later_candle_changes_an_example():
    cut = 60 * 288
    until_ms = int(WINDOW.open_time_ms[cut]) - 2 * DAY_MS
    shaken = replace(WINDOW, close=np.where(np.arange(len(WINDOW)) >= cut, WINDOW.close * 1.5, WINDOW.close))
    before = spread_examples(WINDOW, SEASON, 0, until_ms)
    after = spread_examples(shaken, SEASON, 0, until_ms)

    assert len(before.inputs) > 500
    np.testing.assert_array_equal(before.inputs, after.inputs)
    np.testing.assert_array_equal(before.outcome, after.outcome)


def test_on_a_market_it_was_fitted_to_its_intervals_hold_what_they_should(fitted):
    model = Har(fitted)
    inside = {k: [] for k in (1, 12, 100)}
    for row in range(31 * 288, 79 * 288, 131):
        (answer,) = model.forecast([WINDOW.rows(0, row)], steps=100, paths=200, seed=1, lead=1)
        for k, hits in inside.items():
            low, high = np.quantile(answer.paths[:, k - 1], (0.1, 0.9))
            hits.append(low <= np.log(WINDOW.close[row + k] / WINDOW.close[row]) <= high)

    assert 0.8 == pytest.approx(np.mean(inside[1]), abs=0.09)
    assert 0.8 == pytest.approx(np.mean(inside[12]), abs=0.10)


def test_the_scale_follows_the_days_shape_and_never_falls(fitted):
    seen = WINDOW.rows(0, 70 * 288)
    season = np.where(np.arange(576) % 288 < 144, 2.0, 0.5)
    scale = scale_ahead(seen, season, fitted, 1, 289)

    assert (np.diff(scale) >= 0).all()
    assert scale[288] > scale[0] > 0


def test_the_season_ahead_begins_at_t_and_not_at_the_newest_candle(fitted):
    seen = WINDOW.rows(0, 70 * 288)
    season = 1.0 + np.arange(576) / 576
    now, later = (scale_ahead(seen, season, fitted, lead, 1)[0] for lead in (0, 24))
    slot = slots_of(np.array([seen.end_ms, seen.end_ms + 24 * STEP_MS]), STEP_MS)

    assert season[slot[1]] / season[slot[0]] == pytest.approx(later / now)
    assert abs(later / now - 1.0) > 0.01


def test_a_louder_hour_spreads_the_next_one(fitted):
    quiet = WINDOW.rows(0, 70 * 288)
    moves = np.diff(np.log(quiet.close), prepend=np.log(quiet.close[0]))
    moves[-12:] *= 4.0
    loud = replace(quiet, close=quiet.close[0] * np.exp(np.cumsum(moves)))
    spread = [models.create("har").forecast([w], steps=100, paths=256, seed=1, lead=1)[0] for w in (quiet, loud)]
    ratio = spread[1].paths.std(axis=0) / spread[0].paths.std(axis=0)

    assert ratio[0] > 1.5
    assert ratio[99] < ratio[0]


def test_paths_are_coherent_the_margins_symmetric_and_ranks_kept():
    (answer,) = models.create("har").forecast([WINDOW], steps=100, paths=256, seed=1, lead=1)
    ordered = np.sort(answer.paths, axis=0)
    neighbours = np.corrcoef(answer.paths[:, 49], answer.paths[:, 50])[0, 1]

    np.testing.assert_allclose(-ordered[::-1], ordered, atol=1e-7)
    assert neighbours > 0.95
    assert abs(np.corrcoef(answer.paths[:, 0], answer.paths[:, 99])[0, 1]) < 0.4


def test_candles_of_another_length_are_refused():
    hourly = replace(WINDOW, step_ms=HOUR_MS, open_time_ms=WINDOW.open_time_ms[0] + HOUR_MS * np.arange(len(WINDOW)))

    with pytest.raises(BadCandles, match="300000 ms"):
        models.create("har").forecast([hourly], steps=10, paths=64, seed=1)


def test_a_period_without_examples_is_refused():
    with pytest.raises(BadCandles, match="no example"):
        spread_examples(WINDOW, SEASON, WINDOW.end_ms, WINDOW.end_ms + DAY_MS)
