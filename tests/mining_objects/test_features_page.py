"""docs/features.md lists what can be chosen, as it is, and its examples run."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mining_objects.candle_features import FEATURES
from mining_objects.datasets import COLUMNS
from tests.support.sources import ROOT
from tests.support.windows import walk_window

PAGE = (ROOT / "docs/features.md").read_text(encoding="utf-8")


def test_the_features_page_lists_every_feature_as_it_is():
    rows = [f"| `{f.name}` | {f.meaning} | {f.warm_up} | {f.memory} |" for f in FEATURES.values()]

    assert rows == re.findall(r"^\| `[a-z]\w*` \| .* \| \d+ \| \d+ \|$", PAGE, re.M)


def test_the_examples_of_the_features_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()
    for seed, name in enumerate(("binance", "bybit")):
        window = walk_window(600, seed=seed)
        pq.write_table(pa.table({c: getattr(window, c) for c in COLUMNS}), f"recordings/{name}.parquet")
    shown: dict[str, object] = {}
    for example in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S):
        exec(example, shown)

    rows, inputs = shown["rows"], shown["inputs"]
    assert (600, 5) == shown["matrix"].shape
    assert 295 == shown["lookback_of"](shown["names"])
    assert (600, 10) == inputs.shape
    np.testing.assert_allclose((-1.0, 1.0), (inputs["low"].min(), inputs["high"].max()))
    hour_ends = rows.index % 3_600_000 == 0
    np.testing.assert_array_equal(shown["binance"].close[hour_ends][1:], rows["close"][hour_ends][1:])
