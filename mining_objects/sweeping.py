"""A search over recipes with Optuna: what is tried, how a trial runs, how a study is kept and gone on with.

    recipe + values that the sampler suggests --> Training --each look's score--> pruned, or the trial's best score

The sampler is TPE (Bergstra et al. 2011), which learns from the trials before; a trial that stands worse than the
median of the others at the same look is pruned. The study lives in a database: processes share it, and a stop costs no
more than the trial it fell into.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mining_objects.errors import MissingPackage, TrainingDiverged
from mining_objects.training import Training, ValidationReport, Watcher
from mining_objects.training_data import Series, load_data
from mining_objects.training_recipe import Recipe, changed
from mining_objects.training_state import refuse_difference
from protocol.errors import InvalidSetting

FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
"""Trials that count; one that diverged or was killed does not."""
_UNPRUNED_TRIALS: Final = 5
MOST_LOST: Final = 10
"""So many trials may diverge before the first that counts, and for each that counts, until a search gives up."""
_DIVERGED: Final = "diverged"
_HEARTBEAT_S: Final = 60
"""A trial whose process has not been heard of for twice as long has failed."""
optuna.logging.set_verbosity(optuna.logging.ERROR)
_RANGE: Final = frozenset({"low", "high", "log"})


@dataclass(frozen=True, slots=True)
class Choices:
    """One of several values, each written as JSON: numbers, text, or lists such as features."""

    values: tuple[str, ...]

    def suggest(self, trial: Trial, key: str) -> Any:
        return json.loads(trial.suggest_categorical(key, list(self.values)))

    def examples(self) -> list[Any]:
        return [json.loads(value) for value in self.values]


@dataclass(frozen=True, slots=True)
class Range:
    """A number from low to high, both included; whole where both are; by its logarithm where log is set."""

    low: float
    high: float
    log: bool

    def suggest(self, trial: Trial, key: str) -> Any:
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(key, self.low, self.high, log=self.log)
        return trial.suggest_float(key, self.low, self.high, log=self.log)

    def examples(self) -> list[Any]:
        return [self.low, self.high]


Space = Mapping[str, Choices | Range]


def space_of(recipe: Recipe) -> Space:
    """What is tried for each dotted key: the recipe's [sweep], or else the family's own proposal.

    A list is choices, a table {low, high, log} a range. Raises InvalidSetting for anything else, for a key that a
    recipe does not have, and for a value that it could not take.
    """
    space: dict[str, Choices | Range] = {}
    for key, told in (recipe.sweep or recipe.family.search).items():
        if isinstance(told, list) and told:
            space[key] = Choices(tuple(json.dumps(value) for value in told))
        elif isinstance(told, Mapping) and {"low", "high"} <= set(told) <= _RANGE and told["low"] < told["high"]:
            space[key] = Range(told["low"], told["high"], bool(told.get("log", False)))
        else:
            raise InvalidSetting(f"sweep.{key}: want a list of choices or {{low, high, log}}", setting=f"sweep.{key}")
        for value in space[key].examples():
            changed(recipe, {key: value})
    if not space:
        raise InvalidSetting("nothing to try: give the recipe a [sweep] section", setting="sweep")
    return space


def open_study(url: str, name: str, recipe: Recipe, series: list[Series]) -> optuna.Study:
    """The study of this name in the database, made if absent.

    Raises InvalidSetting when the database cannot be used, MissingPackage without its driver, ResumeMismatch when the
    study there searches with another recipe, space or data.
    """
    try:
        shown = make_url(url).render_as_string(hide_password=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            storage = optuna.storages.RDBStorage(url, heartbeat_interval=_HEARTBEAT_S, engine_kwargs=_patience(url))
        study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True, direction="minimize")
    except ArgumentError as wrong:
        raise InvalidSetting(
            f"the study's address is no database URL such as sqlite:///study.sqlite: {wrong}"
        ) from wrong
    except ImportError as missing:
        raise MissingPackage(f"{shown} needs a driver: pip install 'augury[sweep]' ({missing})") from missing
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as broken:
        raise InvalidSetting(f"the study's database {shown} cannot be used: {type(broken).__name__}") from broken
    identity = {key: value for key, value in recipe.flat().items() if key not in space_of(recipe)}
    identity |= {f"sweep.{key}": repr(dimension) for key, dimension in space_of(recipe).items()}
    identity["data.sha256"] = [one.sha256 for one in series]
    if "identity" in study.user_attrs:
        refuse_difference(json.loads(study.user_attrs["identity"]), identity)
    else:
        study.set_user_attr("identity", json.dumps(identity))
    return study


def finished_trials(study: optuna.Study) -> int:
    """How many trials count."""
    return sum(trial.state in FINISHED for trial in study.trials)


def run_trials(
    study: optuna.Study,
    recipe: Recipe,
    series: list[Series],
    *,
    until: int,
    seed: int,
    watcher: Watcher,
    on_trial: Callable[[FrozenTrial], None],
) -> None:
    """Runs trials here until `until` of the study count; others may add to it meanwhile. Raises Stopped when asked, and
    TrainingDiverged when so many trials diverged, and so few counted, that the space holds hardly anything to find.

    seed: of the sampler; must differ between processes that share a study.  on_trial: told of each trial that ended.
    """
    space = space_of(recipe)
    study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED_TRIALS, n_warmup_steps=1)

    def objective(trial: Trial) -> float:
        values = {key: dimension.suggest(trial, key) for key, dimension in space.items()}
        tried = changed(recipe, values)
        data = load_data(tried, series)
        pruning = _Pruning(trial, watcher)
        try:
            best = Training(tried.family, tried.config, tried.training, data, folder=None, watcher=pruning).run().best
        except TrainingDiverged as diverged:
            trial.set_user_attr(_DIVERGED, str(diverged))
            raise
        trial.set_user_attr("skill", best.skill)
        trial.set_user_attr("epoch", best.epoch)
        return best.score

    while (finished := finished_trials(study)) < until:
        _refuse_hopeless(study, finished)
        study.optimize(objective, n_trials=1, catch=(TrainingDiverged,), callbacks=[lambda _, trial: on_trial(trial)])


def why_lost(trial: FrozenTrial) -> str | None:
    """What a trial that diverged said; None for any other."""
    told: str | None = trial.user_attrs.get(_DIVERGED)
    return told


def _refuse_hopeless(study: optuna.Study, finished: int) -> None:
    """Raises TrainingDiverged once more than MOST_LOST trials diverged for each that counts, and as many before one."""
    lost = [trial for trial in study.trials if why_lost(trial)]
    if len(lost) >= MOST_LOST * (1 + finished):
        raise TrainingDiverged(
            f"{len(lost)} trials of this search diverged and {finished} counted: what is tried hardly ever trains. "
            f"Narrow the recipe's [sweep], and search anew in another folder. Trial {lost[-1].number} said: "
            f"{why_lost(lost[-1])}",
            diverged=len(lost),
            finished=finished,
        )


def best_recipe(study: optuna.Study, recipe: Recipe) -> Recipe:
    """The recipe of the best trial that was not pruned. Raises InvalidSetting when there is none yet."""
    if not any(trial.state == TrialState.COMPLETE for trial in study.trials):
        raise InvalidSetting("no trial of this study came to its end: let it run on", setting="sweep")
    return changed(recipe, values_of(study.best_trial.params, recipe))


def values_of(params: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
    """A trial's parameters, as the database keeps them, by dotted key as a recipe takes them."""
    space = space_of(recipe)
    return {key: json.loads(value) if isinstance(space[key], Choices) else value for key, value in params.items()}


class _Pruning(Watcher):
    """Tells the trial each look's score, ends it when it is hopeless, and passes on what the other watcher says."""

    def __init__(self, trial: Trial, watcher: Watcher) -> None:
        self._trial, self._watcher, self._looks = trial, watcher, 0

    def on_batch(self, epoch: int, done: int, of: int, loss: float) -> None:
        self._watcher.on_batch(epoch, done, of, loss)

    def on_validation(self, report: ValidationReport) -> None:
        self._watcher.on_validation(report)
        self._trial.report(report.score, self._looks)
        self._trial.set_user_attr("skill", report.skill)
        self._looks += 1
        if self._trial.should_prune():
            raise optuna.TrialPruned

    def is_stop_asked(self) -> bool:
        return self._watcher.is_stop_asked()


def _patience(url: str) -> dict[str, Any]:
    """SQLite lets one process write at a time: the others wait this long for it."""
    return {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
