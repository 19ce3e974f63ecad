"""A training killed with SIGKILL in mid-epoch and resumed ends with the weights of one that nobody touched."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open

from mining_objects.datasets import COLUMNS
from mining_objects.errors import ResumeMismatch
from mining_objects.training_state import STATE_NAME
from protocol.errors import InvalidSetting
from runnable.miner_training import train
from tests.support.windows import walk_window

ROOT = Path(__file__).parents[2]
LONGEST_S = 60
WINDOW = walk_window(4_000)
TINY = (
    "config.hidden=8", "config.layers=2", "config.lookback=8", "data.stride=2", "data.validation_from=2023-11-26",
    "data.until=2023-12-01", "training.batch=8", "training.epochs=3", "training.save_every=7", "training.device=cpu",
)  # fmt: skip
BATCHES_AN_EPOCH = 40


@pytest.fixture(scope="module")
def candles(tmp_path_factory):
    path = tmp_path_factory.mktemp("candles") / "BTC.parquet"
    pq.write_table(pa.table({name: np.array(getattr(WINDOW, name)) for name in COLUMNS}), path)
    return path


def _start(candles: Path, out: Path) -> subprocess.Popen[str]:
    changes = [part for change in TINY for part in ("--set", change)]
    command = [sys.executable, "runnable/miner_training.py", "--data", str(candles), "--out", str(out), *changes]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _steps_saved(out: Path) -> int:
    """The batches after which the state on disk was saved; 0 before there is one."""
    try:
        with safe_open(out / STATE_NAME, framework="np") as file:
            return json.loads(file.metadata()["progress"])["step"]
    except (FileNotFoundError, SafetensorError):
        return 0


def _end(process: subprocess.Popen[str], out: Path, by: signal.Signals) -> tuple[int, str]:
    """Ends the training once a state in the middle of an epoch is on disk. Returns its batches, and what it told."""
    deadline = time.monotonic() + LONGEST_S
    while not (saved := _steps_saved(out)) % BATCHES_AN_EPOCH:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(by)
    told, _ = process.communicate(timeout=LONGEST_S)
    return saved, told


@pytest.mark.processes
def test_a_training_killed_in_mid_epoch_ends_with_the_bits_of_one_that_was_not(candles, tmp_path, capsys):
    train(candles, tmp_path / "whole", change=list(TINY))
    process = _start(candles, tmp_path / "killed")
    saved, _ = _end(process, tmp_path / "killed", signal.SIGKILL)
    assert (-signal.SIGKILL, False) == (process.returncode, (tmp_path / "killed" / "card.json").exists())
    capsys.readouterr()
    train(candles, tmp_path / "killed", change=list(TINY), resume=True)

    assert int(re.search(r"goes on after (\d+) batches", capsys.readouterr().out)[1]) >= saved
    for name in ("weights.safetensors", "card.json", "README.md", "losses.png"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes(), name
    assert not (tmp_path / "killed" / STATE_NAME).exists()


@pytest.mark.processes
def test_ctrl_c_saves_and_says_how_to_go_on_and_no_other_training_overwrites_it(candles, tmp_path):
    process = _start(candles, tmp_path)
    _, told = _end(process, tmp_path, signal.SIGINT)

    assert 130 == process.returncode, told
    assert "with --resume goes on from there" in " ".join(told.split())
    with pytest.raises(InvalidSetting, match="a training that stopped waits in"):
        train(candles, tmp_path, change=list(TINY))
    with pytest.raises(ResumeMismatch, match=r"training\.seed is 9 and was 1"):
        train(candles, tmp_path, change=list(TINY), seed=9, resume=True)
