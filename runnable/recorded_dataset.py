"""A dataset of recorded candles: each Parquet file checked, cut to a period and listed in a manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mining_objects.base_mining_model import Window
from mining_objects.dataset_folders import MANIFEST_NAME, RECORDED_FORMAT, VENUE_FOLDER, sha256_of
from mining_objects.datasets import (
    COLUMNS,
    check_candles,
    gaps_of,
    read_table,
)
from mining_objects.errors import BadCandles

Columns = dict[str, NDArray[np.generic]]


def write_recorded(
    sources: Sequence[Path],
    out: Path,
    *,
    from_ms: int,
    until_ms: int,
    step_ms: int,
    repairing: bool,
    console: Console,
) -> None:
    """The recordings as one dataset folder, shown as a table. Raises BadCandles (whoever picked files and folder)."""
    if any(out.glob(f"{VENUE_FOLDER}*")):
        raise BadCandles(f"{out} holds a downloaded dataset; choose another --out for recordings", path=str(out))
    out.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {}
    for source in track(sources, description="checking", console=console, transient=True):
        name, facts = write_series(
            source, out, from_ms=from_ms, until_ms=until_ms, step_ms=step_ms, repairing=repairing
        )
        files[name] = facts
    manifest = {"format": RECORDED_FORMAT, "step_ms": step_ms, "files": files}
    (out / MANIFEST_NAME).write_text(json.dumps(manifest, indent=2) + "\n")
    console.print(_table(out, files, step_ms))


def _table(out: Path, files: dict[str, Any], step_ms: int) -> Table:
    table = Table(title=f"dataset {out}")
    for heading in ("series", "rows", "from (UTC)", "until (UTC)", "missing", "gaps", "sha256"):
        table.add_column(heading, justify="right" if heading in ("rows", "missing", "gaps") else "left")
    for facts in files.values():
        start, end = facts["first_open_time_ms"], facts["last_open_time_ms"] + step_ms
        days = [f"{datetime.fromtimestamp(at / 1_000, UTC):%Y-%m-%d %H:%M}" for at in (start, end)]
        table.add_row(
            facts["series"],
            f"{facts['rows']:,}",
            *days,
            str(facts["missing"]),
            str(len(facts["gaps"])),
            facts["sha256"][:12],
        )
    return table


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
    source: Path, out: Path, *, from_ms: int, until_ms: int, step_ms: int, repairing: bool
) -> tuple[str, dict[str, Any]]:
    """One recording into the dataset folder; returns the file's name and its facts. Raises BadCandles."""
    columns = read_table(source)
    repairs: dict[str, int] = {}
    if repairing:
        columns, repairs = repair(columns)
    check_candles(columns, source.name, step_ms)
    times = columns["open_time_ms"].astype(np.int64)
    inside = (times >= from_ms) & (times < until_ms)
    if not inside.any():
        raise BadCandles(f"{source.name} has no candle between --from and --to")
    kept = {name: values[inside] for name, values in columns.items()}
    numbers = {name: kept[name].astype(np.float64) for name in COLUMNS[1:]}
    window = Window.on_grid(source.stem, step_ms, times[inside], numbers)
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
