"""Features: finite, without unit, blind to the future, and the same in training as when serving."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.base_mining_model import Window
from mining_objects.causal import hold_last
from mining_objects.features import NAMES, SPANS, WARM_UP, compute_features, newest_scale, scale_of
from mining_objects.financial_market_indicators import band_position, bollinger, macd, rsi
from protocol.errors import TooLittleHistory
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
    np.testing.assert_allclose(MATRIX[-last:], compute_features(WINDOW, last=last), rtol=0, atol=1e-6)


@pytest.mark.parametrize("rows", [30, 300, WARM_UP + 72, len(WINDOW)])
def test_they_are_to_the_bit_those_that_the_shipped_weights_learnt_from(rows):
    window = WINDOW.rows(len(WINDOW) - rows, len(WINDOW))

    assert as_first_written(window).tobytes() == compute_features(window).tobytes()
    last = compute_features(window, last=48)
    np.testing.assert_allclose(as_first_written(window)[-48:], last, rtol=0, atol=1e-6)


def as_first_written(window: Window) -> np.ndarray:
    """Every column over all rows, one after the other, as the trainer of the shipped weights computed them."""
    returns, close = window.log_returns(), hold_last(window.close)
    scale = np.sqrt(np.maximum(mean_over(returns**2, 288), 1e-16))
    daily = mean_over(window.volume, 288)
    columns = [
        returns / scale,
        log_of(window.high - window.low, window.close, scale),
        (window.close - window.open) / window.open / scale,
        log_of(window.volume, 1.0, daily),
        log_of(mean_over(window.volume, 12), 1.0, daily),
        log_of(mean_over(np.abs(returns), 288), 1.0, scale),
        *(0.5 * log_of(mean_over(returns**2, span), 1.0, scale**2, floor=1e-3) for span in SPANS),
        (rsi(close) - 50.0) / 25.0,
        macd(close).histogram / close / scale,
        band_position(close, bollinger(close)),
    ]
    for period in (86_400_000, 7 * 86_400_000):
        turn = 2.0 * np.pi * ((window.open_time_ms + window.step_ms) % period) / period
        columns += [wave(harmonic * turn) for harmonic in (1, 2, 3) for wave in (np.sin, np.cos)]
    matrix = np.nan_to_num(np.stack(columns, axis=1), nan=0.0).astype(np.float32)
    matrix[:WARM_UP] = 0.0
    return np.clip(matrix, -8.0, 8.0)


def mean_over(values: np.ndarray, span: int) -> np.ndarray:
    present = ~np.isnan(values)
    total, known = np.cumsum(np.where(present, values, 0.0)), np.cumsum(present.astype(np.float64))
    for running in (total, known):
        running[span:] -= running[:-span].copy() if span < len(running) else 0.0
    means = np.full(len(values), np.nan)
    np.divide(total, known, out=means, where=known > 0)
    means[: span - 1] = np.nan
    return means


def log_of(values: np.ndarray, unit: np.ndarray | float, reference: np.ndarray, floor: float = 1e-2) -> np.ndarray:
    ratio = np.full(len(values), np.nan)
    np.divide(values / unit, reference, out=ratio, where=reference > 0)
    return np.log(np.maximum(ratio, floor))


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


def test_the_newest_scale_is_that_of_the_last_row():
    assert scale_of(WINDOW.log_returns())[-1] == pytest.approx(newest_scale(WINDOW), rel=1e-12)


@pytest.mark.parametrize("rows", [1, 288])
def test_a_scale_without_a_days_candles_is_refused_and_not_zero(rows):
    with pytest.raises(TooLittleHistory, match="no return of the last day is known"):
        newest_scale(WINDOW.rows(0, rows))


def test_a_scale_after_a_day_without_trade_is_refused_and_not_zero():
    close = WINDOW.close.copy()
    close[-289:-1] = np.nan

    with pytest.raises(TooLittleHistory):
        newest_scale(replace(WINDOW, close=close))
