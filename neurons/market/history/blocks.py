"""A block: the candles of one venue in one month, as a Parquet file that says what it covers.

    venue=binance/2023-01.parquet      rows, and in the footer: venue, source, symbol, step, [from_ms, until_ms)

Equal blocks are equal bytes (with one version of pyarrow): one row group, fixed encodings and compression, no time of
writing. A file is replaced whole or not at all, and its pages carry checksums, so that a damaged one is seen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Self

import numpy as np

from neurons.market.candles import CandleArrays, joined, no_candles, prices_from_floats
from neurons.market.history.months import Month
from neurons.market.recorded import COLUMNS, PRICE_COLUMNS
from protocol.errors import InvalidSetting, NodeFault
from protocol.units import PRICE_SCALE

FORMAT: Final = "augury/history/1"
AGREED: Final = "agreed"
"""What the agreed candles are called where the others have their venue's name."""
_KEY: Final = b"augury"
_PARTIAL: Final = ".partial"
_FOLDER: Final = "venue="


class DamagedBlock(NodeFault):
    """A month file that cannot be read, or does not hold what it says; the next download replaces it."""

    code = "damaged-block"


class DatasetUnwritable(NodeFault):
    """A file of a dataset could not be written: a full disk, no right to; what was there before is untouched."""

    code = "dataset-unwritable"


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose candles a block holds. Blocks of two origins are never joined."""

    venue: str
    exchange: str
    """ccxt's id; empty for closes that were agreed here."""
    source: str
    """"exchange", "stand-in" (another server in its place) or "agreed"."""
    symbol: str
    step_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """All candles that a venue has in [from_ms, until_ms), a part of one month; what is missing there is a gap."""

    origin: Origin
    from_ms: int
    until_ms: int
    candles: CandleArrays

    @classmethod
    def empty(cls, origin: Origin, from_ms: int) -> Self:
        return cls(origin, from_ms, from_ms, no_candles())

    @property
    def month(self) -> Month:
        return Month.of(self.from_ms)

    def extended(self, candles: CandleArrays, until_ms: int) -> Self:
        """The block with what follows it, covering up to until_ms. Raises ValueError (ours) when that is not after."""
        whole = joined([self.candles, candles])
        times = whole.open_time_ms
        inside = len(times) == 0 or (times[0] >= self.from_ms and times[-1] < until_ms)
        if until_ms < self.until_ms or not inside or (np.diff(times) <= 0).any():
            raise ValueError(f"candles up to {until_ms} do not follow a block up to {self.until_ms}")
        return replace(self, candles=whole, until_ms=until_ms)


def venue_folder(dataset: Path, venue: str) -> Path:
    """Where the blocks of a venue lie."""
    return dataset / f"{_FOLDER}{venue}"


def venues_in(dataset: Path) -> list[str]:
    """The venues that have a folder in the dataset, by name."""
    return sorted(path.name.removeprefix(_FOLDER) for path in dataset.glob(f"{_FOLDER}*") if path.is_dir())


def block_path(dataset: Path, venue: str, month: Month) -> Path:
    return venue_folder(dataset, venue) / f"{month}.parquet"


def block_paths(dataset: Path, venue: str) -> Iterator[tuple[Month, Path]]:
    """The month files of a venue, oldest first."""
    for path in sorted(venue_folder(dataset, venue).glob("*.parquet")):
        month = Month.named(path.stem)
        if month is not None:
            yield month, path


def write_block(dataset: Path, block: Block) -> None:
    """Replaces the block's file, durably: after a crash there is the old file or this one."""
    replace_file(block_path(dataset, block.origin.venue, block.month), block_bytes(block))


def block_bytes(block: Block) -> bytes:
    """The block as Parquet."""
    pa, pq = load_pyarrow()
    columns: dict[str, Any] = {"open_time_ms": block.candles.open_time_ms}
    columns |= dict(zip(PRICE_COLUMNS, block.candles.prices_e8 / PRICE_SCALE, strict=True))
    columns["volume"] = block.candles.volume
    said = {"format": FORMAT, **asdict(block.origin), "from_ms": block.from_ms, "until_ms": block.until_ms}
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(said, sort_keys=True).encode()})
    encodings = dict.fromkeys(columns, "BYTE_STREAM_SPLIT") | {"open_time_ms": "DELTA_BINARY_PACKED"}
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=3,
        version="2.6",
        data_page_version="1.0",
        use_dictionary=False,
        column_encoding=encodings,
        row_group_size=1 << 20,
        write_page_checksum=True,
    )
    written: bytes = sink.getvalue().to_pybytes()
    return written


def read_block(path: Path) -> Block:
    """A month file. Raises DamagedBlock when it is not one, whole and in order."""
    pa, pq = load_pyarrow()
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
            said = json.loads((parquet.schema_arrow.metadata or {})[_KEY])
            table = parquet.read(columns=list(COLUMNS), use_threads=False)
        if said.pop("format") != FORMAT:
            raise ValueError("another format")
        from_ms, until_ms = said.pop("from_ms"), said.pop("until_ms")
        prices = np.stack([table[name].to_numpy() for name in PRICE_COLUMNS])
        candles = CandleArrays(table["open_time_ms"].to_numpy(), prices_from_floats(prices), table["volume"].to_numpy())
        block = Block.empty(Origin(**said), from_ms).extended(candles, until_ms)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as broken:
        raise DamagedBlock(f"{path} is no whole month of candles: {broken}", path=str(path)) from broken
    month = Month.named(path.stem)
    if month != block.month or block.until_ms > month.end_ms or path.parent.name != _FOLDER + block.origin.venue:
        raise DamagedBlock(f"{path} holds another venue or month than its name says", path=str(path))
    return block


def replace_file(path: Path, content: bytes) -> None:
    """The file with this content, or as it was: written beside it, synced, then renamed over it.

    Raises DatasetUnwritable.
    """
    partial = path.with_name(f".{path.name}{_PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise DatasetUnwritable(f"cannot write {path}: {error.strerror}", path=str(path)) from error


def remove_leftovers(dataset: Path) -> int:
    """Removes what a killed run was writing; returns how many files that were."""
    leftovers = [*dataset.glob(f".*{_PARTIAL}"), *dataset.glob(f"{_FOLDER}*/.*{_PARTIAL}")]
    for path in leftovers:
        with suppress(FileNotFoundError):
            path.unlink()
    return len(leftovers)


def remove_venue(dataset: Path, venue: str) -> None:
    """Removes the month files of a venue, and its folder when nothing else is in it. Raises DatasetUnwritable."""
    try:
        for _, path in block_paths(dataset, venue):
            path.unlink()
        with suppress(FileNotFoundError):
            venue_folder(dataset, venue).rmdir()
    except OSError as error:
        raise DatasetUnwritable(f"cannot remove {error.filename}: {error.strerror}", path=str(dataset)) from error


def _sync_folder(folder: Path) -> None:
    """Makes a rename in the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load_pyarrow() -> tuple[ModuleType, ModuleType]:
    """pyarrow and its Parquet, imported when first needed: a validator never does. Raises InvalidSetting without it."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InvalidSetting("datasets need pyarrow: pip install 'augury[miner]'", setting="out") from error
    return pa, pq
