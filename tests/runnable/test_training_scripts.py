"""Two scripts that a miner starts by hand: dataset and training; and how they end when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import pyarrow as pa
import pyarrow.parquet as pq

from mining_objects import models
from mining_objects.datasets import COLUMNS, read_candles
from mining_objects.errors import BadCandles, MissingPackage, UnwritableFolder
from mining_objects.training_recipe import read_recipe
from protocol.errors import InvalidSetting
from runnable.generate_historical_data import generate, instant_ms
from runnable.miner_training import train
from tests.support.windows import walk_window

RUNNABLE = Path(__file__).parents[2] / "runnable"
WINDOW = walk_window(9_400)


def _recording(path: Path, change=lambda columns: columns) -> Path:
    columns = {name: np.array(getattr(WINDOW, name)) for name in COLUMNS}
    pq.write_table(pa.table(change(columns)), path)
    return path


def _day(row: int) -> str:
    return datetime.fromtimestamp(int(WINDOW.open_time_ms[row]) / 1_000, UTC).isoformat()


TINY = [
    "config.hidden=4", "config.layers=1", "config.lookback=8", "training.batch=64", "data.stride=20",
    f"data.validation_from={_day(7_000)}", f"data.until={_day(8_600)}", "training.device=cpu",
]  # fmt: skip


def _generate(source: Path, out: Path, **options):
    settings = {"since": None, "until": None, "repairing": False} | options
    generate([str(source)], out, **settings)
    return json.loads((out / "manifest.json").read_text())["files"][f"{source.stem}.parquet"]


def test_a_dataset_says_what_is_in_it(tmp_path):
    source = _recording(tmp_path / "BTC.parquet", lambda c: {k: np.delete(v, [100, 101]) for k, v in c.items()})
    facts = _generate(source, tmp_path / "set", since=_day(50), until=_day(1_050))

    assert (998, 2, 1) == (facts["rows"], facts["missing"], len(facts["gaps"]))
    window = read_candles(tmp_path / "set")
    assert int(WINDOW.open_time_ms[50]) == int(window.open_time_ms[0])
    assert 1_000 == len(window)


def test_recordings_never_go_into_a_downloaded_dataset(tmp_path):
    (tmp_path / "set" / "venue=okx").mkdir(parents=True)
    with pytest.raises(BadCandles, match="holds a downloaded dataset"):
        _generate(_recording(tmp_path / "BTC.parquet"), tmp_path / "set")
    assert not (tmp_path / "set" / "manifest.json").exists()


def test_repair_sorts_and_drops_what_is_plainly_wrong_but_not_what_contradicts(tmp_path):
    def spoil(columns):
        columns["close"][7] = np.nan
        order = np.concatenate([[1, 0], np.arange(2, len(WINDOW)), [20]])
        return {name: values[order] for name, values in columns.items()}

    source = _recording(tmp_path / "BTC.parquet", spoil)
    with pytest.raises(BadCandles, match="row 7"):
        _generate(source, tmp_path / "strict")
    facts = _generate(source, tmp_path / "repaired", repairing=True)
    assert len(WINDOW) - 1 == facts["rows"]
    assert (1, 1) == (facts["repairs"]["bad_rows_dropped"], facts["repairs"]["repeats_dropped"])

    def contradict(columns):
        columns["open_time_ms"][8] = columns["open_time_ms"][7]
        return columns

    with pytest.raises(BadCandles, match="repeats the time"):
        _generate(_recording(tmp_path / "two.parquet", contradict), tmp_path / "two", repairing=True)


def test_a_model_is_trained_and_saved(tmp_path):
    source = _recording(tmp_path / "BTC.parquet")
    facts = _generate(source, tmp_path / "set")
    train(tmp_path / "set", tmp_path / "weights", change=TINY, epochs=1, seed=3)
    card = json.loads((tmp_path / "weights" / "card.json").read_text())
    assert facts["sha256"] == card["training"]["data"]["sha256"]
    assert 1 == len(card["training"]["epochs"])
    assert "lstm" == models.create("lstm", weights=tmp_path / "weights").name

    with pytest.raises(InvalidSetting, match="holds a trained model, which is never overwritten"):
        train(tmp_path / "set", tmp_path / "weights", change=TINY, epochs=1, seed=4)
    with pytest.raises(InvalidSetting, match=r"no training waits in .*: the one there has ended"):
        train(tmp_path / "set", tmp_path / "weights", change=TINY, epochs=1, seed=3, resume=True)
    assert card == json.loads((tmp_path / "weights" / "card.json").read_text())


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_trained(tmp_path):
    source = _recording(tmp_path / "BTC.parquet")
    (tmp_path / "weights").write_text("a file in the way")
    for options in ({}, {"sweep": 1}):
        with pytest.raises(UnwritableFolder, match="weights cannot be written"):
            train(source, tmp_path / "weights", change=TINY, epochs=1, **options)


@pytest.mark.parametrize("options", [{"study": "sqlite:///study.sqlite"}, {"processes": 2}])
def test_what_only_a_search_takes_is_refused_without_one(tmp_path, options):
    with pytest.raises(InvalidSetting, match="say how many trials by --sweep"):
        train(tmp_path / "absent", tmp_path / "out", **options)


def test_training_never_looks_at_what_comes_after_until(tmp_path):
    def wild_end(columns):
        for name in ("open", "high", "low", "close"):
            columns[name][8_600:] *= 3.0
        return columns

    made = []
    for name, change in (("calm", lambda c: c), ("wild", wild_end)):
        train(_recording(tmp_path / f"{name}.parquet", change), tmp_path / name, change=TINY, epochs=1, seed=3)
        made.append((tmp_path / name / "weights.safetensors").read_bytes())

    assert made[0] == made[1]


@pytest.mark.processes
def test_two_processes_search_together_and_write_the_best_recipe(tmp_path, capsys):
    pytest.importorskip("optuna")
    source = _recording(tmp_path / "BTC.parquet")
    train(source, tmp_path / "out", change=TINY, epochs=1, sweep=3, processes=2)

    assert "trials; the best" in capsys.readouterr().out
    rows = (tmp_path / "out" / "trials.csv").read_text().splitlines()
    assert rows[0].startswith("trial,state,score,skill,config.hidden")
    assert len(rows) in (4, 5)
    best = read_recipe(tmp_path / "out" / "best.toml")
    assert rows[1].split(",")[4:6] == [str(best.config.hidden), str(best.config.layers)]


def test_a_search_without_optuna_says_what_to_install(tmp_path, monkeypatch):
    for name in ("runnable.training_sweep", "mining_objects.sweeping"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "optuna"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_NoOptuna(), *sys.meta_path])

    with pytest.raises(MissingPackage, match=r"a sweep needs optuna: pip install 'augury\[sweep\]'"):
        train(tmp_path / "absent", tmp_path / "out", sweep=1)


class _NoOptuna:
    """An import system on which optuna is not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "optuna":
            raise ModuleNotFoundError(f"No module named {name!r}", name="optuna")


def test_dates_are_utc_and_nonsense_is_refused():
    assert 1_704_067_200_000 == instant_ms("2024-01-01", 0)
    assert 1_704_067_200_000 == instant_ms("2024-01-01T01:00+01:00", 0)
    with pytest.raises(InvalidSetting, match="'soon' is no date"):
        instant_ms("soon", 0)


@pytest.mark.processes
@pytest.mark.parametrize(
    ("script", "arguments", "sentence"),
    [
        ("generate_historical_data.py", ["absent.parquet", "--out", "OUT"], "cannot read absent.parquet"),
        ("miner_training.py", ["--data", "absent", "--out", "OUT"], "cannot read absent"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(tmp_path, script, arguments, sentence):
    command = [sys.executable, str(RUNNABLE / script), *(a.replace("OUT", str(tmp_path / "out")) for a in arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, cwd=tmp_path)

    assert 2 == ended.returncode
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.processes
@pytest.mark.parametrize("script", ["generate_historical_data.py", "miner_training.py"])
def test_every_script_explains_itself(script):
    ended = subprocess.run(
        [sys.executable, str(RUNNABLE / script), "--help"], capture_output=True, text=True, check=False, timeout=100
    )

    assert 0 == ended.returncode
    assert "candles" in ended.stdout
