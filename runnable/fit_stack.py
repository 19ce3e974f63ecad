"""Learns the weights of `stack` on a period that its fitted members have not seen.

    python runnable/fit_neural_har.py datasets/btc datasets/eth --out weights/early --until 2023-10-01
    python runnable/fit_stack.py datasets/btc datasets/eth --early neural_har=weights/early --out weights/stack

The weights stand in card.json, beside what each member alone would have lost.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from mining_objects import models
from mining_objects.base_mining_model import Forecaster
from mining_objects.dataset_folders import choose_files
from mining_objects.datasets import read_candles
from mining_objects.fitted_cards import save_card
from mining_objects.models.stack import ANCHORS, Stack
from mining_objects.stack_fitting import ask_members, learn_weights
from mining_objects.walk_forward import ask_hourly, one_volatility
from protocol.errors import InvalidSetting
from protocol.params import MAIN
from runnable.generate_historical_data import instant_ms
from runnable.plain_errors import run_plainly

MEMBERS = ("neural_har", "garch", "ewma")
"""Of the installed stack: what runs without torch."""


def fit(
    datasets: Annotated[list[Path], typer.Argument(help="Dataset folders or candle files, one a market.")],
    out: Annotated[Path, typer.Option(help="Folder for card.json.")],
    early: Annotated[
        list[str], typer.Option(help="NAME=FOLDER: a member's numbers as fitted before --from; repeatable.")
    ],
    member: Annotated[list[str] | None, typer.Option(help="Members; default: neural_har, garch, ewma.")] = None,
    since: Annotated[str, typer.Option("--from", help="First day of the hours that are asked (UTC).")] = "2023-10-01",
    until: Annotated[str, typer.Option(help="Nothing from this day on is looked at (UTC).")] = "2025-01-01",
    every: Annotated[int, typer.Option(min=1, help="Ask every n-th hour.")] = 5,
) -> None:
    """Learn how much each member of `stack` is worth on hours that none of them has seen; some minutes on one core."""
    console = Console()
    folders = dict(_named(pair) for pair in early)
    names = member or list(MEMBERS)
    members: list[Forecaster] = [models.create(name, weights=folders.get(name)) for name in names]
    told, data = [], []
    for path in datasets:
        window = read_candles(path)
        asked = ask_hourly(window, instant_ms(since, 0), instant_ms(until, 0), steps=MAIN.time.steps, lead=1)
        thinned = asked.every(every)
        unit = one_volatility(thinned, str(MAIN.loss.sigma_half_life_steps))
        bar = partial(track, description=window.series, console=console)
        told.append(ask_members(members, thinned, unit, watch=bar))
        data.append({"series": window.series, "sha256": choose_files(path).sha256, "hours": len(told[-1].outcome)})
    weights, losses = learn_weights(told)
    training: dict[str, Any] = {
        "data": data, "from": since, "until": until, "every": f"{every} hours",
        "anchors": ANCHORS, "loss": [round(float(x), 5) for x in losses],
    }  # fmt: skip
    save_card(
        out,
        model=Stack.name,
        numbers={"weights": weights},
        training=training,
        settings={"members": [models.pinned(n) for n in names]},
    )
    for anchor, row in zip(ANCHORS, weights, strict=True):
        shares = ", ".join(f"{name} {share:.2f}" for name, share in zip(names, row, strict=True))
        console.print(f"about step {anchor}: {shares}")
    console.print(f"{sum(len(np.atleast_1d(part.outcome)) for part in told):,} hours; saved to {out}")


def _named(pair: str) -> tuple[str, Path]:
    name, sign, folder = pair.partition("=")
    if not sign or name not in models.NAMES:
        raise InvalidSetting(f"--early wants NAME=FOLDER with the name of a model, was {pair!r}", setting="early")
    return name, Path(folder)


if __name__ == "__main__":
    run_plainly(lambda: typer.run(fit))
