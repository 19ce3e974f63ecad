"""Tables of figures as values: the terminal, the page, the JSON and the CSV all show the same ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from mining_objects.significance import Estimate

ABSENT: Final = "–"
"""Stands where there is no figure: never NaN, never 0."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a number is written: scaled, rounded, signed, with a unit behind it."""

    scale: float
    digits: int
    unit: str = ""
    signed: bool = False

    def write(self, value: float) -> str:
        """The number; no minus before a zero."""
        text = f"{value * self.scale:{'+' if self.signed else ''},.{self.digits}f}"
        return text.replace("-", "+" if self.signed else "") if not text.strip("+-0.,") else text


GAIN: Final = Style(100.0, 2, "%", signed=True)
SHARE: Final = Style(100.0, 1, "%")
E4: Final = Style(1e4, 3)
LOSS: Final = Style(1.0, 5)
AUG: Final = Style(1e-6, 1)
RATIO: Final = Style(1.0, 5)
P: Final = Style(1.0, 4)
SIZE: Final = Style(100.0, 3, "%")


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimate and how it is written."""

    estimate: Estimate
    style: Style

    @property
    def value(self) -> str:
        """The number alone."""
        return ABSENT if not _is_known(self.estimate.value) else self.style.write(self.estimate.value) + self.style.unit

    @property
    def interval(self) -> str:
        """`low to high`, empty where there is none."""
        low, high = self.estimate.low, self.estimate.high
        return "" if low is None or high is None else f"{self.style.write(low)} to {self.style.write(high)}"

    @property
    def leaning(self) -> int:
        """1 when the whole interval lies above 0, -1 when below, 0 else; only of signed figures."""
        low, high = self.estimate.low, self.estimate.high
        if low is None or high is None or not self.style.signed:
            return 0
        return 1 if low > 0.0 else -1 if high < 0.0 else 0


Cell = str | int | Figure
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """name: of the JSON and CSV.  note: what the numbers are, for whoever sees only this table."""

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: Sequence[Row]

    def only(self, rows: Sequence[str], columns: Mapping[str, str], *, with_intervals: bool = True) -> Table:
        """A part of it without its note: the rows of these names, and columns under new headings (old: new)."""
        places = [self.columns.index(name) for name in columns]
        kept = tuple(
            tuple(row[place] if with_intervals else _bare(row[place]) for place in places)
            for row in self.rows
            if row[0] in rows
        )
        return Table(self.name, self.title, "", tuple(columns.values()), kept)


def figure(value: float | None, style: Style) -> Figure:
    """A figure without an interval."""
    return Figure(Estimate(value), style)


def _bare(cell: Cell) -> Cell:
    return figure(cell.estimate.value, cell.style) if isinstance(cell, Figure) else cell


def text_of(cell: Cell) -> str:
    """A cell in one line."""
    match cell:
        case Figure():
            return f"{cell.value} ({cell.interval})" if cell.interval else cell.value
        case int():
            return f"{cell:,}"
        case _:
            return cell


def as_json(table: Table) -> dict[str, Any]:
    """The table with whole numbers as they are: gains as parts of 1, losses in their own unit, pay in micros."""
    rows = [{name: _plain(cell) for name, cell in zip(table.columns, row, strict=True)} for row in table.rows]
    return {"title": table.title, "note": table.note, "rows": rows}


def csv_rows(table: Table) -> list[tuple[str, ...]]:
    """table, row, column, value, low, high, p: one line for each cell but a row's first, which names it."""
    lines = []
    for row in table.rows:
        for name, cell in zip(table.columns[1:], row[1:], strict=True):
            if isinstance(cell, Figure):
                one = cell.estimate
                told = tuple(
                    "" if not _is_known(part) else repr(part) for part in (one.value, one.low, one.high, one.p)
                )
            else:
                told = (str(cell), "", "", "")
            lines.append((table.name, text_of(row[0]), name, *told))
    return lines


def _plain(cell: Cell) -> Any:
    return _parts(cell) if isinstance(cell, Figure) else cell


def _parts(cell: Figure) -> dict[str, float | None]:
    """value, low, high and p; None for what is not known, and for what is no number."""
    one = cell.estimate
    told = {"value": one.value, "low": one.low, "high": one.high, "p": one.p}
    return {name: part if _is_known(part) else None for name, part in told.items()}


def _is_known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
