"""`augury refusals`: who was refused what, how often, and why."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.tables import AsJson, Full, console, show_json, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neurons.records import RefusalRow

Db = Annotated[Path, typer.Option("--db", metavar="PATH", help="A node's database, also while the node runs.")]


def refusals(
    db: Db,
    miner: Annotated[str, typer.Option(metavar="HEX", help="Only of the hotkey that begins so.")] = "",
    code: Annotated[str, typer.Option(help="Only with this code, such as rate-limited (docs/errors.md).")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many rows at most, the newest.")] = 40,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Show who was refused what and why. Only the node's own database tells: refusals are nobody else's business."""
    rows = [row for row in asyncio.run(_refusals(db)) if _matches(row, miner, code)][-limit:][::-1]
    if as_json:
        show_json(rows)
    elif rows:
        show(rows, full=full)
    else:
        typer.echo("nothing was refused")


async def _refusals(db: Path) -> Sequence[RefusalRow]:
    from neurons.cli.sources import stored

    async with stored(db) as store:
        return await store.refusals()


def _matches(row: RefusalRow, miner: str, code: str) -> bool:
    hotkey = "" if row.hotkey is None else row.hotkey.hex()
    return hotkey.startswith(miner.lower()) and code in ("", row.code)


def show(rows: Sequence[RefusalRow], *, full: bool) -> None:
    """Refusals as a table, the newest hour first."""
    from neurons.cli.figures import identity, minute

    told = [
        (
            minute(row.hour_ms),
            "not proved" if row.hotkey is None else identity(row.hotkey, full=full),
            row.code,
            str(row.count),
            row.detail,
        )
        for row in rows
    ]
    console().print(
        table("Refusals, newest first", ("hour (UTC)", "sender", "code", "times>", "newest sentence~"), told)
    )
    console().print("sender: only where a signature proves who it was. What each code means: docs/errors.md.")
