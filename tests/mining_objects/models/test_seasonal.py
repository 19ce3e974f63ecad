"""The day's shape alone: steps have the size of their hour, at the level of the last hours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mining_objects.models.seasonal import Seasonal, own_season
from mining_objects.season import slots_of
from tests.support.windows import STEP_MS, walk_window

WINDOW = walk_window(30 * 288)
SLOT = slots_of(WINDOW.open_time_ms, STEP_MS)
SIZE = np.where(SLOT % 288 < 144, 2e-3, 1e-3)
SIGNS = np.random.default_rng(5).choice((-1.0, 1.0), len(WINDOW))
CLOSE = 30_000.0 * np.exp(np.cumsum(SIZE * SIGNS))
HALVES = replace(WINDOW, open=CLOSE, high=CLOSE, low=CLOSE, close=CLOSE)


def test_steps_have_the_size_of_their_half_of_the_day():
    sizes = Seasonal().sizes_ahead(HALVES, 289)
    ahead = slots_of(HALVES.end_ms + STEP_MS * np.arange(289, dtype=np.int64), STEP_MS)
    inner = (np.abs(ahead % 144 - 72) < 50) & (ahead < 288)  # away from noon and midnight, where it is smoothed

    np.testing.assert_allclose(np.where(ahead % 288 < 144, 2e-3, 1e-3)[inner], sizes[inner], rtol=0.1)


def test_the_walk_spreads_as_the_sizes_add_up():
    model = Seasonal()
    (answer,) = model.forecast([HALVES], steps=100, paths=1_000, seed=3)
    wanted = np.sqrt(np.cumsum(model.sizes_ahead(HALVES, 100) ** 2))

    np.testing.assert_allclose(wanted, answer.paths.std(axis=0), rtol=0.06)
    assert not answer.point.any()


def test_without_trust_there_is_no_shape():
    np.testing.assert_array_equal(np.ones(576), own_season(HALVES, (0.0, 0.0), 25))
    assert own_season(HALVES, (1.0, 1.0), 25)[72] > 1.2
