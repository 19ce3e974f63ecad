"""The scripts that fit `har` and `stack` and show what models gain: small runs from candles to tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

pytest.importorskip("pyarrow")

import pyarrow as pa
import pyarrow.parquet as pq

from mining_objects import models
from mining_objects.datasets import COLUMNS
from protocol.errors import InvalidSetting
from runnable.fit_neural_har import fit as fit_neural_har
from runnable.fit_spread import fit as fit_spread
from runnable.fit_stack import fit as fit_stack
from tests.support.windows import walk_window

WINDOW = walk_window(56 * 288, gaps=(40 * 288,))


def _day(row):
    return datetime.fromtimestamp(int(WINDOW.open_time_ms[row]) / 1_000, UTC).isoformat()


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "BTC.parquet"
    known = ~(WINDOW.close != WINDOW.close)
    pq.write_table(pa.table({name: getattr(WINDOW, name)[known] for name in COLUMNS}), path)
    return path


@pytest.fixture(scope="module")
def har(recording, tmp_path_factory):
    out = tmp_path_factory.mktemp("weights") / "har"
    fit_spread([recording], out, since=_day(0), until=_day(50 * 288))
    return out


def test_a_fit_says_what_it_saw_and_forecasts(har):
    training = json.loads((har / "card.json").read_text())["training"]
    (answer,) = models.create("har", weights=har).forecast([WINDOW], steps=100, paths=64, seed=1, lead=1)

    assert training["data"][0]["last"] < _day(50 * 288)
    assert 400 < training["data"][0]["examples"] < 20 * 24
    assert answer.paths.std() > 0


def test_the_networks_of_a_fit_stand_beside_its_regression(recording, tmp_path):
    pytest.importorskip("torch")
    fit_neural_har([recording], tmp_path, since=_day(0), until=_day(50 * 288), seed=1)
    card = json.loads((tmp_path / "card.json").read_text())
    (answer,) = models.create("neural_har", weights=tmp_path).forecast([WINDOW], steps=100, paths=64, seed=1, lead=1)

    assert card["training"]["data"][0]["last"] < _day(50 * 288)
    assert (17, 7) == (len(card["numbers"]["weights"]), len(card["numbers"]["weights"][0]))
    assert answer.paths.std() > 0


def test_a_later_end_of_the_recording_does_not_change_the_fit(har, recording, tmp_path):
    short = tmp_path / "BTC.parquet"
    pq.write_table(pq.read_table(recording).slice(0, 50 * 288 - 1), short)
    fit_spread([short], tmp_path / "har", since=_day(0), until=_day(50 * 288))
    there, here = (json.loads((folder / "card.json").read_text())["numbers"] for folder in (har, tmp_path / "har"))

    assert there == here


def test_a_period_before_the_recording_is_refused(recording, tmp_path):
    with pytest.raises(InvalidSetting, match="no candle before"):
        fit_spread([recording], tmp_path, since="2020-01-01", until="2020-02-01")


def test_weights_of_a_stack_are_learnt_and_kept(recording, har, tmp_path):
    asked = {"member": ["har", "ewma"], "since": _day(51 * 288), "until": _day(55 * 288), "every": 8}
    fit_stack([recording], tmp_path, early=[f"har={har}"], **asked)
    (answer,) = models.create("stack", weights=tmp_path).forecast([WINDOW], steps=100, paths=64, seed=1, lead=1)

    with pytest.raises(InvalidSetting, match="NAME=FOLDER"):
        fit_stack([recording], tmp_path, early=[str(har)], **asked)
    assert "stack" == json.loads((tmp_path / "card.json").read_text())["model"]
    assert (64, 100) == answer.paths.shape
