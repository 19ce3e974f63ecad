"""Draws the demo's live view from the database of a run: `python runnable/demo/picture.py .augury/demo demo.svg`.

The view is the one that `runnable/local_network.py` shows, at the instant of the newest close the run had agreed on.
"""

from __future__ import annotations

import asyncio
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from neurons.keystore import load_key_file
from neurons.store.claim import MARKET
from neurons.store.sqlite import ReadOnlySqlite
from protocol.keys import SigningKey
from protocol.params import DEMO
from protocol.rules.rounds import RoundState
from protocol.units import UnixMs
from runnable.demo.cast import ROLES, SERIES, Cast, Player
from runnable.demo.ledger_view import LedgerView, Snapshot
from runnable.demo.screen import Screen
from runnable.plain_errors import run_plainly

COLUMNS: Final = 168
LINES: Final = 30
WEB_FONTS: Final = re.compile(r"\s*@font-face \{.*?\}", re.S)
FAR_MS: Final = UnixMs(2**52)


def cast_of(folder: Path) -> Cast:
    """The players of a run, from the keys that it left. Raises KeyFileError where there are none."""

    def key(name: str) -> SigningKey:
        return load_key_file(folder / name / "hotkey.json", passphrase=None, allow_unencrypted=True)

    players = tuple(Player(role, key(role.name), folder / role.name, 0) for role in ROLES)
    return Cast(folder, key("validator"), 0, players)


async def look(folder: Path) -> tuple[Screen, Snapshot, str]:
    """The screen, what it shows and its status line. Raises StoreUnavailable where there is no database."""
    cast = cast_of(folder)
    store = ReadOnlySqlite.open(cast.database)
    try:
        label = (await store.meta()).get(MARKET, "unlabelled prices")
        fresh = [row for row in await store.rounds(limit=1_000) if row.provenance == "live"]
        live_from = min((row.anchor_at_ms for row in fresh), default=FAR_MS)
        newest = max(row.close_at_ms for row in await store.closes(SERIES, from_ms=0, to_ms=FAR_MS))
        view = LedgerView(store, cast, DEMO, live_from)
        seen = await view.look(newest)
    finally:
        await store.aclose()
    states = seen.live_states
    final = states[RoundState.FINAL]
    resolved = states[RoundState.RESOLVED] + final
    status = f"live rounds: {sum(states.values())} opened, {resolved} resolved, {final} final"
    return Screen(cast, view, label, None), replace(seen, now_ms=newest), status


def draw(
    folder: Annotated[Path, typer.Argument(help="A demo's folder, such as .augury/demo.")],
    out: Annotated[Path, typer.Argument(help="The SVG to write.")],
) -> None:
    """Draw the live view of a demo that has run."""
    screen, seen, status = asyncio.run(look(folder))
    console = Console(record=True, width=COLUMNS, height=LINES, file=io.StringIO(), force_terminal=True)
    console.print(screen.render(seen, status))
    out.parent.mkdir(parents=True, exist_ok=True)
    svg = WEB_FONTS.sub("", console.export_svg(title="make demo", unique_id="demo"))
    out.write_text(svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace"), encoding="utf-8")
    print(f"drawn: {out}")


if __name__ == "__main__":
    run_plainly(lambda: typer.run(draw))
