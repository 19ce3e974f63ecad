"""What models gain over guesses of one volatility and over a plain HAR, hour by hour over a later period.

    python runnable/model_figures.py datasets/btc --model har --model stack --from 2025-01-01 --until 2025-10-01

CRPS is the mean over the steps, in 1e-4 of the log price; intervals hold 95% of a bootstrap over blocks of two days.
Every reference and model sees candles up to one step before the anchor. Look at a period once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mining_objects import models
from mining_objects.datasets import read_candles
from mining_objects.plain_har import plain_har_scale
from mining_objects.walk_forward import (
    CENTRAL,
    Asked,
    Scored,
    ask_hourly,
    best_half_life,
    coverage,
    gain_over,
    mean_losses,
    one_volatility,
    score_gaussian,
    score_model,
)
from protocol.errors import InvalidSetting
from protocol.params import MAIN
from runnable.generate_historical_data import instant_ms
from runnable.plain_errors import run_plainly

HALF_LIVES = ("12", "24", "36", "72", "144", "288", "576", "1152")
"""From which the reference's is chosen, on the candles before the period."""
COVERED = (1, 12, 100)
"""Steps whose coverage is shown."""


def show(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder or candle file.")],
    model: Annotated[list[str] | None, typer.Option(help=f"Repeatable: {', '.join(models.NAMES)}.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Folder of the first model's fitted numbers.")] = None,
    since: Annotated[str, typer.Option("--from", help="First day (UTC); references are fitted before it.")] = (
        "2025-01-01"
    ),
    until: Annotated[str, typer.Option(help="Day after the last (UTC).")] = "2025-10-01",
    every: Annotated[int, typer.Option(min=1, help="Take every n-th hour.")] = 1,
    paths: Annotated[int, typer.Option(min=64, max=1000, help="Paths of an ensemble.")] = 256,
    lead: Annotated[int, typer.Option(min=0, help="Steps between the newest candle seen and the anchor.")] = 1,
    keep: Annotated[Path | None, typer.Option(help="Folder for the scores of each model, to be read again.")] = None,
) -> None:
    """Show the mean CRPS of models and references, gains with intervals, coverage, and the point paths' RMSE."""
    console = Console()
    window = read_candles(dataset)
    from_ms, until_ms, steps = instant_ms(since, 0), instant_ms(until, 0), MAIN.time.steps
    asked = ask_hourly(window, from_ms, until_ms, steps=steps, lead=lead).every(every)
    if not len(asked.rows):
        raise InvalidSetting("no hour between --from and --until has 30 days before it", setting="from")
    chosen = best_half_life(window, int(window.open_time_ms[0]), from_ms, steps=steps, lead=lead, tried=HALF_LIVES)
    against = {"constant": "constant", "30 days": "month", f"EWMA {chosen}": chosen}
    scored = {name: score_gaussian(one_volatility(asked, how), asked) for name, how in against.items()}
    scored["plain HAR"] = score_gaussian(plain_har_scale(asked, from_ms), asked)
    references = tuple(scored)
    for number, name in enumerate(model or ["har"]):
        kept = None if keep is None else keep / f"{window.series}_{name}_{asked.at_ms[0]}_{len(asked.rows)}_{lead}.npz"
        scored[name] = _scores(name, weights if number == 0 else None, asked, paths, kept, console)
    unit = one_volatility(asked, str(MAIN.loss.sigma_half_life_steps))
    title = f"{window.series}, {since} to {until}: {len(asked.rows)} hours, lead {lead}, {paths} paths"
    console.print(_losses(title, scored, references, unit, asked))
    console.print(_coverage(title, scored, asked))
    for name in list(scored)[len(references) :]:
        ratio = _rmse_ratio(scored[name], asked)
        console.print(f"{name}: RMSE of the point path / that of the random walk {ratio:.5f}")


def _scores(name: str, weights: Path | None, asked: Asked, paths: int, kept: Path | None, console: Console) -> Scored:
    if kept is not None and kept.exists():
        with np.load(kept) as stored:
            return Scored(stored["crps"], stored["pit"], stored["point"])
    forecaster = models.create(name, weights=weights)
    scored = score_model(forecaster, asked, paths=paths, watch=lambda rows: track(rows, name, console=console))
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, crps=scored.crps, pit=scored.pit, point=scored.point)
    return scored


def _losses(
    title: str, scored: dict[str, Scored], references: tuple[str, ...], unit: np.ndarray, asked: Asked
) -> Table:
    """Mean losses, and each one's gain over each reference."""
    table = Table(title=title, caption="gain: 1 - CRPS / that of the reference; by the rules: CRPS / (sigma sqrt(k))")
    for heading in ("", "CRPS e-4", "by the rules", *(f"gain over {name}" for name in references)):
        table.add_column(heading, justify="left" if not heading else "right")
    raw, ruled = mean_losses(scored), mean_losses(scored, unit)
    for name, loss in raw.items():
        cells = []
        for reference in references:
            gain, low, high = gain_over(loss, raw[reference], asked.at_ms)
            cells.append("" if name == reference else f"{gain:+.2%} ({low:+.2%}..{high:+.2%})")
        table.add_row(name, f"{1e4 * loss.mean():.3f}", f"{ruled[name].mean():.5f}", *cells)
    return table


def _coverage(title: str, scored: dict[str, Scored], asked: Asked) -> Table:
    """How often outcomes lay in the middle 50, 80 and 95% of the laws, with intervals."""
    table = Table(title=f"coverage: {title}", caption="in per cent; the interval is of the same bootstrap")
    for heading in ("", *(f"step {k}: {part:.0%}" for k in COVERED for part in CENTRAL)):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, one in scored.items():
        cells = []
        for k in COVERED:
            for column in range(len(CENTRAL)):
                mean, low, high = coverage(one.inside[:, k - 1, column], asked.at_ms)
                cells.append(f"{100 * mean:.1f} ({100 * low:.1f}..{100 * high:.1f})")
        table.add_row(name, *cells)
    return table


def _rmse_ratio(scored: Scored, asked: Asked) -> float:
    return float(np.sqrt(np.nanmean((asked.truth - scored.point) ** 2) / np.nanmean(asked.truth**2)))


if __name__ == "__main__":
    run_plainly(lambda: typer.run(show))
