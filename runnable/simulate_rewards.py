"""Puts the rules of pay to the test: `python runnable/simulate_rewards.py noise --png noise.png`.

Real recorded closes where there are any (AUGURY_RECORDINGS, else ../shared/data beside the project); else generated
prices, labelled so. Ends with 1 when a claim does not hold.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from runnable.simulations import baseline, clones, copies, noise, stopping
from runnable.simulations.course import RECORDING, load_closes
from runnable.simulations.findings import Finding, draw, show

_BESIDE: Final = Path(__file__).resolve().parents[1].parent / "shared" / "data"


class Experiment(StrEnum):
    NOISE = "noise"
    CLONES = "clones"
    COPIES = "copies"
    BASELINE = "baseline"
    STOPPING = "stopping"


def recordings_folder() -> Path | None:
    """Where recorded closes are, or None."""
    folder = Path(os.environ.get("AUGURY_RECORDINGS", _BESIDE))
    return folder if (folder / RECORDING).is_file() else None


def run(experiment: Experiment, recordings: Path | None, *, days: int | None, keys: int, seed: int) -> list[Finding]:
    """The experiment's findings, over its own number of days unless told otherwise."""
    own_days = 9 if experiment is Experiment.COPIES else 40
    closes = load_closes(recordings, days=days or own_days, seed=seed)
    match experiment:
        case Experiment.NOISE:
            return [noise.run(closes, keys=keys, seed=seed)]
        case Experiment.CLONES:
            return [clones.run_points(closes, seed=seed), clones.run_ensembles(closes, seed=seed)]
        case Experiment.COPIES:
            return [copies.run(closes, seed=seed)]
        case Experiment.BASELINE:
            return [baseline.run_points(closes), baseline.run_ensembles(closes, seed=seed)]
        case Experiment.STOPPING:
            return [stopping.run(closes, keys=keys, seed=seed)]


def main(
    experiment: Annotated[Experiment, typer.Argument(help="Which claim to test.")],
    *,
    png: Annotated[Path | None, typer.Option(help="Draw the finding here; a second one gets -2 in its name.")] = None,
    days: Annotated[int | None, typer.Option(min=4, help="Days of rounds; 9 for copies, else 40.")] = None,
    keys: Annotated[int, typer.Option(min=10, help="Keys in noise and stopping.")] = 400,
    seed: Annotated[int, typer.Option(help="Of all chance, generated prices included.")] = 1,
    generated: Annotated[
        bool, typer.Option("--generated", help="Generated prices, even if there are recorded.")
    ] = False,
) -> None:
    """Tests one claim about pay and says whether it holds."""
    console = Console()
    findings = run(experiment, None if generated else recordings_folder(), days=days, keys=keys, seed=seed)
    for number, finding in enumerate(findings, start=1):
        show(finding, console)
        if png is not None:
            file = png if number == 1 else png.with_stem(f"{png.stem}-{number}")
            draw(finding, file)
            console.print(f"drawn: {file}", highlight=False)
    if not all(finding.holds for finding in findings):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
