"""Running statistics equal plain loops, and never look ahead."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.causal import ewma, hold_last, means_of_last, recursive_sum, rolling_mean, running_sums

_number_or_gap = st.one_of(st.floats(-1e3, 1e3), st.just(float("nan")))


def _slow_ewma(values, half_life):
    out, keep = [], 0.5 ** (1 / half_life)
    for t in range(len(values)):
        known = [(keep ** (t - i), values[i]) for i in range(t + 1) if not np.isnan(values[i])]
        out.append(sum(w * v for w, v in known) / sum(w for w, _ in known) if known else np.nan)
    return out


@settings(max_examples=60, deadline=None)
@given(st.lists(_number_or_gap, max_size=80), st.sampled_from([0.5, 3.0, 40.0]))
def test_ewma_is_the_weighted_mean_of_the_known_past(values, half_life):
    got = ewma(np.array(values, dtype=float), half_life)

    np.testing.assert_allclose(_slow_ewma(values, half_life), got, rtol=1e-9, atol=1e-9)


def test_blocks_of_growing_weights_join_without_a_seam():
    values = np.random.default_rng(1).standard_normal(5_000)
    slow, total = [], 0.0
    for value in values:
        total = 0.7 * total + value
        slow.append(total)

    np.testing.assert_allclose(slow, recursive_sum(values, 0.7), rtol=1e-9, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3_000), st.sampled_from([0.7, 13 / 14, 0.999]))
def test_the_sum_is_to_the_bit_that_of_its_formula_however_often_it_is_asked(rows, keep):
    values = np.random.default_rng(rows).standard_normal(rows)
    block = int(500.0 / -np.log(keep))
    weights = keep ** np.arange(1, min(block, rows) + 1)
    wanted, carried = [], 0.0
    for start in range(0, rows, block):
        part = values[start : start + block]
        wanted += (weights[: len(part)] * (carried + np.cumsum(part / weights[: len(part)]))).tolist()
        carried = wanted[-1]

    assert wanted == recursive_sum(values, keep).tolist()
    assert wanted == recursive_sum(values, keep, out=np.empty(rows)).tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(_number_or_gap, min_size=1, max_size=60), st.lists(st.integers(1, 70), max_size=4), st.data())
def test_only_the_last_rows_over_several_spans_are_the_same_bits_as_all_rows_over_each(values, spans, data):
    numbers = np.array(values)
    since = data.draw(st.integers(0, len(values)))
    means = means_of_last(running_sums(numbers), spans, since=since)

    assert (len(spans), len(values) - since) == means.shape
    for span, mean in zip(spans, means, strict=True):
        np.testing.assert_array_equal(rolling_mean(numbers, span)[since:], mean)
        np.testing.assert_array_equal(mean, rolling_mean(numbers, span, since=since))


@settings(max_examples=60, deadline=None)
@given(st.lists(_number_or_gap, max_size=60), st.integers(1, 12))
def test_rolling_mean_is_the_mean_of_the_known_last_rows(values, span):
    got = rolling_mean(np.array(values, dtype=float), span)

    for t in range(len(values)):
        known = [v for v in values[t - span + 1 : t + 1] if not np.isnan(v)] if t >= span - 1 else []
        np.testing.assert_allclose(np.mean(known) if known else np.nan, got[t], rtol=1e-9, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 399), st.floats(-1e6, 1e6))
def test_changing_the_future_changes_no_bit_of_the_past(cut, replacement):
    values = np.random.default_rng(2).standard_normal(400)
    changed = values.copy()
    changed[cut:] = replacement

    for statistic in (lambda v: ewma(v, 5.0), lambda v: rolling_mean(v, 7)):
        np.testing.assert_array_equal(statistic(values)[:cut], statistic(changed)[:cut])


def test_a_missing_number_is_the_last_one_before_it_and_never_a_later_one():
    nan = np.nan

    np.testing.assert_array_equal([nan, 1.0, 1.0, 1.0, 4.0], hold_last(np.array([nan, 1.0, nan, nan, 4.0])))
    assert 0 == len(hold_last(np.array([])))
