"""A model's name means its newest installed weights, a name with a version means those and no others."""

from __future__ import annotations

import pytest

from mining_objects import installed_weights as shelf
from mining_objects import models
from mining_objects.cards import read_any_card
from mining_objects.errors import UnknownModel
from protocol.errors import InvalidSetting
from tests.support.windows import walk_window


@pytest.fixture
def weights(tmp_path, monkeypatch):
    for name in ("toy_v1", "toy_v10", "toy_v2", "toy_small_v3", "toy", "toy_v0", "toy_v01"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(shelf, "FOLDER", tmp_path)
    return tmp_path


def test_a_family_means_its_newest_version(weights):
    assert [1, 2, 10] == list(shelf.versions_of("toy"))
    assert weights / "toy_v10" == shelf.installed_weights("toy")
    assert weights / "toy_v2" == shelf.installed_weights("toy", 2)
    assert weights / "toy_small_v3" == shelf.installed_weights("toy_small")


def test_a_version_that_is_not_installed_is_refused_with_those_that_are(weights):
    with pytest.raises(UnknownModel, match="there are: toy_v1, toy_v2, toy_v10"):
        shelf.installed_weights("toy", 3)
    with pytest.raises(UnknownModel, match="there are: none"):
        shelf.installed_weights("other")


def test_every_installed_folder_is_named_after_the_model_on_its_card():
    folders = [folder for folder in shelf.FOLDER.iterdir() if folder.is_dir()]
    assert folders
    assert [] == [f.name for f in folders if read_any_card(f)["model"] != shelf.split_name(f.name)[0]]
    assert [] == [f.name for f in folders if shelf.split_name(f.name)[1] is None]


def test_a_pinned_name_answers_like_the_family_while_it_is_the_newest():
    window = walk_window(9_000)
    newest, first = (
        models.create(name).forecast([window], steps=20, paths=64, seed=1)[0].paths.tobytes()
        for name in (models.pinned("har"), "har")
    )
    assert newest == first
    assert ("har_v1", "ewma", "har_v1") == (models.pinned("har"), models.pinned("ewma"), models.pinned("har_v1"))


@pytest.mark.parametrize("name", ["har_v99", "ewma_v1", "nothing_v1", "har_v", "har_v1_v1"])
def test_a_pin_that_names_nothing_is_refused(name):
    with pytest.raises(UnknownModel):
        models.create(name)


def test_a_version_and_a_folder_exclude_each_other(tmp_path):
    with pytest.raises(InvalidSetting, match="leave weights unset, or say 'har'"):
        models.create("har_v1", weights=tmp_path)
