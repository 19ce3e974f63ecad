"""How results reach a terminal, a pipe or a machine: tables for people, JSON for the rest."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Full = Annotated[bool, typer.Option("--full", help="Whole hotkeys and round ids instead of eight hex digits.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines: whole numbers in the network's own units.")]


NARROW: Final = 100
WIDE: Final = 200
COMPACT: Final[dict[str, Any]] = {"padding": (0, 1, 0, 0), "pad_edge": False, "show_edge": False}


def console(*, full: bool = False) -> Console:
    """Standard output: a terminal at its own width, anything else at 100 columns or COLUMNS, if that is more.

    full: wide enough for whole identities, whatever the terminal's width; it may break the lines.
    No markup: what a stranger wrote is shown as it is.
    """
    at_hand = Console(highlight=False, markup=False)
    least = WIDE if full else 0 if at_hand.is_terminal else NARROW
    return Console(highlight=False, markup=False, width=max(at_hand.width, least))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """A table; a column whose name ends in > holds numbers and stands to the right, in ~ wraps its sentences.

    What a stranger wrote may stand in a cell: see `printable`.
    """
    looks = {"title_justify": "left", "title_style": "bold", "box": box.SIMPLE_HEAD, **COMPACT}
    shown = Table(title=f"\n{title}", min_width=len(title), **looks)
    for column in columns:
        shown.add_column(
            column.rstrip(">~"), justify="right" if column.endswith(">") else "left", no_wrap=not column.endswith("~")
        )
    for row in rows:
        shown.add_row(*(printable(cell) if isinstance(cell, str) else cell for cell in row))
    return shown


def printable(text: str) -> str:
    """The text with everything else than lines of printable characters escaped: it moves no cursor and clears no
    screen."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def show_json(value: Any) -> None:
    """One JSON document on standard output: bytes as hex, numbers as they are."""
    typer.echo(json.dumps(plain(value), indent=2))


def plain(value: Any) -> Any:
    """Dataclasses as objects, tuples as arrays, bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value
