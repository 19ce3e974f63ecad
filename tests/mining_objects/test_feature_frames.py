"""Frames of several sources: compacting, aggregating and collecting equal plain loops and never look ahead."""

from __future__ import annotations

from statistics import median

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.candle_features import feature_matrix
from mining_objects.errors import BadCandles
from mining_objects.feature_frames import (
    CANDLES_AGGREGATED,
    CANDLES_COMPACTED,
    COMPACTIONS,
    aggregate,
    candle_frame,
    collect,
    compact,
    feature_frame,
)
from tests.support.windows import START_MS, STEP_MS, walk_window

NAN = float("nan")
STEP = 5
NUMBER = st.one_of(st.sampled_from([1.0, 2.0, 3.0]), st.floats(-1e3, 1e3), st.just(NAN))
ROWS = st.dictionaries(st.integers(0, 60), st.tuples(NUMBER, NUMBER), max_size=40)
PLAIN = {
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "sum": sum,
    "min": min,
    "max": max,
    "mean": lambda values: sum(values) / len(values),
    "median": median,
    "mode": lambda values: min(v for v in values if values.count(v) == max(map(values.count, values))),
}


def frame_of(rows: dict[int, tuple[float, float]], names: tuple[str, str] = ("a", "b")) -> pd.DataFrame:
    times = sorted(rows)
    return pd.DataFrame(
        np.array([rows[t] for t in times], dtype=float).reshape(len(times), 2),
        index=pd.Index(np.array(times, dtype=np.int64), name="known_at_ms"),
        columns=list(names),
    )


def later_changed(rows: dict[int, tuple[float, float]], others: dict[int, tuple[float, float]], now: int):
    """What was known by `now`, and another future."""
    return {t: row for t, row in rows.items() if t <= now} | {t: row for t, row in others.items() if t > now}


def same_bits(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    return left.index.equals(right.index) and left.to_numpy().tobytes() == right.to_numpy().tobytes()


@settings(max_examples=80, deadline=None)
@given(ROWS, st.sampled_from(COMPACTIONS), st.integers(0, 70))
def test_a_compacted_row_is_made_of_the_rows_since_the_one_before_it(rows, way, now):
    got = compact(frame_of(rows), step_ms=STEP, until_ms=now, how=way)

    known = [t for t in rows if t <= now]
    grid = range(-(-min(known) // STEP) * STEP, now + 1, STEP) if known else range(0)
    assert list(grid) == got.index.tolist()
    for at in grid:
        for place, name in enumerate(("a", "b")):
            values = [rows[t][place] for t in sorted(rows) if at - STEP < t <= at]
            values = [v for v in values if not np.isnan(v)]
            np.testing.assert_allclose(PLAIN[way](values) if values else NAN, got.loc[at, name], rtol=1e-9, atol=1e-9)


@settings(max_examples=80, deadline=None)
@given(ROWS, ROWS, st.sampled_from(COMPACTIONS), st.integers(0, 60), st.integers(0, 20))
def test_another_future_changes_no_bit_of_what_was_known(rows, others, way, now, hold):
    before, after = frame_of(rows), frame_of(later_changed(rows, others, now))
    second, second_after = (frame.rename(columns={"a": "c", "b": "d"}) for frame in (before, after))
    grid = np.arange(0, now + 1, 3, dtype=np.int64)

    def until_now(frame):
        return frame[frame.index <= now]

    for made in (
        lambda one, _: compact(one, step_ms=STEP, until_ms=now, how=way),
        lambda one, _: until_now(compact(one, step_ms=STEP, until_ms=now + 7, how=way)).loc[: now // STEP * STEP],
        lambda one, _: until_now(aggregate([one, one * 2.0], how=way)),
        lambda one, _: until_now(aggregate([one, one * 2.0], how="mean", weight="b")),
        lambda one, two: until_now(collect([one, two], np.arange(0, 60, 3), hold_ms=hold)),
        lambda one, two: collect([one, two], grid, hold_ms=hold),
    ):
        if len(until_now(before)):
            assert same_bits(made(before, second), made(after, second_after))


def test_fine_candles_become_coarse_ones():
    fine = walk_window(10)
    coarse = compact(candle_frame(fine), step_ms=5 * STEP_MS, until_ms=fine.end_ms, how=CANDLES_COMPACTED)
    whole = [at for at in coarse.index if at - 5 * STEP_MS >= START_MS]

    assert 1 <= len(whole)
    for at in whole:
        start = (at - START_MS) // STEP_MS - 5
        rows = slice(start, start + 5)
        prices = [fine.open[rows][0], fine.high[rows].max(), fine.low[rows].min(), fine.close[rows][-1]]
        np.testing.assert_allclose([*prices, fine.volume[rows].sum()], coarse.loc[at].to_numpy(), rtol=1e-12)


def test_an_instant_that_has_not_come_gets_no_row_of_half_its_parts():
    rows = frame_of({1: (1.0, 1.0), 6: (2.0, 2.0), 9: (3.0, 3.0)})

    assert [5] == compact(rows, step_ms=STEP, until_ms=9, how="sum").index.tolist()
    assert [5, 10] == compact(rows, step_ms=STEP, until_ms=10, how="sum").index.tolist()
    assert [1.0, 5.0] == compact(rows, step_ms=STEP, until_ms=10, how="sum")["a"].tolist()


def test_venues_become_one_market_of_those_that_speak():
    one = candle_frame(walk_window(20, gaps=(3,)))
    two = candle_frame(walk_window(20, seed=2, gaps=(3, 5)))
    market = aggregate([one, two], how=CANDLES_AGGREGATED)

    np.testing.assert_allclose((one["close"] + two["close"])[7:] / 2, market["close"][7:])
    np.testing.assert_array_equal(np.maximum(one["high"], two["high"])[7:], market["high"][7:])
    np.testing.assert_array_equal(one.iloc[5], market.iloc[5])
    assert market.iloc[3].isna().all()


def test_a_mean_is_weighted_where_a_weight_is_known():
    one = frame_of({0: (10.0, 1.0), 1: (10.0, 0.0), 2: (NAN, 5.0), 3: (10.0, NAN)})
    two = frame_of({0: (20.0, 3.0), 1: (20.0, 0.0), 2: (20.0, 1.0), 3: (20.0, 2.0)})
    market = aggregate([one, two], how={"a": "mean", "b": "sum"}, weight="b")

    np.testing.assert_allclose([17.5, NAN, 20.0, 20.0], market["a"])
    np.testing.assert_allclose([4.0, 0.0, 6.0, 2.0], market["b"])


def test_sources_are_collected_by_time_and_held_no_longer_than_said():
    candles = frame_of({5: (1.0, 2.0), 10: (3.0, NAN), 15: (5.0, 6.0)})
    funding = frame_of({4: (7.0, 8.0)}, ("rate", "interest"))
    at = np.array([5, 10, 15], dtype=np.int64)

    exact = collect([candles, funding], at)
    held = collect([candles, funding], at, hold_ms=6)

    assert ["a", "b", "rate", "interest"] == list(exact.columns)
    np.testing.assert_array_equal([2.0, NAN, 6.0], exact["b"])
    assert exact["rate"].isna().all()
    np.testing.assert_array_equal([2.0, 2.0, 6.0], held["b"])
    np.testing.assert_array_equal([7.0, 7.0, NAN], held["rate"])


def test_features_have_their_names_and_instants():
    window = walk_window(40)
    frame = feature_frame(window, ("return_1", "rsi_14"))

    assert (["return_1", "rsi_14"], window.end_ms) == (list(frame.columns), frame.index[-1])
    np.testing.assert_array_equal(feature_matrix(window, ("return_1", "rsi_14")), frame.to_numpy())


GOOD = frame_of({1: (1.0, 2.0), 2: (3.0, 4.0)})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: compact(GOOD.iloc[::-1], step_ms=5, until_ms=9, how="sum"), r"row 1 \(known at 1\) is not later"),
        (lambda: compact(GOOD.set_axis([1, 1]), step_ms=5, until_ms=9, how="sum"), "is not later than the row before"),
        (lambda: compact(GOOD.set_axis([1.0, 2.0]), step_ms=5, until_ms=9, how="sum"), "whole milliseconds"),
        (lambda: compact(GOOD / 0.0, step_ms=5, until_ms=9, how="sum"), r"row 0 \(known at 1\) holds an infinite"),
        (
            lambda: compact(GOOD, step_ms=5, until_ms=9, how="average"),
            "column 'a' needs one of first, last, .*'average'",
        ),
        (lambda: compact(GOOD, step_ms=5, until_ms=9, how={"a": "sum"}), "column 'b' needs one of"),
        (lambda: aggregate([], how="sum"), "sources of the same columns"),
        (lambda: aggregate([GOOD, GOOD[["a"]]], how="sum"), "sources of the same columns"),
        (lambda: aggregate([GOOD], how="mean", weight="volume"), "no column 'volume'"),
        (lambda: collect([GOOD, GOOD], np.array([1])), "two sources have a column 'a'"),
    ],
)
def test_what_cannot_be_brought_together_is_refused(wrong, sentence):
    with pytest.raises(BadCandles, match=sentence):
        wrong()
