"""manifest.json, which says what a dataset is, and report.json, which says what is suspicious in it.

Both follow from the month files alone and hold no time of writing: equal months make equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from neurons.market.history.blocks import AGREED, Block, block_paths, replace_file, venues_in
from neurons.market.history.checks import Distance, Hole, Outlier, distances_of, holes_of, outliers_of
from neurons.market.history.folder import ForeignDataset, read_venue
from neurons.market.history.months import Month

MANIFEST_NAME: Final = "manifest.json"
MANIFEST_FORMAT: Final = "augury/candles/2"
REPORT_NAME: Final = "report.json"
REPORT_FORMAT: Final = "augury/candles-report/1"


@dataclass(frozen=True, slots=True)
class VenueFindings:
    """What one venue's candles are like. distance: None where no other venue shares a candle."""

    block: Block
    holes: Sequence[Hole]
    outliers: Sequence[Outlier]
    distance: Distance | None

    @property
    def missing(self) -> int:
        return sum(hole.missing for hole in self.holes)


def read_dataset(dataset: Path) -> dict[str, Block]:
    """Every venue of the dataset with all its months, the agreed candles among them, by name.

    Raises DamagedBlock, or ForeignDataset when two differ in step.
    """
    blocks = {name: block for name in venues_in(dataset) if (block := read_venue(dataset, name)) is not None}
    if len({block.origin.step_ms for block in blocks.values()}) > 1:
        raise ForeignDataset(f"{dataset} holds candles of different steps", path=str(dataset))
    return blocks


def examine(blocks: Mapping[str, Block]) -> dict[str, VenueFindings]:
    """The checks over every venue; the agreed candles are measured against the venues' median too."""
    traded = {name: block.candles for name, block in blocks.items() if name != AGREED}
    step_ms = next((block.origin.step_ms for block in blocks.values()), 0)
    distances = distances_of(traded, step_ms=step_ms)
    return {
        name: VenueFindings(
            block,
            holes_of(block.candles, from_ms=block.from_ms, until_ms=block.until_ms, step_ms=step_ms),
            outliers_of(block.candles, step_ms=step_ms),
            distances.get(name),
        )
        for name, block in blocks.items()
    }


def write_record(dataset: Path, series: str, findings: Mapping[str, VenueFindings]) -> None:
    """Both files, the manifest last: it names only what is there. Raises DatasetUnwritable."""
    replace_file(dataset / REPORT_NAME, _json(report_of(series, findings)))
    replace_file(dataset / MANIFEST_NAME, _json(manifest_of(dataset, series, findings)))


def manifest_of(dataset: Path, series: str, findings: Mapping[str, VenueFindings]) -> dict[str, Any]:
    """Source, market, step, period, rows and gaps of each venue; rows and SHA-256 of every file."""
    venues, files = {}, {}
    for name, found in findings.items():
        block = found.block
        venues[name] = {
            "source": block.origin.source,
            "exchange": block.origin.exchange,
            "symbol": block.origin.symbol,
            "from_ms": block.from_ms,
            "until_ms": block.until_ms,
            "rows": len(block.candles),
            "missing": found.missing,
            "gaps": len(found.holes),
        }
        for month, path in block_paths(dataset, name):
            rows = len(block.candles.window(month.start_ms, month.end_ms))
            files[_name_of(path)] = {"sha256": sha256_of(path), "rows": rows}
    step_ms = next((found.block.origin.step_ms for found in findings.values()), 0)
    return {"format": MANIFEST_FORMAT, "series": series, "step_ms": step_ms, "venues": venues, "files": files}


def report_of(series: str, findings: Mapping[str, VenueFindings]) -> dict[str, Any]:
    """Gaps, outliers and distances of each venue, every one with its time."""
    return {
        "format": REPORT_FORMAT,
        "series": series,
        "venues": {
            name: {
                "gaps": [asdict(hole) for hole in found.holes],
                "outliers": [asdict(outlier) for outlier in found.outliers],
                "distance": asdict(found.distance) if found.distance is not None else None,
            }
            for name, found in findings.items()
        },
    }


def series_of(dataset: Path) -> str | None:
    """The series that the dataset's manifest names; None before there is one. Raises ForeignDataset when it is none."""
    try:
        manifest = json.loads((dataset / MANIFEST_NAME).read_bytes())
        if manifest["format"] != MANIFEST_FORMAT:
            raise ValueError(f"format {manifest['format']!r}")
        return str(manifest["series"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as broken:
        path = dataset / MANIFEST_NAME
        raise ForeignDataset(f"{path} is not of a download: {broken}; choose another --out", path=str(path)) from broken


def first_change_ms(dataset: Path) -> int | None:
    """The start of the first month of which a file is not the one that the manifest names; None when all are.

    Zero where there is no manifest.
    """
    try:
        named = json.loads((dataset / MANIFEST_NAME).read_bytes())["files"]
    except FileNotFoundError:
        return 0
    found = {_name_of(path): sha256_of(path) for venue in venues_in(dataset) for _, path in block_paths(dataset, venue)}
    said = {name: facts["sha256"] for name, facts in named.items()}
    changed = {name for name in found.keys() | said.keys() if found.get(name) != said.get(name)}
    months = [Month.named(Path(name).stem) for name in changed]
    return min((month.start_ms for month in months if month is not None), default=None)


def _name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, sort_keys=True) + "\n").encode()
