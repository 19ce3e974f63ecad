"""Named features: each is blind to the future to the bit, and starts, remembers and means what it says."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.base_mining_model import Window
from mining_objects.candle_features import FEATURES, feature_matrix, lookback_of
from mining_objects.datasets import read_candles
from mining_objects.errors import BadCandles, UnknownFeature
from mining_objects.features import NAMES, compute_features
from tests.support.recordings import recordings_or_skip
from tests.support.sources import ROOT
from tests.support.windows import STEP_MS, walk_window

FIELDS = ("open", "high", "low", "close", "volume")
CLOCK = ("sin_", "cos_", "weekend", "time_of_")
ROWS = 2_400
WINDOW = walk_window(ROWS, gaps=(300, 301, 2_100))
VENUES = (walk_window(ROWS + 7, seed=2, gaps=(300, 900)), walk_window(ROWS, seed=3).rows(100, ROWS))
MATRIX = feature_matrix(WINDOW, tuple(FEATURES), venues=VENUES)
BESIDE_GAPS = (301, 302, 901, 2_101)
"""Where a gap that were filled from later would show: the row changes that follows it."""
A_ROW = st.one_of(st.integers(1, ROWS - 1), st.sampled_from(BESIDE_GAPS))
WHOLE = walk_window(ROWS)
OTHERS = (walk_window(ROWS, seed=2), walk_window(ROWS, seed=3), walk_window(ROWS, seed=4))


def changed_from(window: Window, row: int, how: str, seed: int) -> Window:
    """The window with other candles from `row` on."""
    chance = np.random.default_rng(seed)
    size = len(window) - row
    columns = {}
    for field in FIELDS:
        values = getattr(window, field).copy()
        if how == "other numbers":
            values[row:] = 30_000.0 * np.exp(chance.standard_normal(size))
        elif how == "nothing":
            values[row:] = np.nan
        elif how == "holes":
            values[row:][np.random.default_rng(seed).random(size) < 0.5] = np.nan
        elif how == "backwards":
            values[row:] = values[row:][::-1]
        elif field == how:
            values[row] *= chance.uniform(0.1, 10.0)
        columns[field] = values
    return replace(window, **columns)


@settings(max_examples=120, deadline=None)
@given(
    A_ROW,
    st.sampled_from(("other numbers", "nothing", "holes", "backwards", *FIELDS)),
    st.integers(0, 2**32 - 1),
    st.sampled_from(("own", "venues", "all")),
)
def test_changing_any_later_candle_changes_no_bit_of_any_feature(row, how, seed, whose):
    own = WINDOW if whose == "venues" else changed_from(WINDOW, row, how, seed)
    first, second = (
        VENUES
        if whose == "own"
        else (
            changed_from(VENUES[0], row, how, seed + 1),
            changed_from(VENUES[1], max(0, row - 100), how, seed + 2),
        )
    )
    changed = feature_matrix(own, tuple(FEATURES), venues=(first, second))

    for column, name in enumerate(FEATURES):
        assert MATRIX[:row, column].tobytes() == changed[:row, column].tobytes(), name


@settings(max_examples=60, deadline=None)
@given(A_ROW)
def test_features_of_the_past_alone_are_those_of_the_whole_history(row):
    alone = feature_matrix(WINDOW.rows(0, row), tuple(FEATURES), venues=VENUES)

    np.testing.assert_array_equal(MATRIX[:row], alone)


@pytest.mark.parametrize("name", [name for name in FEATURES if not name.startswith(CLOCK)])
def test_the_newest_candle_is_seen(name):
    values = {f: getattr(WHOLE, f).copy() for f in FIELDS}
    for place, field in enumerate(FIELDS):
        values[field][-1] *= 1.1 + 0.1 * place
    before = feature_matrix(WHOLE, [name], venues=OTHERS)
    after = feature_matrix(replace(WHOLE, **values), [name], venues=OTHERS)

    assert before[-1] != after[-1]


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_begins_after_its_warm_up_and_remembers_as_long_as_it_says(name):
    feature = FEATURES[name]
    values = feature_matrix(WHOLE, [name], venues=OTHERS)[:, 0]

    assert [True] * feature.warm_up + [False] * (ROWS - feature.warm_up) == np.isnan(values).tolist()
    for stop in (ROWS - 60, ROWS - 1, ROWS):
        cut = feature_matrix(WHOLE.rows(stop - feature.memory, stop), [name], venues=OTHERS)
        np.testing.assert_allclose(values[stop - 1], cut[-1, 0], rtol=1e-6, atol=1e-6 * np.nanstd(values))


def test_missing_candles_leave_their_own_features_empty_and_let_averages_go_on():
    shown = dict(zip(FEATURES, MATRIX[2_100], strict=True))

    empty = {
        "range",
        "body",
        "volume_288",
        "venue_premium",
        *FIELDS,
        *(f"return_{k}" for k in (1, 3, 12, 36, 144, 288)),
    }
    assert empty == {name for name, value in shown.items() if np.isnan(value)}


def test_plain_features_are_what_they_say():
    close = WHOLE.close
    row = 2_345
    names = (
        "return_12",
        "volatility_36",
        "range",
        "obv_288",
        "parkinson_12",
        "ema_50",
        "atr_14",
        "rsi_14",
        "macd_signal",
    )
    got = dict(zip(names, feature_matrix(WHOLE, names)[row], strict=True))
    moves = np.diff(np.log(close))[row - 36 : row]
    day = slice(row - 287, row + 1)
    up = np.sign(close[day] - close[row - 288 : row])

    expected = {
        "return_12": np.log(close[row] / close[row - 12]),
        "volatility_36": np.sqrt((moves**2).mean()),
        "range": np.log(WHOLE.high[row] / WHOLE.low[row]),
        "obv_288": (up * WHOLE.volume[day]).sum() / WHOLE.volume[day].sum(),
        "parkinson_12": np.sqrt((np.log(WHOLE.high / WHOLE.low)[row - 11 : row + 1] ** 2).mean() / (4 * np.log(2))),
        "ema_50": np.log(close[row] / talib.EMA(close, 50)[row]),
        "atr_14": talib.ATR(WHOLE.high, WHOLE.low, close, 14)[row] / close[row],
        "rsi_14": talib.RSI(close, 14)[row],
        "macd_signal": talib.MACD(close)[1][row] / close[row],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(value, got[name], rtol=1e-6, err_msg=name)


def ending_at(*when: int) -> Window:
    """Two candles of which the later one ends at this UTC time."""
    end_ms = int(datetime(*when, tzinfo=UTC).timestamp() * 1000)
    flat = np.ones(2)
    return Window("TEST", STEP_MS, end_ms - STEP_MS * np.array([2, 1]), flat, flat, flat, flat, flat)


@pytest.mark.parametrize(
    ("when", "weekend", "month", "year"),
    [
        ((2024, 2, 1), 0.0, -1.0, 2 * 31 / 366 - 1),
        ((2024, 2, 15, 12), 0.0, 0.0, 2 * 45.5 / 366 - 1),
        ((2023, 1, 1), 1.0, -1.0, -1.0),
        ((2023, 7, 2, 12), 1.0, 3 / 31 - 1, 0.0),
        ((2024, 1, 6), 1.0, 10 / 31 - 1, 10 / 366 - 1),
        ((2024, 1, 8), 0.0, 14 / 31 - 1, 14 / 366 - 1),
    ],
)
def test_the_calendar_is_read_where_the_candle_ends(when, weekend, month, year):
    got = feature_matrix(ending_at(*when), ("weekend", "time_of_month", "time_of_year"))[-1]

    np.testing.assert_allclose([weekend, month, year], got, atol=2e-4)


def test_spread_and_premium_across_venues_know_only_those_that_speak():
    nan = np.nan

    def venue(*closes: float) -> Window:
        values = np.array(closes)
        return Window("V", STEP_MS, STEP_MS * np.arange(len(values)), values, values, values, values, values)

    own = venue(100.0, 100.0, 100.0, nan, 100.0)
    others = (venue(110.0, nan, nan, 90.0, 80.0), venue(90.0, 80.0, nan, 110.0), venue(100.0, nan, nan, nan, nan))
    got = feature_matrix(own, ("venue_spread", "venue_premium"), venues=others)

    np.testing.assert_allclose(np.log([110 / 90, 100 / 80, nan, 110 / 90, 100 / 80]), got[:, 0])
    np.testing.assert_allclose(np.log([100 / 100, 100 / 80, nan, nan, 100 / 80]), got[:, 1], atol=1e-12)


def test_agreed_closes_alone_give_what_follows_from_closes():
    closes = {int(t) + STEP_MS: round(c * 10**8) for t, c in zip(WHOLE.open_time_ms, WHOLE.close, strict=True)}
    window = Window.of_closes("TEST", STEP_MS, closes)
    names = ("return_12", "volatility_288", "rsi_14", "ema_9", "sin_day_1")

    np.testing.assert_array_equal(WHOLE.open_time_ms, window.open_time_ms)
    np.testing.assert_allclose(feature_matrix(WHOLE, names), feature_matrix(window, names), rtol=1e-6, atol=1e-9)
    assert np.isnan(feature_matrix(window, ("range", "atr_14", "obv_288"))).all()


def test_what_cannot_be_computed_is_refused_by_name():
    with pytest.raises(UnknownFeature, match=r"no feature is called 'rsi'; there are open, .*rsi_14"):
        feature_matrix(WINDOW, ["rsi"])
    with pytest.raises(UnknownFeature):
        lookback_of(["rsi"])
    with pytest.raises(BadCandles, match="need another venue's candles"):
        feature_matrix(WINDOW, ["venue_spread"])
    shifted = replace(WINDOW, open_time_ms=WINDOW.open_time_ms + 1)
    finer = replace(ending_at(2024, 1, 1).rows(0, 1), step_ms=60_000)
    for other in (shifted, finer):
        with pytest.raises(BadCandles, match="is not on the 300000 ms grid of TEST"):
            feature_matrix(WINDOW, ["venue_spread"], venues=[other])


def test_a_lookback_is_that_of_the_longest_memory():
    assert 2_017 == lookback_of(["close", "volatility_2016", "rsi_14"])
    assert 1 == lookback_of(["close"])


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_a_short_window_gives_short_columns_and_no_error(rows):
    assert (rows, len(FEATURES)) == feature_matrix(WINDOW.rows(0, rows), tuple(FEATURES), venues=VENUES).shape


def test_the_fixed_set_of_the_shipped_model_and_the_named_features_agree_where_they_meet():
    fixed = dict(zip(NAMES, compute_features(WHOLE)[-1], strict=True))
    names = ("rsi_14", "bollinger_position", "sin_day_2", "cos_week_3")
    named = dict(zip(names, feature_matrix(WHOLE, names)[-1], strict=True))

    np.testing.assert_allclose(fixed["rsi"], (named["rsi_14"] - 50) / 25, rtol=1e-5)
    np.testing.assert_allclose(fixed["bollinger_position"], named["bollinger_position"], rtol=1e-5)
    np.testing.assert_allclose(fixed["sin_day_2"], named["sin_day_2"], rtol=1e-5)
    np.testing.assert_allclose(fixed["cos_week_3"], named["cos_week_3"], rtol=1e-5)


@pytest.mark.recordings
def test_features_of_recorded_venues_are_known_and_of_a_sane_size():
    candles = recordings_or_skip() / "candles"
    spot, other = (read_candles(candles / f"{name}_spot_BTCUSDT_5m.parquet") for name in ("binance", "bybit"))
    start = int(other.open_time_ms[0] - spot.open_time_ms[0]) // STEP_MS
    spot = spot.rows(start, start + 30 * 288)
    matrix = feature_matrix(spot, tuple(FEATURES), venues=[other])
    shown = dict(zip(FEATURES, matrix.T, strict=True))

    assert not np.isnan(matrix[lookback_of(tuple(FEATURES)) :]).any()
    assert np.median(np.abs(shown["venue_premium"])) < 1e-3
    assert 1e-4 < np.nanmedian(shown["volatility_288"]) < 1e-2
    np.testing.assert_allclose(1.0, np.nanmedian(shown["parkinson_288"] / shown["volatility_288"]), atol=0.4)
    assert 0.01 < np.nanmean(np.abs(shown["bollinger_position"]) > 1) < 0.25


@pytest.mark.processes
def test_named_features_need_no_pandas():
    program = "import sys, mining_objects.candle_features; print('pandas' in sys.modules, 'torch' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert "False False\n" == shown.stdout
