"""Tests models on a later period by the network's real rules, against the standing baselines, and draws it.

    python runnable/miner_testing.py recordings/binance_spot_BTCUSDT_5m.parquet --from 2025-01-01 --until 2025-02-01

Look at a period once: a model that was chosen by its results there has been fitted to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mining_objects import models
from mining_objects.base_mining_model import Forecaster
from mining_objects.datasets import read_candles
from mining_objects.evaluation import Result, ScoredRound, anchors_of, score_rounds, summarise
from protocol.errors import InvalidSetting
from protocol.params import MAIN, PATHS
from protocol.units import NANO
from runnable.forecast_charts import draw_forecasts, draw_gains
from runnable.generate_historical_data import instant_ms
from runnable.plain_errors import run_plainly

DRAWN = 6
"""Rounds whose forecasts are drawn, spread over the period."""
ALWAYS = ("flat", "drift", "ewma")
"""Models that every tested one is compared with."""


def try_models(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder of generate_historical_data.py, or a candle file.")],
    model: Annotated[
        list[str] | None, typer.Option(help=f"Model to test, repeatable: {', '.join(models.NAMES)}.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Checkpoint folder for the LSTM; default: the one installed.")
    ] = None,
    since: Annotated[str, typer.Option("--from", help="First day of the test (UTC).")] = "2025-01-01",
    until: Annotated[str, typer.Option(help="Day after the last (UTC).")] = "2025-02-01",
    every: Annotated[int, typer.Option(min=1, help="Take every n-th hourly round.")] = 1,
    paths: Annotated[int, typer.Option(min=64, max=1000, help="Paths of an ensemble.")] = PATHS.asked_paths,
    lead: Annotated[int, typer.Option(min=0, help="Steps between the newest candle seen and the anchor.")] = 1,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal results.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the drawings.")] = Path("testing"),
) -> None:
    """Test models on a later period of recorded candles by the real rules, against flat, drift and ewma; draw it."""
    console = Console()
    tested = model or ["lstm"]
    names = list(dict.fromkeys([*tested, *ALWAYS]))
    forecasters: list[Forecaster] = [models.create(n, weights=weights if n == "lstm" else None) for n in names]
    window = read_candles(dataset)
    anchors = anchors_of(MAIN, PATHS, instant_ms(since, 0), min(instant_ms(until, 0), window.end_ms))[::every]
    if not anchors:
        raise InvalidSetting("no round fits between --from and --until in these candles", setting="from")
    drawn = frozenset(anchors[:: max(1, len(anchors) // DRAWN)][:DRAWN])
    scoring = score_rounds(forecasters, window, anchors, params=MAIN, lead=lead, paths=paths, seed=seed, keep=drawn)
    rounds = list(track(scoring, description="rounds", total=len(anchors), console=console))
    if not rounds:
        raise InvalidSetting(
            f"no round could be scored: each needs {MAIN.time.min_history_steps} candles before it", setting="from"
        )
    for challenge in MAIN.challenges:
        found = [r for r in summarise(rounds, MAIN) if r.challenge == challenge.name]
        console.print(_table(found, rounds, every, lead))
    out.mkdir(parents=True, exist_ok=True)
    draw_gains(rounds, out / "gains.png", f"{window.series}: gain over the standing baseline, {since} to {until}")
    console.print(f"drawn: {out / 'gains.png'}")
    for name in tested:
        draw_forecasts(rounds, name, out / f"forecasts_{name}.png")
        console.print(f"drawn: {out / f'forecasts_{name}.png'}")


def _table(results: list[Result], rounds: list[ScoredRound], every: int, lead: int) -> Table:
    """One challenge: mean loss, gain with its interval, and what the network would call proven after this period."""
    first = results[0]
    hours = "every hour" if every == 1 else f"every {every} hours"
    table = Table(
        title=f"{first.challenge}: {len(rounds)} rounds, {hours}, newest candle {lead} step(s) before the anchor",
        caption="gain: part of the baseline's loss; interval: bootstrap over days; proven: at 99%, as it would be paid",
    )
    for heading in ("model", "mean loss", "gain", "95% interval", "proven skill", "proven"):
        table.add_column(heading, justify="left" if heading in ("model", "proven") else "right")
    table.add_row("[dim]standing baseline[/]", f"[dim]{first.mean_baseline:.5f}[/]", "", "", "", "")
    for r in results:
        colour = "green" if r.low > 0 else "red" if r.high < 0 else "yellow"
        why = "yes" if r.proof.skill_nano > 0 else r.proof.reason
        table.add_row(
            r.model, f"{r.mean_loss:.5f}", f"[{colour}]{r.gain:+.2%}[/]", f"{r.low:+.2%} .. {r.high:+.2%}",
            f"{r.proof.skill_nano / NANO:.2%}", why,
        )  # fmt: skip
    return table


if __name__ == "__main__":
    run_plainly(lambda: typer.run(try_models))
