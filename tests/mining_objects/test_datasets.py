"""Candle files are read strictly, and examples belong to the exact steps after their inputs."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mining_objects.dataset_folders import MANIFEST_NAME, RECORDED_FORMAT, sha256_of
from mining_objects.datasets import (
    COLUMNS,
    Gap,
    gaps_of,
    make_examples,
    read_candles,
    split_by_time,
)
from mining_objects.errors import BadCandles
from tests.support.windows import STEP_MS, walk_window

GOOD = walk_window(40)


def _write(path, change=lambda columns: columns):
    columns = {name: np.array(getattr(GOOD, name)) for name in COLUMNS}
    pq.write_table(pa.table(change(columns)), path)
    return path


def _set(name, row, value):
    def change(columns):
        columns[name][row] = value
        return columns

    return change


def _swap(columns):
    for values in columns.values():
        values[[3, 4]] = values[[4, 3]]
    return columns


def test_a_good_file_becomes_a_window_with_its_own_numbers(tmp_path):
    window = read_candles(_write(tmp_path / "a.parquet"), series="BTC")

    assert "BTC" == window.series
    np.testing.assert_array_equal(GOOD.close, window.close)
    np.testing.assert_array_equal(GOOD.open_time_ms, window.open_time_ms)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_set("close", 7, np.nan), r"row 7 .* has a NaN or infinite number; 1 such rows"),
        (_set("volume", 7, np.inf), r"row 7 .* has a NaN or infinite number"),
        (_set("low", 7, 0.0), r"row 7 .* not positive"),
        (_set("volume", 7, -1.0), r"row 7 .* negative volume"),
        (_set("close", 7, 1e9), r"row 7 .* outside low..high"),
        (_set("open_time_ms", 7, GOOD.open_time_ms[6]), r"row 7 .* repeats the time"),
        (_set("open_time_ms", 7, GOOD.open_time_ms[7] + 1), r"row 7 .* off the 300000 ms grid"),
        (_swap, r"row 4 .* not sorted"),
        (lambda c: {k: v for k, v in c.items() if k != "volume"}, r"lacks volume; it has open_time_ms"),
        (lambda c: {k: v[:0] for k, v in c.items()}, r"no rows"),
        (lambda c: c | {"close": c["close"].astype(str)}, r"wrong type"),
        (lambda c: c | {"open_time_ms": c["open_time_ms"].astype(float)}, r"wrong type"),
    ],
)
def test_a_bad_file_is_refused_with_its_first_offender(tmp_path, change, sentence):
    with pytest.raises(BadCandles, match=sentence):
        read_candles(_write(tmp_path / "a.parquet", change))


def test_what_is_no_parquet_or_is_absent_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_text("open,high,low,close")
    for name in ("a.parquet", "absent.parquet"):
        with pytest.raises(BadCandles, match=r"cannot read .*\.parquet"):
            read_candles(tmp_path / name)


def test_gaps_are_reported_and_stay_empty(tmp_path):
    holes = [5, 6, 20]
    window = read_candles(
        _write(tmp_path / "a.parquet", lambda c: {k: np.delete(v, holes) for k, v in c.items()}), series="BTC"
    )

    start = int(GOOD.open_time_ms[0])
    assert [Gap(start + 5 * STEP_MS, start + 6 * STEP_MS, 2), Gap(start + 20 * STEP_MS, start + 20 * STEP_MS, 1)] == (
        gaps_of(window)
    )
    assert holes == np.flatnonzero(np.isnan(window.close)).tolist()


def test_a_dataset_folder_is_read_only_while_its_checksum_holds(tmp_path):
    path = _write(tmp_path / "BTC.parquet")
    manifest = {"format": RECORDED_FORMAT, "files": {path.name: {"sha256": sha256_of(path)}}}
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(manifest))

    assert 40 == len(read_candles(tmp_path))

    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BadCandles, match="SHA-256 differs"):
        read_candles(tmp_path)


def test_outcomes_belong_to_the_exact_steps_after_the_inputs():
    window = walk_window(600, gaps=(450,))
    features = np.arange(600, dtype=np.float32)[:, None]
    steps = (1, 11, 100)
    examples = make_examples(window, features, range(10, 550), lookback=16, warm_up=100, steps=steps, stride=7)
    inputs = examples.inputs(np.arange(len(examples.rows)))

    assert len(examples.rows)
    for place, row in enumerate(examples.rows):
        anchor_ends_at = window.open_time_ms[row] + STEP_MS
        assert list(range(row - 15, row + 1)) == inputs[place, :, 0].tolist()
        for k, outcome in zip(steps, examples.outcomes[place], strict=True):
            closes_at = anchor_ends_at + k * STEP_MS
            target = int(np.flatnonzero(window.open_time_ms + STEP_MS == closes_at)[0])
            np.testing.assert_allclose(np.log(window.close[target] / window.close[row]), outcome, rtol=1e-5)


def test_examples_keep_inside_their_rows_and_leave_out_unknown_outcomes():
    window = walk_window(600, gaps=(450,))
    examples = make_examples(
        window, np.zeros((600, 1), np.float32), range(550),
        lookback=16, warm_up=300, steps=(1, 50), stride=1,
    )  # fmt: skip

    assert 315 == examples.rows.min()
    assert 549 - 50 == examples.rows.max()
    assert not {400, 449, 450} & set(examples.rows.tolist())


def test_parts_follow_each_other_and_no_outcome_crosses_into_the_next():
    window = walk_window(1_000)
    end = window.open_time_ms + STEP_MS
    split = split_by_time(
        window,
        validation_from_ms=int(end[500]),
        test_from_ms=int(end[700]),
        until_ms=int(end[900]),
        embargo_steps=120,
    )

    assert (range(380), range(500, 580), range(700, 900)) == (split.train, split.validation, split.test)


def test_a_split_without_training_rows_is_refused():
    window = walk_window(100)
    with pytest.raises(BadCandles, match="no candles for train"):
        split_by_time(window, validation_from_ms=0, test_from_ms=10**14, until_ms=10**14, embargo_steps=10)
