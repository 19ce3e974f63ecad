"""Trains the LSTM baseline on recorded candles, stopping early on a later validation period.

    python runnable/generate_historical_data.py recordings/binance_spot_BTCUSDT_5m.parquet --out datasets/btc
    python runnable/miner_training.py datasets/btc --out weights/mine
    python runnable/miner_testing.py datasets/btc --weights weights/mine --from 2025-01-01

The result is a folder with weights.safetensors and card.json; `--base_model lstm --weights FOLDER` mines with it.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from mining_objects.errors import MissingPackage
from protocol.errors import InvalidSetting
from runnable.generate_historical_data import instant_ms
from runnable.plain_errors import run_plainly

if TYPE_CHECKING:
    from mining_objects.base_mining_model import Window
    from mining_objects.datasets import Examples
    from mining_objects.models.lstm import LstmConfig
    from mining_objects.training import Trained, TrainingConfig

EMBARGO_STEPS = 288
"""A day between the periods: more than any outcome reaches, so none is seen by two of them."""


def train(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder of generate_historical_data.py, or a candle file.")],
    out: Annotated[Path, typer.Option(help="Folder for weights.safetensors and card.json.")],
    validation_from: Annotated[str, typer.Option(help="Training uses candles before this day (UTC).")] = "2024-09-01",
    until: Annotated[str, typer.Option(help="Nothing from this day on is looked at (UTC).")] = "2025-01-01",
    epochs: Annotated[int, typer.Option(min=1, help="The most passes over the training period.")] = 10,
    patience: Annotated[int, typer.Option(min=1, help="Epochs without improvement before it stops.")] = 3,
    stride: Annotated[int, typer.Option(min=1, help="Steps between the examples of training.")] = 6,
    batch: Annotated[int, typer.Option(min=1, help="Examples a step.")] = 128,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Of AdamW, falling to 0 as a cosine.")] = 3e-4,
    hidden: Annotated[int, typer.Option(min=1, help="Units of each LSTM layer.")] = 48,
    layers: Annotated[int, typer.Option(min=1, help="LSTM layers on top of each other.")] = 2,
    lookback: Annotated[int, typer.Option(min=2, help="Candles the LSTM reads.")] = 48,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal weights on one machine.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
) -> None:
    """Train the LSTM baseline on recorded candles, with early stopping on a later validation period.

    The default settings train in a few minutes on two CPU cores.
    """
    try:
        from mining_objects.models.lstm import LstmConfig
        from mining_objects.training import TrainingConfig, train_lstm
    except ModuleNotFoundError as missing:
        raise MissingPackage(f"training needs {missing.name}: pip install 'augury[miner]'") from missing
    console = Console()
    model = LstmConfig(hidden=hidden, layers=layers, lookback=lookback)
    config = replace(
        TrainingConfig(), epochs=epochs, patience=patience, batch=batch, learning_rate=learning_rate,
        seed=seed, device=device, threads=threads,
    )  # fmt: skip
    window, fingerprint = load_before(dataset, instant_ms(until, 0))
    examples = build_examples(window, model, instant_ms(validation_from, 0), stride)
    console.print(
        f"{window.series}: {len(examples[0].rows):,} training and {len(examples[1].rows):,} validation examples, "
        f"{len(model.features)} features x {model.lookback} candles"
    )
    columns = (
        TextColumn("epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TimeRemainingColumn(), TextColumn("{task.fields[told]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", epoch=1, told="")

        def on_batch(done: int, of: int) -> None:
            progress.update(bar, completed=done, total=of)

        def on_epoch(report: Any) -> None:
            mark = "[green]best so far[/]" if report.best else "no better"
            told = f"train {report.train_loss:.5f}  validation {report.validation_loss:.5f}  {mark}"
            progress.console.print(f"epoch {report.epoch:2d}  {told}")
            progress.reset(bar, epoch=report.epoch + 1, told=told)

        trained = train_lstm(*examples, model, config, on_batch=on_batch, on_epoch=on_epoch)
        progress.update(bar, visible=False)
    trained.model.save(out, tell(trained, config, window, fingerprint, validation_from, until, stride))
    console.print(_summary(trained, out))


def load_before(dataset: Path, until_ms: int) -> tuple[Window, str]:
    """The candles that end before `until_ms`, and the SHA-256 of the files they came from."""
    from mining_objects.dataset_folders import choose_files
    from mining_objects.datasets import read_candles

    window = read_candles(dataset)
    rows = int((window.open_time_ms + window.step_ms <= until_ms).sum())
    if rows == 0:
        raise InvalidSetting(f"{dataset.name} has no candle before --until", setting="until")
    return window.rows(0, rows), choose_files(dataset).sha256


def build_examples(
    window: Window, model: LstmConfig, validation_from_ms: int, stride: int
) -> tuple[Examples, Examples]:
    """Training and validation examples; the validation ones stand an hour apart, as the paths rounds do."""
    from mining_objects.datasets import make_examples, split_by_time
    from mining_objects.features import WARM_UP, compute_features, scale_of

    split = split_by_time(
        window, validation_from_ms=validation_from_ms, test_from_ms=window.end_ms + EMBARGO_STEPS * window.step_ms,
        until_ms=window.end_ms + EMBARGO_STEPS * window.step_ms, embargo_steps=EMBARGO_STEPS,
    )  # fmt: skip
    features, scale = compute_features(window), scale_of(window.log_returns())
    made = [
        make_examples(
            window, features, scale, rows, lookback=model.lookback, warm_up=WARM_UP, steps=model.anchors, stride=every
        )
        for rows, every in ((split.train, stride), (split.validation, 12))
    ]
    for examples, name in zip(made, ("training", "validation"), strict=True):
        if not len(examples.rows):
            raise InvalidSetting(f"the {name} period is too short for a lookback of {model.lookback}", setting="until")
    return made[0], made[1]


def tell(
    trained: Trained,
    config: TrainingConfig,
    window: Window,
    fingerprint: str,
    validation_from: str,
    until: str,
    stride: int,
) -> dict[str, Any]:
    """What the card says about the making of the weights."""
    import torch

    first = datetime.fromtimestamp(int(window.open_time_ms[0]) / 1_000, UTC)
    return {
        "data": {
            "series": window.series, "sha256": fingerprint, "from": first.isoformat(),
            "validation_from": validation_from, "until": until, "embargo_steps": EMBARGO_STEPS, "stride": stride,
        },
        "settings": asdict(config),
        "epochs": [asdict(report) for report in trained.epochs],
        "best_epoch": trained.best_epoch,
        "validation_crps": trained.validation_loss,
        "validation_crps_of_a_gaussian_of_the_last_day": trained.flat_loss,
        "mean_share": trained.mean_share,
        "made_with": {"python": platform.python_version(), "torch": torch.__version__},
    }  # fmt: skip


def _summary(trained: Trained, out: Path) -> Table:
    table = Table(title=f"saved to {out}", show_header=False)
    gain = 1 - trained.validation_loss / trained.flat_loss
    table.add_row("best epoch", f"{trained.best_epoch} of {len(trained.epochs)}")
    table.add_row("validation CRPS", f"{trained.validation_loss:.5f} (units of scale x sqrt(k))")
    table.add_row("a Gaussian of the last day's size", f"{trained.flat_loss:.5f}, so the model gains {gain:.2%}")
    table.add_row("share of the learnt direction that is used", f"{trained.mean_share:.0%}")
    table.add_row("next", f"python runnable/miner_testing.py DATASET --weights {out} --from 2025-01-01")
    return table


if __name__ == "__main__":
    run_plainly(lambda: typer.run(train))
