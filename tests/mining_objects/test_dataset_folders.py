"""Which files of a dataset folder are read, and that nothing is read that its manifest does not describe."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mining_objects.dataset_folders import DOWNLOADED_FORMAT, MANIFEST_NAME, choose_files, sha256_of
from mining_objects.datasets import COLUMNS, read_candles
from mining_objects.errors import BadCandles
from tests.support.windows import STEP_MS, walk_window

GOOD = walk_window(40)


def dataset(folder, *venues, change=lambda manifest: manifest):
    """Two files a venue: the first 30 candles and the other 10."""
    files = {}
    for venue in venues:
        for name, rows in (("2023-01", slice(0, 30)), ("2023-02", slice(30, 40))):
            path = folder / f"venue={venue}" / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({column: np.array(getattr(GOOD, column)[rows]) for column in COLUMNS}), path)
            files[f"venue={venue}/{path.name}"] = {"sha256": sha256_of(path)}
    manifest = {
        "format": DOWNLOADED_FORMAT, "series": "BTC-USD", "step_ms": STEP_MS,
        "venues": {venue: {} for venue in venues}, "files": files,
    }  # fmt: skip
    (folder / MANIFEST_NAME).write_text(json.dumps(change(manifest)))
    return folder


def test_a_folder_means_its_agreed_candles_or_its_only_venue(tmp_path):
    for name, venues, series in (
        ("a", ("agreed", "okx"), "BTC-USD"),
        ("b", ("okx",), "BTC-USD okx"),
    ):
        window = read_candles(dataset(tmp_path / name, *venues))
        assert series == window.series
        np.testing.assert_array_equal(GOOD.close, window.close)
        np.testing.assert_array_equal(GOOD.open_time_ms, window.open_time_ms)


def test_several_venues_that_did_not_agree_must_be_chosen_by_folder(tmp_path):
    folder = dataset(tmp_path, "okx", "bybit")
    with pytest.raises(BadCandles, match=r"name the one to read: .*venue=bybit, .*venue=okx"):
        choose_files(folder)
    assert "BTC-USD bybit" == read_candles(folder / "venue=bybit").series
    (folder / "venue=kraken").mkdir()
    with pytest.raises(BadCandles, match="no candles of kraken"):
        choose_files(folder / "venue=kraken")


def test_a_changed_file_and_a_changed_fingerprint_go_together(tmp_path):
    folder = dataset(tmp_path, "okx")
    before = choose_files(folder).sha256
    path = folder / "venue=okx" / "2023-02.parquet"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BadCandles, match=r"2023-02\.parquet is not the file its manifest describes"):
        choose_files(folder)
    files = {f"venue=okx/{p.name}": {"sha256": sha256_of(p)} for p in path.parent.iterdir()}
    (folder / MANIFEST_NAME).write_text(json.dumps(json.loads((folder / MANIFEST_NAME).read_text()) | {"files": files}))
    assert before != choose_files(folder).sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest | {"format": "augury/candles/99"},
        lambda manifest: {key: value for key, value in manifest.items() if key != "step_ms"},
        lambda manifest: manifest | {"files": []},
        lambda _: [],
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path, change):
    with pytest.raises(BadCandles, match="is no dataset manifest"):
        choose_files(dataset(tmp_path, "okx", change=change))


def test_a_folder_of_datasets_names_those_in_it(tmp_path):
    dataset(tmp_path / "btc", "okx")
    with pytest.raises(BadCandles, match=r"is no dataset, it has no manifest.json; datasets in it: btc$"):
        choose_files(tmp_path)


def test_a_manifest_cannot_lead_out_of_its_folder(tmp_path):
    folder = dataset(tmp_path, "okx")
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    manifest["files"]["venue=okx/../../elsewhere.parquet"] = {"sha256": ""}
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))
    with pytest.raises(BadCandles, match=r"cannot read .*venue=okx/elsewhere\.parquet"):
        choose_files(folder)
