"""`miner_training.py --sweep`: trials in one or more processes, a table of the best, and the best recipe as TOML."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Final

import optuna
from rich.console import Console
from rich.table import Table

from mining_objects.result_folders import writing
from mining_objects.sweeping import (
    FINISHED,
    best_recipe,
    finished_trials,
    open_study,
    run_trials,
    space_of,
    values_of,
    why_lost,
)
from mining_objects.training import Stopped, ValidationReport
from mining_objects.training_data import load_series
from mining_objects.training_ranks import Meeting
from mining_objects.training_recipe import Recipe, recipe_of, to_toml
from protocol.errors import InvalidSetting
from runnable.plain_errors import INTERRUPTED
from runnable.training_processes import run_ranks
from runnable.training_screen import TrainingScreen

BEST_NAME: Final = "best.toml"
TRIALS_NAME: Final = "trials.csv"
_SHOWN: Final = 10


def sweep(recipe: Recipe, data: Path, out: Path, *, trials: int, processes: int, study: str | None) -> None:
    """Searches until `trials` of the study count, and writes what came of it into out; a study that stopped goes on."""
    if recipe.training.devices > 1:
        raise InvalidSetting("a sweep's trials train alone: set devices to 1", setting="training.devices")
    url = study or f"sqlite:///{(out / 'study.sqlite').resolve()}"
    space_of(recipe)
    table = recipe.table() | {"sweep": dict(recipe.sweep)}
    series = load_series(recipe, data)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    opened = open_study(url, out.name, recipe, series)
    Console().print(f"study {out.name!r}: {finished_trials(opened)} trials so far, {trials} wanted")
    arguments = (table, data, out, trials, url)
    if processes == 1:
        run_share(None, *arguments)
    else:
        run_ranks(processes, run_share, arguments)
    write_findings(opened, recipe, out)


def run_share(meeting: Meeting | None, table: dict[str, Any], data: Path, out: Path, trials: int, url: str) -> None:
    """One process's trials. Ends it with 130 when it is stopped; what the trial it was in had learnt is lost."""
    recipe, console, rank = recipe_of(table), Console(), meeting.rank if meeting else 0
    series = load_series(recipe, data)
    study = open_study(url, out.name, recipe, series)
    seed = recipe.training.seed + 1_000 * len(study.trials) + rank
    console.quiet = rank > 0
    try:
        with _TrialScreen(console, recipe.training.epochs) as screen:
            run_trials(study, recipe, series, until=trials, seed=seed, watcher=screen, on_trial=screen.on_trial)
    except Stopped:
        console.print(f"stopped with {finished_trials(study)} trials; the same command goes on")
        raise SystemExit(INTERRUPTED) from None


def write_findings(study: optuna.Study, recipe: Recipe, out: Path) -> None:
    """Prints the best trials; writes all into trials.csv and the best one's recipe into best.toml."""
    keys = list(space_of(recipe))
    rows = sorted((t for t in study.trials if t.state in FINISHED), key=lambda t: (t.state.name, _score(t)))
    with writing(out), (out / TRIALS_NAME).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["trial", "state", "score", "skill", *keys])
        for trial in rows:
            values = values_of(trial.params, recipe)
            skill = trial.user_attrs.get("skill", "")
            writer.writerow([trial.number, trial.state.name.lower(), _score(trial), skill, *map(values.get, keys)])
    best = to_toml(best_recipe(study, recipe))
    with writing(out):
        (out / BEST_NAME).write_text(best, encoding="utf-8")
    shown = Table(title=f"{len(rows)} trials; the best {min(_SHOWN, len(rows))}")
    for heading in ("trial", "score", "skill", "with"):
        shown.add_column(heading, justify="left" if heading == "with" else "right")
    for trial in rows[:_SHOWN]:
        tried = ", ".join(_in_words(key, value) for key, value in values_of(trial.params, recipe).items())
        number = str(trial.number) if trial.value is not None else f"{trial.number} pruned"
        shown.add_row(number, f"{_score(trial):.5f}", f"{trial.user_attrs['skill']:+.2%}", tried)
    console = Console()
    console.print(shown)
    console.print(f"the best: python runnable/miner_training.py --config {out / BEST_NAME} --data DIR --out FOLDER")


def _score(trial: optuna.trial.FrozenTrial) -> float:
    """A complete trial's score, or the last one that a pruned trial reported."""
    if trial.value is not None:
        return trial.value
    return trial.intermediate_values[max(trial.intermediate_values)]


def _in_words(key: str, value: Any) -> str:
    return f"{key.partition('.')[2]} {value:.3g}" if isinstance(value, float) else f"{key.partition('.')[2]} {value}"


class _TrialScreen(TrainingScreen):
    """A line a trial instead of a line a look."""

    def on_validation(self, report: ValidationReport) -> None:
        self.skill = f"{report.skill:+.2%}"

    def on_trial(self, trial: optuna.trial.FrozenTrial) -> None:
        if trial.state not in FINISHED:
            ended = "diverged" if why_lost(trial) else trial.state.name.lower()
            self.say(f"trial {trial.number:4d}  {ended}: it does not count")
            return
        skill = trial.user_attrs["skill"]
        self.say(
            f"trial {trial.number:4d}  {trial.state.name.lower():8}  score {_score(trial):.5f}  skill {skill:+.2%}"
        )
