"""Examples of training: whole series pooled, periods apart, inputs and targets to the step, nothing from later."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from mining_objects.dataset_folders import sha256_of  # noqa: E402
from mining_objects.datasets import COLUMNS  # noqa: E402
from mining_objects.training import Training  # noqa: E402
from mining_objects.training_batches import ExampleBatches  # noqa: E402
from mining_objects.training_data import Series, load_data, load_series  # noqa: E402
from mining_objects.training_recipe import recipe_of  # noqa: E402
from protocol.errors import InvalidSetting  # noqa: E402
from tests.support.windows import STEP_MS, walk_window  # noqa: E402

FIRST = walk_window(5_200, gaps=(3_000, 4_500))
SECOND = walk_window(4_700, seed=2, series="OTHER")
BORDER, END = 4_000, 5_000


def _at(row: int) -> str:
    """The instant at which the row's candle ends."""
    return datetime.fromtimestamp((int(FIRST.open_time_ms[row]) + STEP_MS) / 1_000, UTC).isoformat()


TABLE = {
    "config": {"lookback": 8, "anchors": [1, 7, 100]},
    "data": {"validation_from": _at(BORDER), "until": _at(END), "stride": 3, "validation_stride": 5},
}
RECIPE = recipe_of(TABLE)


def _of(*windows, recipe=RECIPE):
    return load_data(recipe, [Series(window.rows(0, min(len(window), END + 1)), "ab") for window in windows])


DATA = _of(FIRST, SECOND)


def test_inputs_end_at_the_anchor_and_outcomes_are_of_the_exact_steps():
    family, config = RECIPE.family, RECIPE.config
    for examples, window in ((_of(FIRST).train, FIRST), (_of(SECOND).validation, SECOND)):
        rows = family.input_rows(config, {}, window.rows(0, min(len(window), END + 1)))
        batch = ExampleBatches(examples, config.anchors, torch.device("cpu")).take(np.arange(len(examples.rows)))
        log_close = np.log(window.close)
        for place, row in enumerate(examples.rows):
            np.testing.assert_array_equal(rows[row - 7 : row + 1], batch.inputs[place].numpy())
            want = [log_close[row + k] - log_close[row] for k in config.anchors]
            got = batch.outcomes[place].numpy() * examples.scale[place] * np.sqrt(config.anchors)
            np.testing.assert_allclose(want, got, rtol=1e-4, atol=1e-9)


def test_no_outcome_of_training_reaches_within_the_embargo_of_validation():
    train, validation = _of(FIRST).train.rows, _of(FIRST).validation.rows

    assert train.max() + 100 <= BORDER - RECIPE.data.embargo_steps
    assert BORDER <= validation.min()
    assert validation.max() + 100 <= END
    assert not {3_000, 2_999, 2_993, 2_900} & set(train.tolist())


def test_pooled_series_give_the_examples_of_each():
    both = ExampleBatches(DATA.train, RECIPE.config.anchors, torch.device("cpu"))
    alone = [ExampleBatches(_of(one).train, RECIPE.config.anchors, torch.device("cpu")) for one in (FIRST, SECOND)]
    assert sum(map(len, alone)) == len(both)

    pooled = both.take(np.arange(len(both))).inputs.clone()
    apart = torch.cat([part.take(np.arange(len(part))).inputs for part in alone])
    assert torch.equal(apart, pooled)


@settings(max_examples=50, deadline=None)
@given(row=st.integers(BORDER - RECIPE.data.embargo_steps + 1, END), factor=st.floats(0.5, 2.0))
def test_training_examples_and_scaling_do_not_change_with_any_candle_after_them(row, factor):
    columns = {name: np.array(getattr(FIRST, name)) for name in COLUMNS[1:]}
    for values in columns.values():
        values[row:] *= factor
    changed_data = _of(replace(FIRST, **columns), SECOND)
    changed = changed_data.train
    took = slice(None), np.arange(len(changed.rows))

    for name in ("rows", "outcomes", "scale", "baseline"):
        np.testing.assert_array_equal(getattr(DATA.train, name), getattr(changed, name))
    np.testing.assert_array_equal(DATA.train.inputs(took[1]), changed.inputs(took[1]))
    networks = [
        Training(RECIPE.family, RECIPE.config, RECIPE.training, data, folder=None).network
        for data in (DATA, changed_data)
    ]
    assert torch.equal(networks[0].feature_mean, networks[1].feature_mean)
    assert torch.equal(networks[0].feature_deviation, networks[1].feature_deviation)


@settings(max_examples=50, deadline=None)
@given(place=st.integers(0, len(DATA.validation.rows) - 1), factor=st.floats(0.5, 2.0))
def test_inputs_of_an_example_do_not_change_with_any_candle_after_its_anchor(place, factor):
    alone = _of(FIRST).validation
    place %= len(alone.rows)
    columns = {name: np.array(getattr(FIRST, name)) for name in COLUMNS[1:]}
    for values in columns.values():
        values[alone.rows[place] + 1 :] *= factor
    changed = _of(replace(FIRST, **columns)).validation

    np.testing.assert_array_equal(alone.inputs(np.array([place])), changed.inputs(np.array([place])))
    assert (alone.scale[place], alone.baseline[place]) == (changed.scale[place], changed.baseline[place])


def test_files_are_read_up_to_until_and_named_by_their_checksums(tmp_path):
    for name, window in (("a", FIRST), ("b", SECOND)):
        pq.write_table(pa.table({c: np.nan_to_num(getattr(window, c), nan=1.0) for c in COLUMNS}), tmp_path / name)
    recipe = recipe_of(TABLE | {"data": TABLE["data"] | {"files": ["a", "b"]}})
    series = load_series(recipe, tmp_path)

    assert [END + 1, len(SECOND)] == [len(one.window) for one in series]
    assert [sha256_of(tmp_path / name) for name in "ab"] == load_data(recipe, series).identity["data.sha256"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"validation_from": _at(300)}, "the training period is too short: an example needs 2024 candles before it"),
        ({"validation_from": _at(END - 50)}, "the validation period is too short"),
    ],
)
def test_a_period_without_examples_is_refused(change, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        _of(FIRST, recipe=recipe_of(TABLE | {"data": TABLE["data"] | change}))


def test_candles_that_are_all_too_late_are_refused(tmp_path):
    pq.write_table(pa.table({c: getattr(SECOND, c) for c in COLUMNS}), tmp_path / "late.parquet")
    recipe = recipe_of({"data": {"validation_from": "2000-01-01", "until": "2001-01-01"}})
    with pytest.raises(InvalidSetting, match="no candle before"):
        load_series(recipe, tmp_path / "late.parquet")
