"""The demo's live view and its last words, drawn with rich."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from protocol.units import MICRO, NANO, PRICE_SCALE, Hotkey
from runnable.demo.cast import Cast, Player
from runnable.demo.ledger_view import CHALLENGES, LedgerView, Record, Snapshot

STATE_STYLES: Final = {
    "opened": "dim", "committing": "cyan", "locked": "blue", "revealing": "magenta", "scoring": "yellow",
    "resolved": "green", "final": "bold green", "void": "red",
}  # fmt: skip


def clock_text(at_ms: int) -> str:
    """An instant as a person reads it."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")


class Screen:
    """Turns snapshots into what is on the terminal."""

    def __init__(self, cast: Cast, view: LedgerView, label: str, scale: int | None) -> None:
        """scale: how many times too fast the clock runs; None when it no longer runs."""
        self._cast, self._view, self._label, self._scale = cast, view, label, scale

    def render(self, seen: Snapshot, status: str) -> RenderableType:
        """The whole live view."""
        layout = Layout()
        layout.split_column(Layout(self._header(seen, status), size=3), Layout(name="body"))
        layout["body"].split_row(Layout(name="left", ratio=5), Layout(name="right", ratio=6))
        layout["left"].split_column(
            Layout(Panel(self._prices(seen), title="prices agreed", box=box.ROUNDED), size=9),
            Layout(Panel(self._rounds(seen), title="newest rounds", box=box.ROUNDED)),
        )
        layout["right"].split_column(
            Layout(Panel(self.standings(seen), title="standings", box=box.ROUNDED), ratio=3),
            Layout(Panel(self.refusals(seen, limit=6), title="refused", box=box.ROUNDED), ratio=2),
        )
        return layout

    def _header(self, seen: Snapshot, status: str) -> Panel:
        pace = f"{self._scale}x" if self._scale is not None else "stopped"
        text = Text.assemble(
            ("Augury demo ", "bold"),
            (f" {self._label} ", "black on yellow"),
            f"  {clock_text(seen.now_ms)} UTC, {pace}  ",
            (status, "cyan"),
        )
        return Panel(text, box=box.ROUNDED)

    def _prices(self, seen: Snapshot) -> Table:
        table = Table(box=None, expand=True, pad_edge=False)
        for name, side in (("close at", "left"), ("agreed", "right"), ("venues (bp from agreed)", "left")):
            table.add_column(name, justify=side, no_wrap=True)  # type: ignore[arg-type]
        for close in list(reversed(seen.closes))[:5]:
            if close.close_e8 is None:
                table.add_row(clock_text(close.close_at_ms)[11:], "missing", close.reason, style="red")
                continue
            told: dict[str, Any] = json.loads(close.evidence)
            off = [
                f"{verdict['venue'][-10:]} {1e4 * (verdict['close_e8'] / close.close_e8 - 1):+.1f}"
                for verdict in told["verdicts"]
            ]
            price = f"{close.close_e8 / PRICE_SCALE:,.2f}"
            table.add_row(clock_text(close.close_at_ms)[11:], price, "  ".join(off))
        return table

    def _rounds(self, seen: Snapshot) -> Table:
        table = Table(box=None, expand=True, pad_edge=False)
        for name in ("T", "challenge", "state", "committed", "answers"):
            table.add_column(name, no_wrap=True, justify="right" if name in ("committed", "answers") else "left")
        for row in seen.rounds:
            committed, answers = seen.counts.get(row.round_id, (0, 0))
            state = Text(row.state, style=STATE_STYLES.get(row.state, ""))
            table.add_row(
                clock_text(row.anchor_at_ms)[11:], row.challenge, state, str(committed or "-"), str(answers or "-")
            )
        return table

    def standings(self, seen: Snapshot) -> Table:
        """Everybody's record so far, best paid first."""
        table = Table(box=None, expand=True, pad_edge=False)
        table.add_column("miner", no_wrap=True)
        for challenge in CHALLENGES:
            short = challenge.removeprefix("closes.")
            table.add_column(f"{short}: valid", justify="right")
            table.add_column("gain", justify="right")
            table.add_column("proven", justify="right")
        table.add_column("paid", justify="right")
        for player in self._by_pay(seen):
            cells: list[RenderableType] = [Text(player.role.name, style="red" if player.role.hostile else "bold")]
            for challenge in CHALLENGES:
                record = self._view.record(player.key.hotkey, challenge)
                skill = record.last_pay.skill_nano if record.last_pay is not None else 0
                gain = Text(f"{record.gain_percent:+.2f}%", style="green" if record.gain_nano > 0 else "")
                cells += [f"{record.valid}/{record.rounds}", gain, f"{100 * skill / NANO:.2f}%" if skill else "-"]
            table.add_row(*cells, f"{seen.paid_micros.get(player.key.hotkey, 0) / MICRO:,.2f}")
        return table

    def refusals(self, seen: Snapshot, *, limit: int) -> Table:
        """What was refused: how often, from whom, and the newest reason."""
        counts: Counter[tuple[str, Hotkey | None]] = Counter()
        reasons: dict[tuple[str, Hotkey | None], str] = {}
        for row in seen.refusals:
            counts[row.code, row.hotkey] += row.count
            reasons[row.code, row.hotkey] = row.detail
        table = Table(box=None, expand=True, pad_edge=False)
        table.add_column("who", no_wrap=True)
        table.add_column("what", no_wrap=True)
        table.add_column("times", justify="right")
        table.add_column("why (newest)", ratio=1, no_wrap=True, overflow="ellipsis")
        for (code, hotkey), count in counts.most_common(limit):
            who = self._cast.name_of(hotkey) if hotkey is not None else "?"
            table.add_row(who, code, str(count), reasons[code, hotkey])
        return table

    def _by_pay(self, seen: Snapshot) -> list[Player]:
        return sorted(self._cast.players, key=lambda p: -seen.paid_micros.get(p.key.hotkey, 0))

    def farewell(self, console: Console, first: Snapshot, seen: Snapshot, database: Path) -> None:
        """The last words: who earned what and why, what was refused, where it all lies, what to try next.

        first: what stood before the first live round, so that the weeks before and the live hours are told apart.
        """
        console.rule(f"[bold]who earned what, and why[/] ({self._label})")
        console.print(self._earnings(first, seen))
        console.rule("[bold]what was refused, and why")
        console.print(self.refusals(seen, limit=12))
        console.rule("[bold]where it lies, and what to try next")
        console.print(Group(*_next_steps(database, self._by_pay(seen)[0])))

    def _earnings(self, first: Snapshot, seen: Snapshot) -> Table:
        table = Table(box=box.SIMPLE_HEAD, expand=True)
        table.add_column("miner", no_wrap=True)
        table.add_column("paid before", justify="right", no_wrap=True)
        table.add_column("live", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("valid", justify="right", no_wrap=True)
        table.add_column("gain", justify="right", no_wrap=True)
        table.add_column("why", ratio=1)
        for player in self._by_pay(seen):
            before = first.paid_micros.get(player.key.hotkey, 0)
            live = seen.paid_micros.get(player.key.hotkey, 0) - before
            told = [f"{before / MICRO:,.2f}", f"{live / MICRO:,.2f}"]
            named: RenderableType = Text(player.role.name, style="red" if player.role.hostile else "bold")
            for challenge in CHALLENGES:
                record = self._view.record(player.key.hotkey, challenge)
                kind = challenge.removeprefix("closes.")
                gain = f"{record.gain_percent:+.2f}%"
                table.add_row(named, *told, kind, f"{record.valid}/{record.rounds}", gain, _reason(record))
                named, told = "", ["", ""]
            table.add_row("", "", "", "", "", "", Text(f"{player.role.name} {player.role.story}", style="dim"))
        return table


def _reason(record: Record) -> str:
    """One sentence on a record: what it proved, or why it proved nothing."""
    if not record.rounds:
        return "was not asked"
    if not record.valid:
        told = ", ".join(f"{count} {status}" for status, count in record.statuses.most_common(3))
        return f"{told}: no pay; what was not silent took the cap loss"
    proof = record.proof
    if not proof:
        return "nothing settled yet"
    bound = 100 * int(proof["lower_bound_nano"]) / max(int(proof["mean_baseline_nano"]), 1)
    if int(proof["skill_nano"]) > 0:
        return f"proven: at 99% it gains {bound:+.2f}% or more; paid for that"
    if str(proof["reason"]).startswith("unproven"):
        return f"{proof['reason']}: the bootstrap share only"
    return f"not proven (99% bound {bound:+.2f}%): the bootstrap share only"


def _next_steps(database: Path, best: Player) -> list[RenderableType]:
    hotkey = best.key.hotkey.hex()[:12]
    if database.is_relative_to(Path.cwd()):
        database = database.relative_to(Path.cwd())
    commands = [
        (f"augury explain latest {hotkey} --db {database}", f"{best.role.name}'s newest scored round, line by line"),
        (f"augury standings --db {database}", "everybody's memory, bound and skill"),
        (f"python runnable/replay_rounds.py {database}", "recompute every loss, share and balance from evidence"),
        (f"sqlite3 {database} .tables", "look inside"),
        ("python runnable/simulate_rewards.py clones", "what cheating earns"),
        ("docs/mining.md", "write your own model and join"),
    ]
    lines = [Text(f"database: {database}\nin the project's folder, after `. .venv/bin/activate`:")]
    return [*lines, *(Text.assemble((command, "cyan"), f"\n    {meaning}") for command, meaning in commands)]
