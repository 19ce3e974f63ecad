"""The command that tests models: what it writes, that it repeats itself to the bit, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

import pyarrow as pa
import pyarrow.parquet as pq

from mining_objects.dataset_folders import sha256_of
from mining_objects.datasets import COLUMNS
from mining_objects.errors import UnwritableFolder
from protocol.errors import InvalidSetting
from runnable.miner_testing import try_models
from tests.support.windows import walk_window

SCRIPT = Path(__file__).parents[2] / "runnable" / "miner_testing.py"
WINDOW = walk_window(77 * 288)
FILES = {"report.html", "figures.json", "figures.csv", "rounds.csv"}


def _day(row: int) -> str:
    return datetime.fromtimestamp(int(WINDOW.open_time_ms[row]) / 1_000, UTC).date().isoformat()


FROM, TO = _day(61 * 288), _day(76 * 288)


@pytest.fixture(scope="module")
def candles(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("candles") / "BTC.parquet"
    pq.write_table(pa.table({name: np.array(getattr(WINDOW, name)) for name in COLUMNS}), path)
    return path


def _try(candles: Path, out: Path, **changed):
    asked = {
        "tested": "seasonal,flat", "data": candles, "since": FROM, "until": TO, "weights": None, "beside": "drift",
        "overlap": False, "every": 24, "points": True, "paths": 64, "lead": 1, "seed": 1, "calendar": "24/7",
        "processes": 1, "out": out,
    }  # fmt: skip
    try_models(**(asked | changed))
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture(scope="module")
def written(candles, tmp_path_factory):
    return _try(candles, tmp_path_factory.mktemp("once"))


def test_it_writes_a_report_that_says_what_was_run(candles, written):
    told = json.loads(written["figures.json"])

    assert set(written) == FILES
    assert f"--from {FROM} --to {TO}" in told["run"]["command"]
    assert sha256_of(candles) in told["run"]["candles"]
    assert {"tested: seasonal", "tested: flat", "beside: drift"} <= set(told["run"])
    assert any("one of 24 rounds" in warning for warning in told["warnings"])
    assert 14 <= len(told["tables"]["weeks"]["rows"]) * 7


def test_again_and_by_two_processes_it_writes_the_same_bytes(candles, written, tmp_path):
    assert written == _try(candles, tmp_path, processes=2)


def test_one_model_alone_can_be_tested_without_points(candles, tmp_path, capsys):
    written = _try(candles, tmp_path, tested="seasonal", beside="", until=_day(63 * 288), every=6, points=False)
    told = json.loads(written["figures.json"])

    assert "seasonal: the only tested model's loss" in capsys.readouterr().out
    assert "closes.point" not in told["run"]["rounds"]
    assert [] == told["tables"]["points"]["rows"]
    assert "--no-points" in told["run"]["command"]


def test_a_file_in_the_place_of_the_folder_is_refused_before_anything_is_played(candles, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UnwritableFolder, match="out cannot be written: Not a directory"):
        _try(candles, tmp_path / "out")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"since": _day(30 * 288)}, "60 days are needed before it"),
        ({"until": FROM}, f"at least a day of candles: from {FROM} they go to {FROM}"),
        ({"since": "2030-01-01", "until": "2030-02-01"}, "begins on 2030-01-01, when the candles have ended"),
        ({"weights": ["har"]}, "NAME=FOLDER"),
        ({"calendar": "mars"}, "mars"),
        ({"tested": ""}, "no model is named"),
        ({"tested": "har"}, "har was fitted on candles before 2025-01-01"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(candles, tmp_path, changed, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        _try(candles, tmp_path, **changed)
    assert [] == list(tmp_path.iterdir())


def test_a_model_that_saw_the_period_is_labelled_where_it_is_told_to_be_tested(candles, tmp_path, capsys):
    _try(candles, tmp_path, tested="har", beside="", overlap=True, until=_day(63 * 288), every=12)

    assert "WARNING: har HAS SEEN this period" in capsys.readouterr().out
    assert "har HAS SEEN this period" in (tmp_path / "report.html").read_text()


@pytest.mark.processes
def test_a_mistake_is_one_sentence_and_exit_code_2(tmp_path):
    arguments = ["--models", "lstn", "--data", "absent.parquet", "--from", FROM, "--to", TO]
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=tmp_path,
    )

    assert 2 == ended.returncode
    assert "no model is called 'lstn'" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.processes
def test_ctrl_c_ends_it_soon_and_leaves_nothing_half_written(candles, tmp_path):
    out = tmp_path / "out"
    arguments = ["--models", "garch", "--data", candles, "--from", FROM, "--to", TO, "--out", out, "--processes", "2"]
    started = subprocess.Popen(
        [sys.executable, "-u", str(SCRIPT), *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=tmp_path,
    )  # fmt: skip
    assert started.stdout is not None
    assert "garch" in started.stdout.readline()
    os.killpg(started.pid, signal.SIGINT)
    told, wrong = started.communicate(timeout=60)

    assert 130 == started.returncode
    assert "interrupted: nothing was written" in told
    assert "Traceback" not in wrong
    assert not out.exists()


@pytest.mark.processes
def test_it_explains_itself():
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), "--help"], capture_output=True, text=True, check=False, timeout=100
    )

    assert 0 == ended.returncode
    assert "--models" in ended.stdout
    assert "candles" in ended.stdout
