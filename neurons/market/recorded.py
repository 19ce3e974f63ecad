"""Recorded candles: one Parquet file of one venue and symbol, checked before a single price is believed.

Columns: open_time_ms int64 (UTC, start of the candle), open, high, low, close, volume float64; sorted, one row a
candle. Missing candles stay missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurons.market.candles import MAX_PRICE_E8, CandleArrays, Float64s, Int64s, joined, prices_from_floats
from protocol.errors import InvalidSetting, NodeFault
from protocol.units import DAY_MS, MINUTE_MS, PRICE_SCALE, UnixMs

PRICE_COLUMNS: Final = ("open", "high", "low", "close")
COLUMNS: Final = {"open_time_ms": "int64", **dict.fromkeys((*PRICE_COLUMNS, "volume"), "double")}
_MOST_ROWS: Final = 5_000_000


class BadRecording(NodeFault):
    """A candle file that breaks a rule: says which file, which row (from 0) and which rule."""

    code = "bad-recording"

    def __init__(self, file: str, rule: str, *, row: int | None = None, found: object = None) -> None:
        where = f"{file}, row {row}" if row is not None else file
        what = f" (found {found})" if found is not None else ""
        super().__init__(f"{where}: breaks the rule: {rule}{what}", file=file, row=row, rule=rule)
        self.file, self.row, self.rule = file, row, rule


@dataclass(frozen=True, slots=True)
class Gap:
    """Candles that a recording does not have: the first that is missing, and how many."""

    from_ms: UnixMs
    missing: int


class RecordedSource:
    """A CandleSource over candles in memory."""

    def __init__(self, label: str, candles: CandleArrays, *, step_ms: int = 5 * MINUTE_MS) -> None:
        self._label, self._candles, self._step_ms = label, candles, step_ms

    @property
    def label(self) -> str:
        return self._label

    @property
    def step_ms(self) -> int:
        return self._step_ms

    @property
    def first_ms(self) -> UnixMs:
        return UnixMs(int(self._candles.open_time_ms[0]) if len(self._candles) else 0)

    @property
    def end_ms(self) -> UnixMs:
        """When the last recorded candle ends."""
        return UnixMs(int(self._candles.open_time_ms[-1]) + self._step_ms if len(self._candles) else 0)

    def candles(self, from_ms: int, to_ms: int) -> CandleArrays:
        return self._candles.window(from_ms, to_ms)

    def gaps(self) -> list[Gap]:
        """Every hole between the first and the last candle, in order."""
        times = self._candles.open_time_ms
        holes = np.flatnonzero(np.diff(times) > self._step_ms)
        return [
            Gap(UnixMs(int(times[i]) + self._step_ms), int((times[i + 1] - times[i]) // self._step_ms) - 1)
            for i in holes.tolist()
        ]


def with_stand_in(source: RecordedSource, stand_in: RecordedSource, *, hole_ms: int = DAY_MS) -> RecordedSource:
    """`source`, with the candles of another venue for every period of `hole_ms` or more in which it has none.

    Shorter gaps stay gaps. The label names both venues. Raises InvalidSetting (ours) when their steps differ.
    """
    if source.step_ms != stand_in.step_ms:
        raise InvalidSetting(f"{stand_in.label} has another step than {source.label}", setting="candles")
    first_ms, last_ms = min(source.first_ms, stand_in.first_ms), max(source.end_ms, stand_in.end_ms)
    holes = [(int(gap.from_ms), gap.from_ms + gap.missing * source.step_ms) for gap in source.gaps()]
    holes = [(first_ms, source.first_ms), *holes, (source.end_ms, last_ms)]
    parts: list[CandleArrays] = []
    kept_from_ms: int = first_ms
    for from_ms, to_ms in holes:
        if to_ms - from_ms >= hole_ms:
            parts += [source.candles(kept_from_ms, from_ms), stand_in.candles(from_ms, to_ms)]
            kept_from_ms = to_ms
    parts.append(source.candles(kept_from_ms, last_ms))
    label = f"{source.label}; where it has none for long, {stand_in.label}"
    return RecordedSource(label, joined(parts), step_ms=source.step_ms)


def read_recording(path: Path, *, step_ms: int = 5 * MINUTE_MS) -> RecordedSource:
    """The candles of a Parquet file. Raises BadRecording (we pick the files) at the first rule that is broken."""
    times, columns = _read_columns(path)
    file = str(path)
    _require(file, "open_time_ms lies on the candle grid", times % step_ms == 0, times)
    later = np.concatenate(([True], np.diff(times) != 0))
    _require(file, "one row a candle: no time twice", later, times)
    _require(file, "rows are sorted by time", np.concatenate(([True], np.diff(times) > 0)), times)
    for name in (*PRICE_COLUMNS, "volume"):
        _require(file, f"{name} is a finite number (no NaN)", np.isfinite(columns[name]), columns[name])
    for name in PRICE_COLUMNS:
        priced = (columns[name] > 0) & (columns[name] <= MAX_PRICE_E8 // PRICE_SCALE)
        _require(file, f"{name} is above zero and below {MAX_PRICE_E8 // PRICE_SCALE}", priced, columns[name])
    _require(file, "volume is not negative", columns["volume"] >= 0, columns["volume"])
    low, high = columns["low"], columns["high"]
    _require(file, "low is at most open and close", low <= np.minimum(columns["open"], columns["close"]), low)
    _require(file, "high is at least open and close", high >= np.maximum(columns["open"], columns["close"]), high)
    prices = prices_from_floats(np.stack([columns[name] for name in PRICE_COLUMNS]))
    candles = CandleArrays(times, prices, columns["volume"])
    return RecordedSource(path.name.removesuffix(".parquet"), candles, step_ms=step_ms)


def _read_columns(path: Path) -> tuple[Int64s, dict[str, Float64s]]:
    """The times, and the other columns by name. Raises BadRecording when the columns are not what they should be."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InvalidSetting(
            "recorded candles need pyarrow (pip install 'augury[miner]')", setting="candles"
        ) from error
    file = str(path)
    if not path.is_file():
        raise BadRecording(file, "the file exists")
    try:
        with pq.ParquetFile(path) as parquet:
            types = {field.name: str(field.type) for field in parquet.schema_arrow}
            for name, wanted in COLUMNS.items():
                if types.get(name) != wanted:
                    raise BadRecording(
                        file, f"column {name} is {wanted}", found=types.get(name, f"columns {sorted(types)}")
                    )
            if not 0 < parquet.metadata.num_rows <= _MOST_ROWS:
                raise BadRecording(file, f"1 to {_MOST_ROWS} rows", found=parquet.metadata.num_rows)
            table = parquet.read(columns=list(COLUMNS), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise BadRecording(file, "the file is Parquet", found=error) from error
    for name in COLUMNS:
        if table[name].null_count:
            missing = table[name].is_null().to_numpy(zero_copy_only=False)
            raise BadRecording(file, f"{name} has no empty cell", row=int(np.argmax(missing)))
    numbers = {name: np.asarray(table[name].to_numpy(), np.float64) for name in (*PRICE_COLUMNS, "volume")}
    return np.asarray(table["open_time_ms"].to_numpy(), np.int64), numbers


def _require(file: str, rule: str, holds: NDArray[np.bool_], values: Int64s | Float64s) -> None:
    """Passes when the rule holds in every row; otherwise names the first row where it does not."""
    if not holds.all():
        row = int(np.argmin(holds))
        raise BadRecording(file, rule, row=row, found=values[row])
