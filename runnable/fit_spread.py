"""Fits the numbers that `har` knows beforehand, from recorded candles of several markets before a day.

    python runnable/fit_spread.py datasets/btc datasets/eth --out weights/mine --until 2025-01-01

The result is a folder with card.json, which says what it was fitted on; `--base_model har --weights FOLDER` uses it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from mining_objects.base_mining_model import Window
from mining_objects.dataset_folders import choose_files
from mining_objects.datasets import read_candles
from mining_objects.fitted_cards import save_card
from mining_objects.har_fitting import SHAPE_DAYS, fit_har, learn_season, spread_examples
from mining_objects.models.har import ANCHORS, Har
from protocol.errors import InvalidSetting
from runnable.generate_historical_data import instant_ms
from runnable.plain_errors import run_plainly


def fit(
    datasets: Annotated[list[Path], typer.Argument(help="Dataset folders or candle files, one a market.")],
    out: Annotated[Path, typer.Option(help="Folder for card.json.")],
    since: Annotated[str, typer.Option("--from", help="First day of the examples (UTC).")] = "2022-08-01",
    until: Annotated[str, typer.Option(help="Nothing from this day on is looked at (UTC).")] = "2025-01-01",
) -> None:
    """Fit the day's shape, the weights and the tails of `har` on candles before a day; half a minute on one core."""
    console = Console()
    windows = [candles_before(path, instant_ms(until, 0)) for path in datasets]
    season = learn_season(windows)
    examples = [
        spread_examples(window, season, instant_ms(since, 0), instant_ms(until, 0))
        for window in track(windows, description="examples", console=console)
    ]
    fitted = fit_har(season, examples, windows[0].step_ms)
    training: dict[str, Any] = {
        "data": [
            {
                "series": window.series, "sha256": choose_files(path).sha256, "examples": len(part.inputs),
                "from": _day(int(part.at_ms[0])), "last": _day(int(part.at_ms[-1])),
            }
            for path, window, part in zip(datasets, windows, examples, strict=True)
        ],
        "until": until,
        "every": "hour",
        "shape_days": SHAPE_DAYS,
    }  # fmt: skip
    numbers = {name: np.asarray(getattr(fitted, name)) for name in ("season", "weights", "shapes")}
    save_card(out, model=Har.name, numbers=numbers, training=training)
    console.print(f"{sum(len(part.inputs) for part in examples):,} examples, {len(ANCHORS)} anchors; saved to {out}")


def candles_before(path: Path, until_ms: int) -> Window:
    """The candles that end before `until_ms`: later ones are not even kept in memory."""
    window = read_candles(path)
    rows = int((window.open_time_ms + window.step_ms <= until_ms).sum())
    if rows == 0:
        raise InvalidSetting(f"{path.name} has no candle before --until", setting="until")
    return window.rows(0, rows)


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).date().isoformat()


if __name__ == "__main__":
    run_plainly(lambda: typer.run(fit))
