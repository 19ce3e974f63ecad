"""Checks a validator: recomputes every loss, share and balance from the evidence in its database.

    python runnable/replay_rounds.py .augury/validator/augury.sqlite

Prints what was checked, every difference (a true database has none), what could not be checked and why, and a digest
of everything recomputed: two machines that replay the same database show the same line. Ends with 0 when nothing
differs, 1 when something does, 2 when the database cannot be read. The database may be in use; it is never written.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from neurons.store.auditing import AuditSqlite
from neurons.store.claim import MARKET, NETWORK
from neurons.validating.replay.findings import Findings
from neurons.validating.replay.whole import VALIDATOR, replay_database
from runnable.plain_errors import run_plainly

DIFFERENT: Final = 1
BRIEF: Final = 40
"""Longer values are cut in the table; `--json` has them whole."""
MEANINGS: Final = {
    "closes": "agreed again from the venues' reports",
    "openings": "identity, sigma, digest of the history",
    "commitments": "signature, sender, recipient, time, window",
    "answers": "the same, and the commitment, shape and numbers",
    "rounds": "state, truth, baseline loss",
    "scores": "status, loss and gain of a miner in a round",
    "shares": "memory, proof, sharing and accrual of a claimant",
    "likeness": "kept sums of who answered like whom",
    "transactions": "every posting of it",
    "settlements": "of open streams, one by one: what was booked",
    "pots": "of open streams, settled anew from the scenarios",
    "days": "of open streams: sums by owner and horizon",
    "epochs": "what was paid, what went to the reserve",
    "sums": "units whose postings sum to zero",
    "balances": "accounts, as sums of recomputed postings",
}


@dataclass(frozen=True, slots=True)
class Replayed:
    """A replay that is over, with what a reader wants to know about the database."""

    database: Path
    labels: Mapping[str, str]
    findings: Findings
    seconds: float

    @property
    def rounds_per_second(self) -> float:
        return self.findings.checked["rounds"] / self.seconds if self.seconds else 0.0


def replay(
    database: Annotated[Path, typer.Argument(help="A validator's SQLite database.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    most: Annotated[int, typer.Option(min=1, help="Differences shown in the table; all are counted.")] = 20,
) -> None:
    """Recompute every loss, share and balance of a validator's database and show what differs."""
    shown = Progress(
        TextColumn("replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rounds"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with shown:
        replayed = asyncio.run(_replay(database, shown))
    if as_json:
        print(json.dumps(told(replayed), indent=2, sort_keys=True))
    else:
        show(replayed, Console(), most=most)
    if replayed.findings.total:
        raise typer.Exit(DIFFERENT)


async def _replay(path: Path, shown: Progress) -> Replayed:
    task = shown.add_task("rounds", total=None)
    started = time.perf_counter()
    async with AuditSqlite.open(path) as database:
        meta = await database.meta()
        findings = await replay_database(database, lambda done, total: shown.update(task, completed=done, total=total))
    labels = {name: meta[name] for name in (NETWORK, MARKET, VALIDATOR) if name in meta}
    return Replayed(path, labels, findings, time.perf_counter() - started)


def told(replayed: Replayed) -> dict[str, object]:
    """The report as plain values: equal databases give equal ones, seconds and path aside."""
    findings = replayed.findings
    return {
        "database": str(replayed.database),
        **replayed.labels,
        "checked": dict(findings.checked),
        "unchecked": {what: asdict(left) for what, left in findings.unchecked.items()},
        "differences": [asdict(difference) for difference in findings.differences],
        "differences_by_field": dict(findings.found),
        "differences_total": findings.total,
        "digest": findings.digest,
        "seconds": round(replayed.seconds, 3),
        "rounds_per_second": round(replayed.rounds_per_second, 1),
    }


def show(replayed: Replayed, console: Console, *, most: int) -> None:
    """The report for a person."""
    findings = replayed.findings
    console.print(f"[bold]{replayed.database}[/]", highlight=False)
    for name, value in replayed.labels.items():
        console.print(f"  {name}: {value}", highlight=False)
    console.print(_checked(findings))
    for what, left in findings.unchecked.items():
        span = left.first if left.first == left.last else f"{left.first} to {left.last}"
        console.print(f"[yellow]not checked:[/] {left.count} {what} ({span})", highlight=False)
    if findings.differences:
        console.print(_differences(findings, most))
    verdict = "[green]differences: none[/]" if not findings.total else f"[red]differences: {findings.total}[/]"
    console.print(verdict, highlight=False)
    speed = f"{replayed.seconds:.1f} s, {replayed.rounds_per_second:.0f} rounds a second"
    console.print(f"[dim]{speed}[/]", highlight=False)
    console.print(f"digest {findings.digest}", highlight=False, soft_wrap=True)


def _checked(findings: Findings) -> Table:
    table = Table(title="recomputed from the evidence", title_justify="left")
    table.add_column("what")
    table.add_column("checked", justify="right")
    table.add_column("of each", style="dim")
    for what, meaning in MEANINGS.items():
        table.add_row(what, f"{findings.checked[what]:,}", meaning)
    return table


def _differences(findings: Findings, most: int) -> Table:
    shown = findings.differences[:most]
    more = f" ({findings.total - len(shown)} more)" if findings.total > len(shown) else ""
    counted = ", ".join(f"{field}: {count}" for field, count in findings.found.most_common(8))
    table = Table(title=f"differences{more}", title_justify="left", caption=counted, caption_justify="left")
    for heading in ("table", "where", "miner", "field", "stored", "recomputed"):
        table.add_column(heading, overflow="fold")
    for one in shown:
        table.add_row(one.table, one.where, one.miner, *map(_brief, (one.field, one.stored, one.recomputed)))
    return table


def _brief(value: str) -> str:
    return value if len(value) <= BRIEF else f"{value[: BRIEF // 2]}...{value[-8:]}"


if __name__ == "__main__":
    run_plainly(lambda: typer.run(replay))
