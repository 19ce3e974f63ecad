"""Who takes part: names, folders and labels, and that nobody is tested on days it was fitted on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mining_objects.dataset_folders import sha256_of
from mining_objects.errors import BrokenCheckpoint, BrokenModel, UnknownModel
from mining_objects.fitted_cards import save_card
from mining_objects.installed_weights import installed_weights
from mining_objects.models.har import HarFit
from neurons.market.history.request import instant_ms
from protocol.errors import InvalidSetting
from runnable.test_report.contenders import check_unseen, contenders_of, day_of

MARCH = instant_ms("2024-03-01")


@pytest.fixture
def fitted(tmp_path) -> Path:
    """A `har` whose numbers are those installed, fitted before March by its own word."""
    save_card(tmp_path / "early", model="har", numbers=_numbers(), training={"data": [{"last": "2024-02-28"}]})
    return tmp_path / "early"


def _numbers() -> dict[str, np.ndarray]:
    card = json.loads((installed_weights("har") / "card.json").read_text())
    return {name: np.array(card["numbers"][name]) for name in HarFit.SHAPES}


def test_models_are_named_by_what_is_installed_by_a_folder_or_by_a_name_for_one(fitted):
    found = contenders_of(["har", str(fitted), "mine"], ["ewma", "har"], {"mine": fitted})

    assert ["har", "early", "mine", "ewma"] == [one.label for one in found]
    assert ["har", "har", "har", "ewma"] == [one.model for one in found]
    assert [True, True, True, False] == [one.is_tested for one in found]
    assert [64, 64, 64, 0] == [len(one.card_sha256) for one in found]
    assert {"har", "ewma"} == {one.create().name for one in found}
    assert 4 == len({one.hotkey for one in found})


def test_a_version_names_its_own_weights():
    [one] = contenders_of(["har_v1"], [], {})

    assert installed_weights("har", 1) == one.folder
    assert "har" == one.create().name


def test_a_test_on_days_that_a_model_was_fitted_on_is_refused_or_labelled(fitted):
    early, late = contenders_of([str(fitted), "har"], [], {})

    assert instant_ms("2024-02-29") == early.fitted_until_ms
    assert instant_ms("2025-01-01") == late.fitted_until_ms
    assert [] == check_unseen([early], MARCH, allowed=False)
    with pytest.raises(InvalidSetting, match="har was fitted on candles before 2025-01-01"):
        check_unseen([early, late], MARCH, allowed=False)
    assert ["har HAS SEEN this period: fitted on candles before 2025-01-01"] == check_unseen(
        [early, late], MARCH, allowed=True
    )


def test_a_stack_has_seen_what_its_members_have(tmp_path):
    save_card(
        tmp_path / "two", model="stack", numbers={"weights": np.array([[1.0]] * 3)}, settings={"members": ["har_v1"]},
        training={"until": "2020-01-01"},
    )  # fmt: skip
    [one] = contenders_of([str(tmp_path / "two")], [], {})

    assert instant_ms("2025-01-01") == one.fitted_until_ms


def test_a_card_that_does_not_say_its_days_is_warned_of(tmp_path):
    save_card(tmp_path / "mute", model="har", numbers=_numbers(), training={})
    found = contenders_of([str(tmp_path / "mute")], ["ewma"], {})

    assert ["mute may have seen this period: its card does not say what it was fitted on"] == check_unseen(
        found, MARCH, allowed=False
    )


@pytest.mark.parametrize(
    ("tested", "weights", "sentence"),
    [
        ([], {}, "no model is named"),
        (["ewma", "ewma"], {}, "ewma is named twice"),
        (["ewma"], {"mine": Path()}, "weights for mine, which is not among the models"),
    ],
)
def test_a_field_of_models_that_makes_no_sense_is_refused(tested, weights, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        contenders_of(tested, [], weights)


def test_an_unknown_model_and_a_folder_without_a_card_are_named(tmp_path):
    with pytest.raises(UnknownModel, match="lstn"):
        contenders_of(["lstn"], [], {})
    with pytest.raises(BrokenCheckpoint, match="cannot read"):
        contenders_of([str(tmp_path)], [], {})


OWN = """
from mining_objects.base_mining_model import Forecast, Forecaster
from mining_objects.models.flat import Flat

class Mine(Forecaster):
    name, lookback, least = "mine", 10, 2

    def simulate(self, windows, *, steps, paths, chances):
        return [Forecast(chance.normal(size=steps), chance.normal(size=(paths, steps))) for chance in chances]
"""


def test_a_model_of_ones_own_is_tested_from_its_file(tmp_path):
    file = tmp_path / "my_model.py"
    file.write_text(OWN)
    (one,) = contenders_of([str(file)], [], {})

    assert ("my_model", "mine", sha256_of(file)) == (one.label, one.create().name, one.card_sha256)
    assert ["my_model may have seen this period: nothing says what its file was made from"] == check_unseen(
        (one,), MARCH, allowed=False
    )


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("x = 1", UnknownModel, "should define one Forecaster, and defines none"),
        (OWN + "class Other(Mine): ...", UnknownModel, "defines Mine, Other"),
        ("def", BrokenModel, "failed: SyntaxError"),
        ("import sys; sys.exit(3)", BrokenModel, "failed: SystemExit: 3"),
    ],
)
def test_a_file_without_one_sound_model_is_refused_before_the_test(tmp_path, text, error, sentence):
    (tmp_path / "odd.py").write_text(text)

    with pytest.raises(error, match=sentence):
        contenders_of([str(tmp_path / "odd.py")], [], {})


def test_a_path_to_nothing_is_told_as_one():
    with pytest.raises(UnknownModel, match=r"weights/mine is neither a folder of weights nor a \.py file"):
        contenders_of(["weights/mine"], [], {})


def test_a_day_is_written_as_people_write_it():
    assert "2024-03-01" == day_of(MARCH)
    assert "" == day_of(None)
