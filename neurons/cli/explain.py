"""`augury explain`: the whole arithmetic of one miner in one round, for checking with a pocket calculator."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Final

import typer

from neurons.cli.tables import AsJson, Full, console, show_json, table
from neurons.cli.where import Where, with_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neurons.cli.sources import Source
    from protocol.messages import ExplainLine, ExplainReply

SIDE_BY_SIDE: Final = {
    "loss by step": ("", "yours>", "baseline's>", "where it comes from~"),
    "shared with": ("", "rho>", "its skill>", "part>", "where it comes from~"),
}
"""Sections whose lines stand in rows, and what their columns are called."""


@with_options(Where)
def explain(
    where: Where,
    round_: Annotated[
        str, typer.Argument(metavar="ROUND", help="The round's id, its first digits, or `latest`: the newest settled.")
    ],
    hotkey: Annotated[str, typer.Argument(metavar="HOTKEY", help="The miner's hotkey, or its first digits.")],
    challenge: Annotated[str, typer.Option(help="With `latest`: of this challenge, such as closes.paths.")] = "",
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Show why a miner got what it got in a round: losses, memory, proof, sharing, pay."""
    from neurons.cli.sources import read

    reply = read(where, lambda source: _explained(source, round_, hotkey, challenge))
    if as_json:
        show_json(reply)
    else:
        show(reply, full=full)


async def _explained(source: Source, round_: str, hotkey: str, challenge: str) -> ExplainReply:
    from neurons.cli.finding import find_hotkey, find_round

    found = await find_round(source, round_, challenge=challenge)
    return await source.explain(found.round_id, await find_hotkey(source, found, hotkey))


def show(reply: ExplainReply, *, full: bool) -> None:
    """One table a section, then the same figures put into their formulas."""
    from neurons.cli.arithmetic import worked
    from neurons.cli.figures import identity

    out = console(full=full)
    out.print(f"Round {identity(reply.round_id, full=full)}, miner {identity(reply.hotkey, full=full)}")
    for section, grouped in groupby(reply.lines, key=lambda line: line.section):
        lines = list(grouped)
        if section in SIDE_BY_SIDE:
            out.print(table(section.capitalize(), SIDE_BY_SIDE[section], _side_by_side(lines)))
            continue
        rows = [(line.name, figure(line), line.note) for line in lines]
        out.print(table(section.capitalize(), ("", "value>", "where it comes from~"), rows))
    rows = [(step.name, step.formula, "agrees" if step.agrees else "DIFFERS") for step in worked(reply.lines)]
    if rows:
        out.print(table("By hand", ("", "formula~", "line above"), rows))


def _side_by_side(lines: Sequence[ExplainLine]) -> list[tuple[str, ...]]:
    """Lines named "steps 1 to 12, yours" and "steps 1 to 12, baseline" in one row."""
    rows = []
    for name, grouped in groupby(lines, key=lambda line: line.name.rpartition(", ")[0]):
        beside = list(grouped)
        rows.append((name, *map(figure, beside), beside[0].note))
    return rows


def figure(line: ExplainLine) -> str:
    """A line's value with every digit that counts."""
    from neurons.cli import figures
    from protocol.units import NANO, PICO, PRICE_SCALE

    scales = {"nano": (NANO, 9), "pico": (PICO, 12), "e-8": (PRICE_SCALE, 8)}
    if line.unit in scales:
        return figures.decimal(line.value, *scales[line.unit])
    if line.unit == "micros":
        return figures.money(line.value)
    if line.unit == "ms":
        return figures.instant(line.value)
    return f"{line.value} {line.unit}" if line.unit else ""
