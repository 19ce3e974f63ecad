"""Trains a model on recorded candles, stopping early on a later validation period; goes on where it was stopped.

    python runnable/generate_historical_data.py recordings/binance_spot_BTCUSDT_5m.parquet --out datasets/btc
    python runnable/miner_training.py --data datasets/btc --out weights/mine
    python runnable/miner_training.py --data datasets/btc --out weights/mine --resume
    python runnable/miner_testing.py --models lstm --data datasets/btc --weights lstm=weights/mine --from 2025-01-01

The result is a folder with weights.safetensors, card.json and a README.md with plots; `--base_model lstm --weights
FOLDER` mines with it. docs/training.md tells the rest.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from mining_objects.errors import MissingPackage
from protocol.errors import InvalidSetting
from runnable.plain_errors import INTERRUPTED, run_plainly

if TYPE_CHECKING:
    from mining_objects.training import Trained
    from mining_objects.training_data import Series
    from mining_objects.training_ranks import Meeting
    from mining_objects.training_recipe import Recipe


def train(
    data: Annotated[
        Path, typer.Option(help="A dataset folder or candle file; or the folder in which the recipe's data.files lie.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for weights, card and report; a stopped training waits there.")],
    config: Annotated[
        Path | None, typer.Option(help="The recipe, TOML (docs/training.md). Defaults without one.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training that stopped in --out.")] = False,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="SECTION.KEY=VALUE, over the recipe: config.hidden=64. May be repeated."),
    ] = None,
    validation_from: Annotated[
        str | None, typer.Option(help="data.validation_from: training looks at candles before.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="data.until: nothing from this day on is looked at (UTC).")] = None,
    stride: Annotated[int | None, typer.Option(help="data.stride: steps between the examples of training.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="training.epochs: the most passes over the training period.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="training.seed: equal seeds give equal weights on one machine.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="training.device: auto, cpu, cuda or mps.")] = None,
    threads: Annotated[int | None, typer.Option(help="training.threads: CPU threads of each process.")] = None,
    devices: Annotated[
        int | None, typer.Option(help="training.devices: processes that train together, each on a device of its own.")
    ] = None,
    sweep: Annotated[int, typer.Option(min=0, help="Search instead: until this many trials of the study count.")] = 0,
    processes: Annotated[int, typer.Option(min=1, help="Of a sweep, each with trials of its own.")] = 1,
    study: Annotated[
        str | None,
        typer.Option(help="Of a sweep: a database URL, to be gone on with or shared. SQLite in --out without."),
    ] = None,
    precision: Annotated[str | None, typer.Option(help="training.precision: float32 or bfloat16.")] = None,
) -> None:
    """Train a model on recorded candles, with early stopping on a later validation period.

    The default recipe trains the LSTM in a few minutes on one CPU core.
    """
    try:
        from mining_objects.training_ranks import by_torchrun
        from mining_objects.training_recipe import read_recipe
        from runnable.training_processes import run_ranks
    except ModuleNotFoundError as missing:
        raise MissingPackage(f"training needs {missing.name}: pip install 'augury[miner]'") from missing
    flags = {
        "data.validation_from": validation_from, "data.until": until, "data.stride": stride, "training.epochs": epochs,
        "training.seed": seed, "training.device": device, "training.threads": threads, "training.precision": precision,
        "training.devices": devices,
    }  # fmt: skip
    flagged = [f"{key}={value}" for key, value in flags.items() if value is not None]
    recipe = read_recipe(config, [*(change or []), *flagged])
    if not sweep and (study is not None or processes > 1):
        raise InvalidSetting("--study and --processes are of a search: say how many trials by --sweep", setting="sweep")
    if sweep:
        _sweep(recipe, data, out, trials=sweep, processes=processes, study=study)
    elif recipe.training.devices > 1 and not by_torchrun():
        run_ranks(recipe.training.devices, train_recipe, (recipe.table(), data, out, resume))
    else:
        train_recipe(None, recipe.table(), data, out, resume)


def train_recipe(meeting: Meeting | None, table: dict[str, Any], folder: Path, out: Path, resume: bool) -> None:
    """Trains what the recipe says and writes it into out, one process of those that meet.

    Ends the process with 130 when it is stopped.
    """
    from mining_objects.devices import pick_device
    from mining_objects.result_folders import check_writable
    from mining_objects.training import Stopped, Training
    from mining_objects.training_data import load_data, load_series
    from mining_objects.training_ranks import joined
    from mining_objects.training_recipe import recipe_of
    from mining_objects.training_state import STATE_NAME
    from runnable.training_report import write_results
    from runnable.training_screen import TrainingScreen

    _check_out(out, is_stopped=(out / STATE_NAME).exists(), resume=resume)
    recipe, console = recipe_of(table), Console()
    with joined(pick_device(recipe.training.device), meeting) as ranks:
        recipe = replace(recipe, training=replace(recipe.training, devices=ranks.world))
        console.quiet = not ranks.leads
        series = load_series(recipe, folder)
        examples = load_data(recipe, series)
        check_writable(out)
        console.print(
            f"{', '.join(one.window.series for one in series)}: {len(examples.train.rows):,} training and "
            f"{len(examples.validation.rows):,} validation examples, {len(recipe.config.features)} features x "
            f"{recipe.config.lookback} candles"
        )
        screen = TrainingScreen(console, recipe.training.epochs)
        training = Training(
            recipe.family, recipe.config, recipe.training, examples, folder=out, ranks=ranks, watcher=screen
        )
        if resume:
            training.resume()
            console.print(f"goes on after {training.progress.step:,} batches")
        try:
            with screen:
                trained = training.run()
        except Stopped as stopped:
            console.print(f"stopped after {stopped.step:,} batches; the same command with --resume goes on from there")
            sys.exit(INTERRUPTED)
        if ranks.leads:
            with console.status("asks the model in the validation period, to see how its intervals hold"):
                write_results(out, recipe, series, trained)
            (out / STATE_NAME).unlink(missing_ok=True)
            console.print(_summary(trained, series, out))


def _check_out(out: Path, *, is_stopped: bool, resume: bool) -> None:
    """Raises InvalidSetting where training would undo what another one did, or where there is none to go on with."""
    from mining_objects.cards import CARD_NAME

    is_finished = (out / CARD_NAME).exists()
    if is_stopped and not resume:
        told = f"a training that stopped waits in {out}: go on with it by --resume, or choose another folder"
    elif resume and not is_stopped:
        told = f"no training waits in {out}" + (": the one there has ended" if is_finished else "")
    elif is_finished and not resume:
        told = f"{out} holds a trained model, which is never overwritten: choose another folder, or move it away"
    else:
        return
    raise InvalidSetting(told, setting="out")


def _sweep(recipe: Recipe, data: Path, out: Path, **how: Any) -> None:
    try:
        from runnable.training_sweep import sweep
    except ModuleNotFoundError as missing:
        raise MissingPackage(f"a sweep needs {missing.name}: pip install 'augury[sweep]'") from missing
    sweep(recipe, data, out, **how)


def _summary(trained: Trained, series: list[Series], out: Path) -> Table:
    from mining_objects.training import BASELINE, FLAT

    table = Table(title=f"saved to {out}", show_header=False)
    score = trained.best.score
    table.add_row("best look", f"epoch {trained.best.epoch}, of {len(trained.reports)} looks")
    table.add_row("validation score", f"{score:.5f}")
    for name, law in ((FLAT, "a Gaussian of the last day's size"), (BASELINE, "the standing baseline's Gaussian")):
        reference = trained.references[name]
        table.add_row(law, f"{reference:.5f}, so the model gains {1 - score / reference:.2%}")
    for name, value in trained.facts.items():
        table.add_row(name.replace("_", " "), f"{value}")
    table.add_row("read on", f"{out / 'README.md'}: calibration, data, and how to test it on later candles")
    return table


if __name__ == "__main__":
    run_plainly(lambda: typer.run(train))
