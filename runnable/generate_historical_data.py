"""Makes a dataset from recorded candles: checked Parquet and a manifest that says what is in it.

    python runnable/generate_historical_data.py recordings/binance_spot_BTCUSDT_5m.parquet --out datasets/btc

The dataset is what miner_training.py and miner_testing.py read; its manifest holds the SHA-256, rows and gaps.
This version reads recordings; it does not download from exchanges.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mining_objects.base_mining_model import Window
from mining_objects.datasets import (
    COLUMNS,
    MANIFEST_FORMAT,
    MANIFEST_NAME,
    STEP_MS,
    check_candles,
    gaps_of,
    read_table,
    sha256_of,
)
from mining_objects.errors import BadCandles
from protocol.errors import InvalidSetting
from runnable.plain_errors import run_plainly

Columns = dict[str, NDArray[np.generic]]


def instant_ms(date: str | None, default: int) -> int:
    """A UTC date such as 2024-01-01 or 2024-01-01T12:00 as epoch milliseconds. Raises InvalidSetting."""
    if date is None:
        return default
    try:
        at = datetime.fromisoformat(date)
    except ValueError as wrong:
        raise InvalidSetting(f"{date!r} is no date; write 2024-01-01 or 2024-01-01T12:00", setting="date") from wrong
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)


def repair(columns: Columns) -> tuple[Columns, dict[str, int]]:
    """Sorted, without rows that hold NaN or no positive price, without exact repeats; and how many rows each touched.

    Two different candles of one time are left in, so that the check refuses them: nobody can know which is right.
    """
    rows = np.stack([columns[name].astype(np.float64) for name in COLUMNS[1:]], axis=1)
    good = np.isfinite(rows).all(axis=1) & (rows[:, :4] > 0).all(axis=1)
    kept = {name: values[good] for name, values in columns.items()}
    order = np.argsort(kept["open_time_ms"], kind="stable")
    moved = int((order != np.arange(len(order))).sum())
    kept = {name: values[order] for name, values in kept.items()}
    same = np.ones(max(0, len(order) - 1), dtype=bool)
    for values in kept.values():
        same &= values[1:] == values[:-1]
    first = np.concatenate([[True], ~same])[: len(order)]
    kept = {name: values[first] for name, values in kept.items()}
    return kept, {"bad_rows_dropped": int((~good).sum()), "rows_moved": moved, "repeats_dropped": int((~first).sum())}


def write_series(
    source: Path, out: Path, *, from_ms: int, until_ms: int, repairing: bool
) -> tuple[str, dict[str, Any]]:
    """One recording into the dataset folder; returns the file's name and its facts. Raises BadCandles."""
    columns = read_table(source)
    repairs: dict[str, int] = {}
    if repairing:
        columns, repairs = repair(columns)
    check_candles(columns, source.name)
    times = columns["open_time_ms"].astype(np.int64)
    inside = (times >= from_ms) & (times < until_ms)
    if not inside.any():
        raise BadCandles(f"{source.name} has no candle between --from and --until")
    kept = {name: values[inside] for name, values in columns.items()}
    numbers = {name: kept[name].astype(np.float64) for name in COLUMNS[1:]}
    window = Window.on_grid(source.stem, STEP_MS, times[inside], numbers)
    path = out / f"{source.stem}.parquet"
    pq.write_table(pa.table(kept), path, compression="zstd")
    gaps = gaps_of(window)
    return path.name, {
        "series": source.stem,
        "source_sha256": sha256_of(source),
        "sha256": sha256_of(path),
        "rows": int(inside.sum()),
        "first_open_time_ms": int(window.open_time_ms[0]),
        "last_open_time_ms": int(window.open_time_ms[-1]),
        "missing": sum(gap.missing for gap in gaps),
        "gaps": [{"first_ms": g.first_ms, "last_ms": g.last_ms, "missing": g.missing} for g in gaps],
        **({"repairs": repairs} if repairing else {}),
    }


def generate(
    candles: Annotated[list[Path], typer.Argument(help="Recorded 5-minute candles: Parquet, one series a file.")],
    out: Annotated[Path, typer.Option(help="Folder to write: candles and manifest.json. Made if absent.")],
    since: Annotated[str | None, typer.Option("--from", help="First day, UTC, such as 2024-01-01.")] = None,
    until: Annotated[str | None, typer.Option(help="Day after the last, UTC.")] = None,
    repairing: Annotated[
        bool,
        typer.Option(
            "--repair", help="Sort, and drop rows that hold NaN or repeat exactly; without it they are errors."
        ),
    ] = False,
) -> None:
    """Make a dataset from recorded candles: checked Parquet and a manifest with SHA-256, rows and gaps.

    Reads recordings only; downloading from exchanges is not part of this version.
    """
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {}
    for source in console_progress(candles, console):
        name, facts = write_series(
            source, out, from_ms=instant_ms(since, -(2**62)), until_ms=instant_ms(until, 2**62), repairing=repairing
        )
        files[name] = facts
    manifest = {"format": MANIFEST_FORMAT, "step_ms": STEP_MS, "files": files}
    (out / MANIFEST_NAME).write_text(json.dumps(manifest, indent=2) + "\n")

    table = Table(title=f"dataset {out}")
    for heading in ("series", "rows", "from (UTC)", "until (UTC)", "missing", "gaps", "sha256"):
        table.add_column(heading, justify="right" if heading in ("rows", "missing", "gaps") else "left")
    for facts in files.values():
        start, end = facts["first_open_time_ms"], facts["last_open_time_ms"] + STEP_MS
        days = [f"{datetime.fromtimestamp(at / 1_000, UTC):%Y-%m-%d %H:%M}" for at in (start, end)]
        table.add_row(
            facts["series"],
            f"{facts['rows']:,}",
            *days,
            str(facts["missing"]),
            str(len(facts["gaps"])),
            facts["sha256"][:12],
        )
    console.print(table)


def console_progress(candles: list[Path], console: Console) -> Any:
    """The recordings one by one, with a progress bar."""
    from rich.progress import track

    return track(candles, description="checking", console=console, transient=True)


if __name__ == "__main__":
    run_plainly(lambda: typer.run(generate))
