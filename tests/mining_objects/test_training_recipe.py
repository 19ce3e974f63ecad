"""Recipes: read strictly, wrong keys are named with the nearest, and what is written reads back."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from mining_objects.errors import UnknownFeature
from mining_objects.training_recipe import instant_ms, override, read_recipe, recipe_of, to_toml
from protocol.errors import InvalidSetting

TOML = """
model = "lstm"

[config]
hidden = 16
features = ["return", "raw.rsi_14"]

[data]
files = ["btc", "eth.parquet"]
validation_from = 2024-03-01
until = 2024-06-01T12:00:00

[training]
learning_rate = 1
"""


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(TOML)
    return path


def test_a_recipe_says_what_differs_from_the_defaults(written):
    recipe = read_recipe(written, ["training.epochs=2", "data.until=2024-07-01", "config.anchors=[1, 5]"])

    assert "lstm" == recipe.family.name
    assert (16, 48, ("return", "raw.rsi_14")) == (recipe.config.hidden, recipe.config.lookback, recipe.config.features)
    assert (("btc", "eth.parquet"), "2024-03-01") == (recipe.data.files, recipe.data.validation_from)
    assert ("2024-07-01", (1, 5)) == (recipe.data.until, recipe.config.anchors)
    assert (1.0, 2) == (recipe.training.learning_rate, recipe.training.epochs)


def test_what_is_written_reads_back_equal(written, tmp_path):
    recipe = read_recipe(written)
    (tmp_path / "again.toml").write_text(to_toml(recipe))

    assert recipe.flat() == read_recipe(tmp_path / "again.toml").flat()
    assert recipe_of({}).flat() == recipe_of(recipe_of({}).table()).flat()


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"modle": "lstm"}, "no section or key 'modle'; did you mean 'model'"),
        ({"model": "lstn"}, "no model called 'lstn' can be trained; there are lstm"),
        ({"config": {"hiden": 3}}, r"\[config\] has no key 'hiden'; did you mean 'hidden'"),
        ({"training": {"epoch": 3}}, r"\[training\] has no key 'epoch'; did you mean 'epochs'"),
        ({"data": {"untill": "2025-01-01"}}, "did you mean 'until'"),
        ({"training": 3}, "training must be a section"),
        ({"training": {"epochs": 2.5}}, "training.epochs must be a whole number, was 2.5"),
        ({"training": {"epochs": True}}, "training.epochs must be a whole number, was True"),
        ({"training": {"compile": 1}}, "training.compile must be true or false"),
        ({"config": {"anchors": 3}}, "config.anchors must be a list"),
        ({"config": {"anchors": [1, 1.5]}}, "config.anchors must be a whole number, was 1.5"),
        ({"config": {"anchors": [3, 1]}}, "anchors must be at least two rising steps"),
        ({"config": {"dropout": 1.0}}, "dropout must be at least 0 and below 1"),
        ({"config": {"lookback": 1}}, "lookback must be at least 2, was 1"),
        ({"data": {"until": "soon"}}, "data.until: 'soon' is no date"),
        ({"data": {"until": "2024-01-01"}}, "data.validation_from is 2024-09-01, data.until is 2024-01-01"),
        ({"data": {"embargo_steps": 100}}, "embargo_steps must be at least 112, as far as outcomes reach, was 100"),
        ({"training": {"devices": 0}}, "devices must be a number of at least 1, was 0"),
        ({"data": {"stride": 0}}, "data.stride must be at least 1"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_sentence(table, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        recipe_of(table)


def test_a_feature_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(UnknownFeature, match="'retrun'; did you mean 'return'"):
        recipe_of({"config": {"features": ["retrun"]}})


@pytest.mark.parametrize("text", ["epochs=2", "training.epochs", "=3"])
def test_an_override_that_is_none_is_refused(text):
    with pytest.raises(InvalidSetting, match=r"want SECTION\.KEY=VALUE"):
        override({}, [text])


def test_files_that_are_no_recipe_are_refused(tmp_path):
    with pytest.raises(InvalidSetting, match="cannot be read"):
        read_recipe(tmp_path / "absent.toml")
    (tmp_path / "broken.toml").write_text("model = ")
    with pytest.raises(InvalidSetting, match="is no TOML"):
        read_recipe(tmp_path / "broken.toml")


def test_days_are_utc_unless_they_say():
    assert 1_704_067_200_000 == instant_ms("2024-01-01", "x") == instant_ms("2024-01-01T01:00+01:00", "x")
