"""A day ahead, 289 steps: every model answers from the same weights, coherently, and as wide as time asks for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mining_objects import models
from mining_objects.base_mining_model import MAX_ABS_RETURN
from tests.support.windows import walk_window

DAY_LONG = 289
SIGMA = 1e-3


def steady_window(rows=9_000, seed=5):
    """Candles whose closes are a Gaussian walk: no season and no clusters, so the law ahead is known."""
    window = walk_window(rows, seed=seed)
    close = 30_000.0 * np.exp(np.cumsum(SIGMA * np.random.default_rng(seed).standard_normal(rows)))
    before = np.concatenate([[30_000.0], close[:-1]])
    high, low = np.maximum(before, close) * (1 + SIGMA / 2), np.minimum(before, close) * (1 - SIGMA / 2)
    return replace(window, open=before, high=high, low=low, close=close)


WINDOW = steady_window()
"""Long enough for every model."""


@pytest.fixture(scope="module", params=models.NAMES)
def answers(request):
    """A model's answers of 100 and of 289 steps."""
    if request.param in ("lstm", "tcn"):
        pytest.importorskip("torch")
    model = models.create(request.param)
    return [model.forecast([WINDOW], steps=steps, paths=512, seed=3, lead=1)[0] for steps in (100, DAY_LONG)]


def test_a_day_is_answered_in_full_and_within_bounds(answers):
    _, day = answers

    assert ((DAY_LONG,), (512, DAY_LONG)) == (day.point.shape, day.paths.shape)
    assert np.isfinite(day.point).all()
    assert np.abs(day.paths).max() < MAX_ABS_RETURN


def test_the_first_hundred_steps_have_the_law_of_the_shorter_answer(answers):
    short, day = answers
    size = SIGMA * np.sqrt(np.arange(1, 101))

    np.testing.assert_allclose(short.point / size, day.point[:100] / size, atol=1e-3)
    np.testing.assert_allclose(1.0, day.paths[:, :100].std(axis=0) / short.paths.std(axis=0), atol=0.15)


def test_what_is_beyond_step_100_grows_like_the_root_of_time(answers):
    _, day = answers
    deviation = day.paths.std(axis=0)

    for near, far in ((99, 199), (99, 288), (199, 288)):
        assert abs(deviation[far] / deviation[near] / np.sqrt((far + 1) / (near + 1)) - 1.0) < 0.15
    assert abs(deviation[288] / (SIGMA * np.sqrt(289)) - 1.0) < 0.35


def test_paths_go_on_where_they_are(answers):
    _, day = answers
    ranks = np.argsort(np.argsort(day.paths, axis=0), axis=0)

    for near, far in ((99, 100), (199, 210), (260, 288)):
        together = np.corrcoef(ranks[:, near], ranks[:, far])[0, 1]
        assert together > 0.9 * np.sqrt((near + 1) / (far + 1))
