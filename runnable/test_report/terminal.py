"""The short of a report on a terminal of a hundred columns: the headline, who earned what, and what is luck."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from runnable.test_report.headline import Sentence
from runnable.test_report.page import LOOK_ONCE
from runnable.test_report.tables import Cell, Figure, Table, text_of

_TONES = {"good": "green", "bad": "red", "plain": "default"}
_LEANINGS = {1: "green", 0: "default", -1: "red"}


def show(
    console: Console, title: str, sentences: Sequence[Sentence], warnings: Sequence[str], tables: Sequence[Table]
) -> None:
    """Everything that is said before the paths of the files."""
    console.print(Text(title, style="bold"))
    for warning in warnings:
        console.print(Text(f"WARNING: {warning}", style="bold yellow"))
    for one in sentences:
        console.print(Text("• ", style=_TONES[one.tone]) + Text(one.text), highlight=False)
    for table in tables:
        console.print(_grid(table))
    console.print(Text(LOOK_ONCE, style="bold"))


def _grid(table: Table) -> Grid:
    grid = Grid(title=table.title, title_justify="left", title_style="bold")
    for place, name in enumerate(table.columns):
        is_word = place == 0 or all(isinstance(row[place], str) for row in table.rows)
        grid.add_column(name, justify="left" if is_word else "right")
    for row in table.rows:
        grid.add_row(*(_written(cell) for cell in row))
    return grid


def _written(cell: Cell) -> Text:
    """A figure over its interval."""
    if not isinstance(cell, Figure):
        return Text(text_of(cell))
    written = Text(cell.value, style=_LEANINGS[cell.leaning])
    interval = cell.interval.replace(" to ", "..")
    return written + Text(f"\n{interval}", style="dim") if interval else written
