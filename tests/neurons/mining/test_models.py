"""A miner's model: as the settings name it; a broken one is replaced only if told to, and then everybody is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from mining_objects.base_mining_model import Forecast, Forecaster, Window
from mining_objects.errors import BrokenCheckpoint, BrokenModel, UnknownModel
from mining_objects.installed_weights import installed_weights
from neurons.config import parse
from neurons.mining.models import MinersModel, describe_models, model_of
from neurons.settings import MinerSettings
from neurons.telemetry import Event, ModelLoaded, ModelRecovered
from protocol.errors import InvalidSetting, TooLittleHistory
from protocol.messages import DescribeReply
from tests.support.windows import walk_window

WINDOW = walk_window(2_000)
ASKED = {"steps": 5, "paths": 64, "seed": 1}


class Moody(Forecaster):
    """Does what it is told to do next."""

    name: ClassVar[str] = "moody"
    oversample: ClassVar[int] = 1
    lookback, least = 10, 2

    def __init__(self) -> None:
        self.mood = lambda: 0.001

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        return [Forecast(np.full(steps, self.mood()), np.full((paths, steps), self.mood())) for _ in windows]


@pytest.fixture
def heard():
    return list[Event]()


def settings(*arguments: str) -> MinerSettings:
    return parse(MinerSettings, arguments, command="miner", environment={})


def flat() -> Forecaster:
    loaded = model_of(settings("--base_model", "flat"), lambda event: None)
    assert isinstance(loaded._own, Forecaster)
    return loaded._own


def told(heard):
    return [(type(event).__name__, getattr(event, "answered_by", "")) for event in heard]


def test_a_model_that_works_is_told_with_what_runs_it(heard):
    loaded = model_of(settings("--base_model", "har", "--fallback_model", "ewma"), heard.append)

    assert ("har_v1", "numpy") == (loaded.name, loaded.runs_on)
    assert [ModelLoaded(model="har_v1", runs_on="numpy", fallback="ewma")] == heard
    assert (64, 5) == loaded.forecast([WINDOW], **ASKED)[0].paths.shape


def test_weights_of_ones_own_are_told_by_their_checksum(tmp_path, heard):
    pytest.importorskip("torch")
    folder = shutil.copytree(installed_weights("lstm"), tmp_path / "mine")
    checksum = json.loads((folder / "card.json").read_text())["card_sha256"]
    loaded = model_of(settings("--base_model", "lstm", "--weights", str(folder)), heard.append)

    assert f"lstm {checksum[:8]}" == loaded.name
    assert ("onnxruntime on cpu", "lstm_v2") == (
        loaded.runs_on,
        model_of(settings("--base_model", "lstm"), heard.append).name,
    )


@pytest.mark.parametrize("failure", [float("nan"), float("inf"), -3.0, "raises"])
def test_nothing_of_a_broken_model_is_answered_and_without_a_fallback_it_is_an_error(failure, heard):
    own = Moody()
    model = MinersModel("moody", own, fallback=None, record=heard.append)
    own.mood = (lambda: 1 / 0) if failure == "raises" else (lambda: failure)

    with pytest.raises(BrokenModel, match="moody"):
        model.forecast([WINDOW], **ASKED)
    assert [("ModelLoaded", ""), ("ModelBroken", "")] == told(heard)
    assert "moody" == model.name


def test_a_fallback_answers_while_the_model_is_broken_and_everybody_can_see_it(heard):
    own = Moody()
    model = MinersModel("moody", own, fallback=flat(), record=heard.append)
    own.mood = lambda: float("nan")
    stood_in, said = model.forecast([WINDOW], **ASKED)[0], model.name
    own.mood = lambda: 0.001
    again = model.forecast([WINDOW], **ASKED)[0]

    assert flat().forecast([WINDOW], **ASKED)[0].paths.tobytes() == stood_in.paths.tobytes()
    assert "flat in place of moody, which is broken" == said
    assert np.float32(0.001) == again.point[0]
    assert "moody" == model.name
    assert [("ModelLoaded", ""), ("ModelBroken", "flat"), ("ModelRecovered", "")] == told(heard)
    assert "not finite" in heard[1].reason
    assert ModelRecovered(model="moody") == heard[2]


def test_an_error_in_a_models_own_code_is_told_with_its_file_and_line(heard):
    own = Moody()
    own.mood = lambda: {}["key"]
    model = MinersModel("moody", own, fallback=flat(), record=heard.append)
    model.forecast([WINDOW], **ASKED)

    assert "KeyError: 'key' (test_models.py, line" in heard[-1].reason


def test_too_little_history_is_no_fault_of_the_model(heard):
    model = MinersModel("moody", Moody(), fallback=flat(), record=heard.append)
    with pytest.raises(TooLittleHistory):
        model.forecast([WINDOW.rows(0, 1)], **ASKED)

    assert [("ModelLoaded", "")] == told(heard)


@pytest.fixture
def damaged(tmp_path):
    folder = shutil.copytree(installed_weights("har"), tmp_path / "har")
    card = (folder / "card.json").read_text()
    (folder / "card.json").write_text(card.replace("2025-01-01", "2026-01-01"))
    return folder


def test_weights_that_do_not_load_keep_a_miner_from_starting(damaged, heard):
    with pytest.raises(BrokenCheckpoint):
        model_of(settings("--base_model", "har", "--weights", str(damaged)), heard.append)
    assert [] == heard


def test_weights_that_do_not_load_are_stood_in_for_if_told_to(damaged, heard):
    asked = settings("--base_model", "har", "--weights", str(damaged), "--fallback_model", "flat")
    model = model_of(asked, heard.append)

    assert "flat in place of har, which is broken" == model.name
    assert flat().forecast([WINDOW], **ASKED)[0].paths.tobytes() == model.forecast([WINDOW], **ASKED)[0].paths.tobytes()
    assert [("ModelBroken", "flat")] * 2 == told(heard)
    assert "SHA-256" in heard[0].reason
    DescribeReply("augury", model.name, (), "miner:1")


def test_a_wrong_name_or_setting_is_never_stood_in_for(heard):
    with pytest.raises(UnknownModel):
        model_of(settings("--base_model", "lstn", "--fallback_model", "flat"), heard.append)
    with pytest.raises(UnknownModel):
        model_of(settings("--base_model", "ewma", "--fallback_model", "flta"), heard.append)
    with pytest.raises(InvalidSetting, match="cannot stand in for itself"):
        model_of(settings("--base_model", "flat", "--fallback_model", "flat"), heard.append)
    with pytest.raises(InvalidSetting, match="inference = onnx can compute lstm, tcn"):
        model_of(settings("--base_model", "har", "--fallback_model", "flat", "--inference", "onnx"), heard.append)


def test_every_model_is_described_and_learnt_ones_by_the_checksum_of_their_card():
    described = {one.name: one for one in describe_models()}
    har = described["har"]

    newest = [name for name, one in described.items() if name != one.pinned or not one.checksum]
    assert [
        "flat",
        "drift",
        "seasonal",
        "ridge",
        "ewma",
        "garch",
        "har",
        "stack",
        "lstm",
        "neural_har",
        "tcn",
    ] == newest
    assert ("har_v1", "") == (har.pinned, har.needs)
    assert json.loads((installed_weights("har") / "card.json").read_text())["card_sha256"] == har.checksum
    assert ("", "torch") == (described["ewma"].checksum, described["lstm"].needs)
    assert "torch" == described["tcn"].needs
    assert replace(described["ewma"], what="") == replace(described["flat"], name="ewma", pinned="ewma", what="")
    assert [] == [one.name for one in described.values() if len(one.what) < 20]
    assert "torch" not in {described[name].needs for name in ("flat", "drift", "ridge", "ewma", "garch", "har")}


def test_an_older_version_has_a_row_of_its_own(tmp_path, monkeypatch):
    for name in ("har_v1", "har_v2"):
        shutil.copytree(installed_weights("har", 1), tmp_path / name)
    monkeypatch.setattr("mining_objects.installed_weights.FOLDER", tmp_path)

    rows = [(one.name, one.pinned) for one in describe_models() if one.pinned.startswith("har")]
    assert [("har", "har_v2"), ("har_v1", "har_v1")] == rows
