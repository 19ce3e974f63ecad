"""From a trial to what people see: the terminal's tables and the files, which all show the same figures."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console

from mining_objects.significance import LEVEL, RESAMPLES
from runnable.test_report import findings
from runnable.test_report.contenders import day_of
from runnable.test_report.files import figures_csv, figures_json, rounds_csv, write_all
from runnable.test_report.headline import headline
from runnable.test_report.page import render, sections_of
from runnable.test_report.playing import Failure
from runnable.test_report.tables import Table
from runnable.test_report.terminal import show
from runnable.test_report.trial import PATHS, POINT, STANDING, Trial

QUIETLY_LEFT_OUT = 0.05
"""Part of a challenge's rounds; when more could not be played, a report says so on top."""
_PACKAGES = ("augury", "numpy", "torch")


@dataclass(frozen=True, slots=True)
class Run:
    """What a report says of its own making. data_sha256: of the candles.  warnings: shown above everything."""

    command: str
    data: str
    data_sha256: str
    warnings: tuple[str, ...]


def write_report(trial: Trial, run: Run, out: Path, console: Console) -> None:
    """Writes all of it to the folder, then shows the short of it: who reads no further has the files all the same."""
    ruled, raw = findings.compared(trial)
    pairs = findings.pair_table(ruled, raw, trial)
    sentences = headline(trial, ruled, raw)
    title = f"{_listed(trial.tested)} on {trial.course.window.series}"
    about = (
        f"{day_of(trial.from_ms)} to {day_of(trial.until_ms)} (UTC), {len(trial.paths.at_ms):,} rounds of {PATHS} in "
        f"{trial.blocks.days} days"
    )
    sections, facts = sections_of(trial, ruled, pairs), facts_of(trial, run)
    warnings = (*run.warnings, *_gap_warnings(trial))
    tables = [table for section in sections for table in section.tables]
    by_name = {table.name: table for table in tables}
    write_all(out, {
        "figures.json": figures_json(title, sentences, warnings, facts, tables),
        "figures.csv": figures_csv(tables),
        "rounds.csv": rounds_csv(trial),
        "report.html": render(title, about, sentences, warnings, sections, facts),
    })  # fmt: skip
    show(console, f"{title}, {about}", sentences, warnings, _shown(trial, by_name))
    console.print(
        f"written: {out / 'report.html'} (open it in a browser), figures.json, figures.csv, rounds.csv",
        highlight=False,
        soft_wrap=True,
    )


def _shown(trial: Trial, tables: Mapping[str, Table]) -> list[Table]:
    """What fits a hundred columns: reward, CRPS over references, the pairs among contenders, coverage."""
    among = [f"{a} against {b}" for a, b in findings.pairs_of(trial) if b in trial.labels]
    over = {name: name.removeprefix("gain ") for name in tables["crps"].columns if name.startswith("gain over")}
    over.pop(f"gain over {STANDING}")
    return [
        tables["reward"].only(trial.labels, {
            "model": "model", "paid, aug": "paid, aug", "of all there was": "of all", "paid alone, aug": "alone, aug",
            "proven at the end": "proven skill", "rounds with proof": "rounds with proof", "answered": "answered",
        }),
        tables["crps"].only(trial.tested + trial.references, {"forecast": "raw", "CRPS, 1e-4": "CRPS, 1e-4"} | over),
        tables["pairs"].only(among, {
            "pair": "pair", "gain by the rules": "gain by the rules", "p": "p", "verdict": "verdict",
            "gain in raw CRPS": "in raw CRPS", "verdict on raw": "verdict",
        }),
        tables["coverage"].only(
            trial.tested,
            {name: name.replace("forecast", "step: part").replace("step ", "") for name in tables["coverage"].columns},
            with_intervals=False,
        ),
    ]  # fmt: skip


def facts_of(trial: Trial, run: Run) -> Table:
    """What was run, so that it can be run again."""
    course, params = trial.course, trial.course.params
    rows: list[tuple[str, str]] = [
        ("command", run.command),
        ("candles", f"{run.data}: {course.window.series}, SHA-256 {run.data_sha256}"),
        ("period", f"{day_of(trial.from_ms)} to {day_of(trial.until_ms)} (UTC), calendar {course.calendar}"),
        ("rounds", "; ".join(f"{len(played.at_ms):,} of {name}" for name, played in trial.stretch.played.items())),
        ("left out", _left_out(trial)),
        ("asked", f"newest candle {course.lead} step(s) before T, {course.paths} paths, seed {course.seed}, "
                  + ("every round" if course.every == 1 else f"one of {course.every} rounds")),
        ("rules", f"{params.network}, version {params.version}, digest {params.digest.hex()}"),
        ("intervals", f"{LEVEL:.0%}, {RESAMPLES:,} draws of {trial.blocks.days} days in circular blocks of "
                      f"{trial.blocks.block_days}; Holm's correction within each column of the pairs"),
        ("point rounds", "none" if POINT not in trial.stretch.played else "scored and paid beside the ensembles"),
    ]  # fmt: skip
    for one in course.contenders:
        fitted = f", fitted on candles before {day_of(one.fitted_until_ms)}" if one.fitted_until_ms else ""
        what = "file" if one.is_file else "card"
        card = f", {what} {one.card_sha256}" if one.card_sha256 else ", nothing fitted beforehand"
        rows.append((f"{'tested' if one.is_tested else 'beside'}: {one.label}", f"{one.model}{card}{fitted}"))
    rows.extend(_failures(trial))
    rows.append(("versions", ", ".join(_versions())))
    return Table("run", "What was run", "", ("what", "as it was"), tuple(rows))


def _gap_warnings(trial: Trial) -> list[str]:
    """A sentence for each challenge of which more rounds were left out than a report may be silent about."""
    told = []
    for name, played in trial.stretch.played.items():
        lost = Counter({why: n for (of, why), n in trial.stretch.left_out.items() if of == name})
        whole = lost.total() + len(played.at_ms)
        if lost.total() > QUIETLY_LEFT_OUT * whole:
            why, most = lost.most_common(1)[0]
            told.append(f"{lost.total():,} of {whole:,} rounds of {name} could not be played, {most:,} for: {why}")
    return told


def _left_out(trial: Trial) -> str:
    told = [f"{count:,} of {name}: {why}" for (name, why), count in sorted(trial.stretch.left_out.items())]
    return "; ".join(told) or "none"


def _listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _failures(trial: Trial) -> list[tuple[str, str]]:
    first: dict[str, Failure] = {}
    for failure in trial.stretch.failures:
        first.setdefault(failure.label, failure)
    return [
        (f"failed: {label}", f"{trial.stretch.failed[label]:,} times, first at {day_of(one.at_ms)} "
                             f"({one.code}): {one.sentence}")
        for label, one in sorted(first.items())
    ]  # fmt: skip


def _versions() -> list[str]:
    found = [f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    return found
