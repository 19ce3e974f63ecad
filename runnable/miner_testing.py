"""Tests models on a period later than their training, by the network's real rules, and writes a report to look at.

    python runnable/miner_testing.py --models har,lstm --data datasets/btc --from 2025-01-01 --to 2025-10-01

Rounds, scores, proofs, sharing and pay are those of a validator; beside them stand references that need no network:
constant volatility, 30 days, the best EWMA, a plain HAR. Every difference comes with an interval, and with "not
significant" where it is luck. Written: report.html, which needs nothing else, figures.json, figures.csv, rounds.csv.

Look at a period once: a model that was chosen by its results there has been fitted to it.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mining_objects import models
from mining_objects.dataset_folders import choose_files
from mining_objects.datasets import read_candles
from mining_objects.result_folders import check_writable
from neurons.market.calendars import calendar_of
from protocol.errors import InvalidSetting
from protocol.params import MAIN, PATHS
from runnable.generate_historical_data import instant_ms
from runnable.plain_errors import run_plainly
from runnable.test_report.contenders import BESIDE, check_unseen, contenders_of, day_of
from runnable.test_report.playing import Course
from runnable.test_report.report import Run, write_report
from runnable.test_report.trial import run_trial

MOST_PROCESSES: Final = 8
LONGEST_LEAD: Final = 288
"""A day of steps; sigma is as old then."""
PLAIN_WIDTH: Final = 100
"""Of the tables where no terminal says how wide it is."""


def try_models(
    tested: Annotated[
        str,
        typer.Option(
            "--models",
            help=f"With commas: {', '.join(models.NAMES)}; folders of weights; Python files that define a model; names "
            "that --weights explains.",
        ),
    ],
    data: Annotated[Path, typer.Option(help="Dataset folder of generate_historical_data.py, or a file of candles.")],
    since: Annotated[str, typer.Option("--from", help="First day of the test (UTC).")],
    until: Annotated[str, typer.Option("--to", "--until", help="Day after the last (UTC).")],
    weights: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER: whose fitted numbers NAME is. May be repeated.")
    ] = None,
    beside: Annotated[
        str, typer.Option(help="Who plays in the same network, with commas; empty for nobody.")
    ] = ",".join(BESIDE),
    overlap: Annotated[
        bool, typer.Option("--overlap", help="Test also what was fitted on days of the test; the report is labelled.")
    ] = False,
    every: Annotated[int, typer.Option(min=1, help="Take every n-th round of each challenge.")] = 1,
    points: Annotated[
        bool, typer.Option("--points/--no-points", help="Play closes.point too: most of the time goes there.")
    ] = True,
    paths: Annotated[
        int, typer.Option(min=PATHS.min_paths, max=PATHS.max_paths, help="Paths of an ensemble.")
    ] = PATHS.asked_paths,
    lead: Annotated[int, typer.Option(min=0, max=LONGEST_LEAD, help="Steps between the newest candle seen and T.")] = 1,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal reports.")] = 1,
    calendar: Annotated[str, typer.Option(help="When the market trades, as in a series' settings.")] = "24/7",
    processes: Annotated[int | None, typer.Option(min=1, help="How many work at once; changes no figure.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the report; replaces an older one.")] = Path("testing"),
) -> None:
    """Test models on candles later than their training by the real rules, and write a report with intervals."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    contenders = contenders_of(_names(tested), _names(beside), _folders(weights or []))
    from_ms, until_ms = instant_ms(since, 0), instant_ms(until, 0)
    warnings = check_unseen(contenders, from_ms, allowed=overlap)
    window = read_candles(data)
    until_ms = min(until_ms, window.end_ms)
    try:
        calendar_of(calendar)
    except ValueError as unknown:
        raise InvalidSetting(f"{unknown}; there are 24/7, fx and XNYS", setting="calendar") from unknown
    course = Course(window, calendar, MAIN, contenders, lead, paths, seed, every, points)
    if every > 1:
        warnings.append(f"one of {every} rounds was played: pay is lower, and proofs come later, than in a network")
    if not points:
        warnings.append("closes.point was not played: rewards are those of closes.paths alone")
    if window.end_ms < instant_ms(until, 0):
        warnings.append(f"the candles end on {day_of(window.end_ms)}, before the period does")
    command = _command({
        "--models": tested, "--data": data, "--from": since, "--to": until, "--weights": weights, "--beside": beside,
        "--overlap": overlap, "--no-points": not points, "--every": every, "--paths": paths, "--lead": lead,
        "--seed": seed, "--calendar": calendar,
    })  # fmt: skip
    check_writable(out)
    workers = processes or min(MOST_PROCESSES, os.cpu_count() or 1)
    try:
        console.print(f"{', '.join(one.label for one in contenders)}: {since} to {until}, in {workers} process(es)")
        with _bars(console) as bars:
            tasks = {name: bars.add_task(name, total=None) for name in ("rounds", "pay", "references")}

            def tell(what: str, done: int, of: int) -> None:
                bars.update(tasks[what], completed=done, total=of)

            trial = run_trial(course, from_ms, until_ms, processes=workers, tell=tell)
    except KeyboardInterrupt:
        console.print("interrupted: nothing was written")
        raise
    run = Run(command, str(data), choose_files(data).sha256, tuple(warnings))
    write_report(trial, run, out, console)


def _names(told: str) -> list[str]:
    return [name for name in (part.strip() for part in told.split(",")) if name]


def _folders(told: list[str]) -> dict[str, Path]:
    """NAME=FOLDER of each. Raises InvalidSetting."""
    found = {}
    for one in told:
        name, equals, folder = one.partition("=")
        if not (name and equals and folder) or name in found:
            raise InvalidSetting(f"write NAME=FOLDER once for each name, not {one!r}", setting="weights")
        found[name] = Path(folder)
    return found


def _command(options: dict[str, object]) -> str:
    """What to type to get the same report; an option that is not given is left out."""
    words = ["python", "runnable/miner_testing.py"]
    for flag, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            if one is True:
                words.append(flag)
            elif one is not False and one is not None:
                words += [flag, str(one)]
    return shlex.join(words)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<11}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), console=console, transient=True,
    )  # fmt: skip


if __name__ == "__main__":
    run_plainly(lambda: typer.run(try_models))
