"""Fits the numbers that `neural_har` knows beforehand, from recorded candles of several markets before a day.

    python runnable/fit_neural_har.py datasets/btc datasets/eth --out weights/mine --until 2025-01-01

The result is a folder with card.json, which says what it was fitted on; `--base_model neural_har --weights FOLDER`
uses it. Fitting needs torch, mining does not.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from mining_objects.dataset_folders import choose_files
from mining_objects.errors import MissingPackage
from mining_objects.fitted_cards import save_card
from mining_objects.har_fitting import SHAPE_DAYS, learn_season
from mining_objects.models.neural_har import NETWORKS, NeuralHar
from mining_objects.new_york_week import learn_week
from runnable.fit_spread import candles_before
from runnable.generate_historical_data import instant_ms
from runnable.plain_errors import run_plainly


def fit(
    datasets: Annotated[list[Path], typer.Argument(help="Dataset folders or candle files, one a market.")],
    out: Annotated[Path, typer.Option(help="Folder for card.json.")],
    since: Annotated[str, typer.Option("--from", help="First day of the examples (UTC).")] = "2022-08-01",
    until: Annotated[str, typer.Option(help="Nothing from this day on is looked at (UTC).")] = "2025-01-01",
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal weights on one machine.")] = 1,
) -> None:
    """Fit regression, networks and tails of `neural_har` on candles before a day; three minutes on one core."""
    try:
        from mining_objects.neural_har_fitting import EPOCHS, fit_neural_har, neural_examples
    except ModuleNotFoundError as missing:
        raise MissingPackage(f"training needs {missing.name}: pip install 'augury[miner]'") from missing
    console = Console()
    windows = [candles_before(path, instant_ms(until, 0)) for path in datasets]
    season, week = learn_season(windows), learn_week(windows)
    examples = [
        neural_examples(window, season, week, instant_ms(since, 0), instant_ms(until, 0))
        for window in track(windows, description="examples", console=console)
    ]
    fitted, networks = fit_neural_har(
        season, week, examples, seed=seed, watch=lambda rows: track(rows, "networks", total=NETWORKS, console=console)
    )
    training: dict[str, Any] = {
        "data": [
            {
                "series": window.series, "sha256": choose_files(path).sha256, "examples": len(part.known),
                "from": _day(int(part.spread.at_ms[0])), "last": _day(int(part.spread.at_ms[-1])),
            }
            for path, window, part in zip(datasets, windows, examples, strict=True)
        ],
        "until": until,
        "every": "15 minutes; regression and shapes on the hour",
        "shape_days": SHAPE_DAYS,
        "seed": seed,
        "epochs": EPOCHS,
    }  # fmt: skip
    numbers = {f.name: np.asarray(getattr(part, f.name)) for part in (fitted, networks) for f in fields(part)}
    save_card(out, model=NeuralHar.name, numbers=numbers, training=training)
    console.print(f"{sum(len(part.known) for part in examples):,} examples, {NETWORKS} networks; saved to {out}")


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).date().isoformat()


if __name__ == "__main__":
    run_plainly(lambda: typer.run(fit))
