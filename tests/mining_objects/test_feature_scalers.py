"""Scaling: by the past alone, together in groups, and back again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.errors import BadCandles
from mining_objects.feature_frames import candle_frame
from mining_objects.feature_scalers import KINDS, fit_scaler, scaler_by_past
from tests.support.windows import walk_window

FRAME = candle_frame(walk_window(400, gaps=(120, 121, 300)))
TOGETHER = {("close", "high", "low"): "min_max", "volume": "robust", "open": "none"}


def with_another_future(row: int, seed: int) -> pd.DataFrame:
    changed = FRAME.copy()
    changed.iloc[row:] = np.exp(5.0 * np.random.default_rng(seed).standard_normal((len(FRAME) - row, 5)))
    return changed


@settings(max_examples=60, deadline=None)
@given(st.integers(60, len(FRAME) - 1), st.integers(0, 2**32 - 1), st.sampled_from(KINDS), st.booleans())
def test_another_future_changes_no_bit_of_a_scaling(row, seed, kind, groups):
    changed, how = with_another_future(row, seed), TOGETHER if groups else None
    until = int(FRAME.index[row - 1])
    fitted, fitted_after = (fit_scaler(f, until_ms=until, how=how, default=kind) for f in (FRAME, changed))
    by_past, by_past_after = (
        scaler_by_past(f, span=50, how=how, default=kind).scale(f).iloc[:row] for f in (FRAME, changed)
    )

    assert fitted.centre.to_numpy().tobytes() == fitted_after.centre.to_numpy().tobytes()
    assert fitted.size.to_numpy().tobytes() == fitted_after.size.to_numpy().tobytes()
    assert by_past.to_numpy().tobytes() == by_past_after.to_numpy().tobytes()


def test_a_scaling_by_past_rows_equals_a_plain_loop_and_leaves_the_row_itself_out():
    scaled = scaler_by_past(FRAME, span=30, least=10, how=TOGETHER).scale(FRAME)

    for row in (12, 29, 30, 31, 125, 305, 399):
        before = FRAME.iloc[max(0, row - 30) : row]
        prices = before[["close", "high", "low"]].to_numpy()
        low, high = np.nanmin(prices), np.nanmax(prices)
        quarters = np.nanquantile(before["volume"], (0.25, 0.5, 0.75))
        now = FRAME.iloc[row]
        np.testing.assert_allclose((now["close"] - (low + high) / 2) / ((high - low) / 2), scaled["close"].iloc[row])
        np.testing.assert_allclose(
            (now["volume"] - quarters[1]) / ((quarters[2] - quarters[0]) / 1.34898),
            scaled["volume"].iloc[row],
            rtol=1e-5,
        )
    assert scaled[["close", "volume"]].iloc[:10].isna().all(axis=None)
    assert not scaled.iloc[10:120].isna().any(axis=None)
    np.testing.assert_array_equal(FRAME["open"], scaled["open"])


def test_a_fitted_scaling_has_mean_0_and_size_1_over_the_rows_it_was_fitted_on():
    until = int(FRAME.index[199])
    scaled = fit_scaler(FRAME, until_ms=until).scale(FRAME)

    np.testing.assert_allclose(0.0, scaled.iloc[:200].mean(), atol=1e-9)
    np.testing.assert_allclose(1.0, scaled.iloc[:200].std(ddof=0), rtol=1e-9)
    assert np.abs(scaled.iloc[200:].mean()).max() > 0.1


def test_a_group_shares_one_scaling_so_its_order_stays():
    scaled = fit_scaler(FRAME, until_ms=int(FRAME.index[-1]), how=TOGETHER).scale(FRAME)

    prices = scaled[["close", "high", "low"]]
    np.testing.assert_allclose((-1.0, 1.0), (prices.min(axis=None), prices.max(axis=None)))
    known = prices.dropna()
    assert ((known["low"] <= known["close"]) & (known["close"] <= known["high"])).all()


@pytest.mark.parametrize(
    "scaler",
    [
        fit_scaler(FRAME, until_ms=int(FRAME.index[99]), how=TOGETHER),
        scaler_by_past(FRAME, span=40, least=1, how=TOGETHER),
    ],
)
def test_scaling_back_gives_the_numbers_again_also_of_some_columns(scaler):
    back = scaler.unscale(scaler.scale(FRAME)[["close", "volume"]])

    np.testing.assert_allclose(FRAME[["close", "volume"]].iloc[1:], back.iloc[1:], rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_stands_still_is_centred_and_divides_by_nothing(kind):
    still = pd.DataFrame({"a": np.full(50, 30_000.1)}, index=FRAME.index[:50])
    for scaler in (
        fit_scaler(still, until_ms=int(still.index[-1]), default=kind),
        scaler_by_past(still, span=7, default=kind),
    ):
        np.testing.assert_allclose(30_000.1 if kind == "none" else 0.0, scaler.scale(still)["a"].iloc[7:], atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: fit_scaler(FRAME, until_ms=0), "no number of open is known by 0"),
        (lambda: fit_scaler(FRAME, until_ms=0, default="z"), "cannot be scaled by 'z'; there are standard"),
        (lambda: scaler_by_past(FRAME, span=9, how={("close", "high"): "min_max", "close": "none"}), "in two groups"),
        (lambda: scaler_by_past(FRAME, span=9, how={"price": "none"}), "'price' is no column"),
        (lambda: scaler_by_past(FRAME.iloc[::-1], span=9), "is not later than the row before"),
        (
            lambda: fit_scaler(FRAME[["open"]], until_ms=int(FRAME.index[-1])).scale(FRAME),
            "fitted without high, low, close, volume",
        ),
        (lambda: scaler_by_past(FRAME.iloc[:50], span=9).scale(FRAME), "only the rows it was made of"),
    ],
)
def test_what_cannot_be_scaled_is_refused(wrong, sentence):
    with pytest.raises(BadCandles, match=sentence):
        wrong()
