"""A search over recipes: trials until so many count, gone on with from the database, hopeless ones ended early."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
optuna = pytest.importorskip("optuna")

from mining_objects.errors import MissingPackage, ResumeMismatch, TrainingDiverged  # noqa: E402
from mining_objects.sweeping import (  # noqa: E402
    MOST_LOST,
    best_recipe,
    finished_trials,
    open_study,
    run_trials,
    space_of,
    values_of,
    why_lost,
)
from mining_objects.training import Watcher  # noqa: E402
from mining_objects.training_data import Series  # noqa: E402
from mining_objects.training_recipe import recipe_of  # noqa: E402
from protocol.errors import InvalidSetting  # noqa: E402
from tests.support.windows import walk_window  # noqa: E402

TABLE = {
    "config": {"hidden": 4, "layers": 1, "lookback": 4, "anchors": [1, 10]},
    "data": {"validation_from": "2023-11-25", "until": "2023-11-28", "stride": 16},
    "training": {"epochs": 3, "batch": 32, "device": "cpu"},
    "sweep": {
        "config.hidden": [2, 4],
        "config.features": [["return", "range"], ["raw.rsi_14", "return"]],
        "training.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    },
}
RECIPE = recipe_of(TABLE)
SERIES = [Series(walk_window(4_000), "ab")]


def _study(tmp_path, recipe=RECIPE, series=SERIES):
    return open_study(f"sqlite:///{tmp_path / 'study.sqlite'}", "one", recipe, series)


def _run(study, until):
    told = []
    run_trials(study, RECIPE, SERIES, until=until, seed=until, watcher=Watcher(), on_trial=told.append)
    return told


def test_a_study_goes_on_where_it_stopped_until_so_many_trials_count(tmp_path):
    assert 2 == len(_run(_study(tmp_path), 2))
    again = _study(tmp_path)
    assert 1 == len(_run(again, 3))
    assert 0 == len(_run(again, 3))

    assert 3 == finished_trials(again)
    best = best_recipe(again, RECIPE)
    trial = again.best_trial
    assert min(t.value for t in again.trials) == trial.value
    assert values_of(trial.params, RECIPE)["training.learning_rate"] == best.training.learning_rate
    assert list(best.config.features) in TABLE["sweep"]["config.features"]
    assert best.config.hidden in (2, 4)


def test_a_trial_that_stands_worse_than_the_others_is_pruned_and_is_never_the_best(tmp_path):
    study = _study(tmp_path)
    for _ in range(5):
        study.add_trial(optuna.trial.create_trial(value=0.0, intermediate_values={0: 0.0, 1: 0.0, 2: 0.0}))
    [trial] = _run(study, 6)

    assert optuna.trial.TrialState.PRUNED == trial.state
    assert [0, 1] == sorted(trial.intermediate_values)
    assert 0.0 == study.best_value


DIVERGING = recipe_of(TABLE | {"sweep": {"training.learning_rate": {"low": 1e18, "high": 1e20, "log": True}}})


@pytest.mark.parametrize("counted", [0, 1])
def test_a_search_in_which_hardly_anything_trains_gives_up_and_says_why(tmp_path, counted):
    study, told = _study(tmp_path, DIVERGING), []
    for _ in range(counted):
        study.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(TrainingDiverged, match=rf"and {counted} counted: .*Trial \d+ said: .*learning_rate") as gave_up:
        run_trials(study, DIVERGING, SERIES, until=99, seed=1, watcher=Watcher(), on_trial=told.append)

    assert MOST_LOST * (1 + counted) == len(told) == gave_up.value.fields["diverged"]
    assert all("learning_rate" in (why_lost(trial) or "") for trial in told)


def test_a_study_of_another_recipe_space_or_data_is_not_gone_on_with(tmp_path):
    _study(tmp_path)
    with pytest.raises(ResumeMismatch, match=r"training\.batch is 64 and was 32"):
        _study(tmp_path, recipe_of(TABLE | {"training": TABLE["training"] | {"batch": 64}}))
    with pytest.raises(ResumeMismatch, match=r"sweep\.config\.hidden"):
        _study(tmp_path, recipe_of(TABLE | {"sweep": TABLE["sweep"] | {"config.hidden": [2, 8]}}))
    with pytest.raises(ResumeMismatch, match=r"data\.sha256"):
        _study(tmp_path, series=[Series(SERIES[0].window, "cd")])


def test_without_a_space_the_family_proposes_one():
    assert set(recipe_of({}).family.search) == set(space_of(recipe_of({})))


@pytest.mark.parametrize(
    ("sweep", "sentence"),
    [
        ({"config.hiden": [1]}, "did you mean 'hidden'"),
        ({"hidden": [1]}, "'hidden' is no key of"),
        ({"config.hidden": []}, "want a list of choices or {low, high, log}"),
        ({"config.hidden": {"low": 4, "high": 2}}, "want a list of choices"),
        ({"config.hidden": {"low": 1, "high": 2, "step": 1}}, "want a list of choices"),
        ({"config.dropout": {"low": 0.1, "high": 1.5}}, "dropout must be at least 0 and below 1, was 1.5"),
        ({"config.hidden": [1.5]}, "config.hidden must be a whole number, was 1.5"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_the_first_trial(sweep, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        space_of(recipe_of({"sweep": sweep}))


def test_a_database_that_cannot_be_used_is_refused_without_telling_its_password(tmp_path):
    with pytest.raises(InvalidSetting, match="no database URL"):
        open_study("nonsense", "one", RECIPE, SERIES)
    with pytest.raises(InvalidSetting, match="cannot be used"):
        open_study(f"sqlite:///{tmp_path}/absent/study.sqlite", "one", RECIPE, SERIES)
    with pytest.raises((MissingPackage, InvalidSetting)) as told:
        open_study("postgresql+psycopg://me:secret@127.0.0.1:1/x", "one", RECIPE, SERIES)
    assert "secret" not in str(told.value)


def test_no_finished_trial_has_no_best(tmp_path):
    with pytest.raises(InvalidSetting, match="no trial of this study came to its end"):
        best_recipe(_study(tmp_path), RECIPE)
