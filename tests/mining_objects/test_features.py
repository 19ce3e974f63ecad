"""Features: finite, without unit, blind to the future, and the same in training as when serving."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.base_mining_model import Window
from mining_objects.features import NAMES, WARM_UP, compute_features
from tests.support.windows import walk_window

WINDOW = walk_window(WARM_UP + 400, gaps=(300, 301, WARM_UP + 50))
MATRIX = compute_features(WINDOW)
FIELDS = ("open", "high", "low", "close", "volume")


def test_every_feature_is_finite_and_bounded_even_beside_gaps():
    assert (len(WINDOW), len(NAMES)) == MATRIX.shape
    assert np.isfinite(MATRIX).all()
    assert np.abs(MATRIX).max() <= 8.0
    assert (MATRIX[WARM_UP:].std(axis=0) > 0).all()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(WARM_UP + 1, len(WINDOW) - 1),
    st.sampled_from(FIELDS),
    st.one_of(st.floats(0.5, 2.0), st.just(float("nan"))),
)
def test_changing_any_later_candle_changes_no_feature(row, field, factor):
    values = getattr(WINDOW, field).copy()
    values[row] *= factor
    changed = compute_features(replace(WINDOW, **{field: values}))

    np.testing.assert_array_equal(MATRIX[:row], changed[:row])


@pytest.mark.parametrize("last", [1, 96, len(WINDOW)])
def test_the_last_rows_alone_are_the_same_numbers(last):
    np.testing.assert_array_equal(MATRIX[-last:], compute_features(WINDOW, last=last))


def test_the_newest_candle_is_seen():
    values = WINDOW.close.copy()
    values[-1] *= 1.01

    assert not np.array_equal(MATRIX[-1], compute_features(replace(WINDOW, close=values))[-1])


def test_a_window_cut_to_the_lookback_gives_the_same_rows_as_the_whole_history():
    cut = compute_features(WINDOW.rows(len(WINDOW) - WARM_UP - 96, len(WINDOW)))

    np.testing.assert_allclose(MATRIX[-96:], cut[-96:], atol=2e-4)


@pytest.mark.parametrize("factor", [1e-6, 1e4])
def test_the_price_level_does_not_matter(factor):
    scaled = Window(
        WINDOW.series,
        WINDOW.step_ms,
        WINDOW.open_time_ms,
        *(getattr(WINDOW, f) * (1.0 if f == "volume" else factor) for f in FIELDS),
    )

    np.testing.assert_allclose(MATRIX, compute_features(scaled), atol=1e-4)


def test_a_market_that_stands_still_gives_finite_features():
    assert np.isfinite(compute_features(walk_window(WARM_UP + 100, sigma=0.0))).all()


def test_a_gap_where_the_window_begins_silences_no_indicator():
    gone = 5
    late = walk_window(WARM_UP + 400, gaps=tuple(range(gone)))

    from_the_first = compute_features(late.rows(gone, len(late)))

    np.testing.assert_array_equal(from_the_first[WARM_UP:, -15:-12], compute_features(late)[WARM_UP + gone :, -15:-12])
    assert (from_the_first[WARM_UP:, -15:-12].std(axis=0) > 0).all()
