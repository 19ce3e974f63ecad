"""What a person sees of a download: a bar for each venue while it runs, then a table of what was found."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from neurons.market.history.blocks import AGREED
from neurons.market.history.checks import Hole
from neurons.market.history.download import Progress as Step
from neurons.market.history.download import told
from neurons.market.history.record import VenueFindings
from neurons.market.history.request import HistoryRequest
from neurons.market.history.session import Downloaded

LONGEST_LIST = 5
"""Gaps and outliers are shown up to this many a venue; report.json has them all."""


class Bars:
    """A bar for each venue with an estimate of the time left, and what a waiting one waits for."""

    def __init__(self, request: HistoryRequest, console: Console) -> None:
        self._screen = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"), console=console,
        )  # fmt: skip
        self._bars: dict[str, TaskID] = {}
        for asked in request.venues:
            self._add(asked.origin.venue)

    def __enter__(self) -> Self:
        self._screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.stop()

    def show(self, step: Step) -> None:
        """Where a venue's download is now."""
        if step.venue not in self._bars:
            self._add(step.venue)
        bar = self._bars[step.venue]
        self._screen.update(bar, completed=step.done, total=step.total, note=step.note)

    def _add(self, venue: str) -> None:
        self._bars[venue] = self._screen.add_task(venue, total=None, note="")


def findings_table(out: Path, request: HistoryRequest, done: Downloaded) -> Table:
    """One line a venue: its candles, what is missing and sticks out, and how far it is from the others."""
    table = Table(title=f"{request.series}, {request.step_ms // 60_000} min, in {out}")
    for heading in ("venue", "market", "from (UTC)", "until (UTC)"):
        table.add_column(heading)
    for heading in (
        "candles",
        "new",
        "missing",
        "gaps",
        "outliers",
        "median bp",
        "1% .. 99% bp",
        "largest bp",
        "apart",
    ):
        table.add_column(heading, justify="right")
    new = {outcome.venue: f"{outcome.fetched:,}" for outcome in done.outcomes}
    for name, found in done.findings.items():
        origin = found.block.origin
        market = origin.symbol if origin.source == "exchange" else f"{origin.symbol} ({origin.source})"
        distance = found.distance
        apart = (
            ("", "", "", "")
            if distance is None
            else (
                f"{distance.median_bp:+.2f}", f"{distance.low_bp:+.1f} .. {distance.high_bp:+.1f}",
                f"{distance.largest_bp:+.1f}", str(sum(run.candles for run in distance.apart)),
            )
        )  # fmt: skip
        table.add_row(
            name, market, told(found.block.from_ms), told(found.block.until_ms), f"{len(found.block.candles):,}",
            new.get(name, ""), f"{found.missing:,}", str(len(found.holes)), str(len(found.outliers)), *apart,
        )  # fmt: skip
    table.caption = "basis points from the venues' median; all gaps, outliers and distances are in report.json"
    return table


def problems_of(request: HistoryRequest, done: Downloaded) -> list[str]:
    """Why the dataset is less than was asked for, a sentence each; empty when it is not."""
    problems = [problem for outcome in done.outcomes for problem in outcome.problems]
    for outcome in done.outcomes:
        found = done.findings.get(outcome.venue)
        if found is not None and not outcome.problems:
            problems += _late_beginning(found)
        problems += [f"{outcome.venue}: {name} was damaged and was downloaded again" for name in outcome.renewed]
    return problems


def _late_beginning(found: VenueFindings) -> list[str]:
    """A venue whose history begins after the period: some exchanges give the last few hundred candles only."""
    block = found.block
    first: Hole | None = next((hole for hole in found.holes if hole.from_ms == block.from_ms), None)
    if first is None or block.origin.venue == AGREED:
        return []
    begins_ms = first.from_ms + first.missing * block.origin.step_ms
    return [
        f"{block.origin.venue}: its history begins {told(begins_ms)}, asked was {told(block.from_ms)}: "
        f"{first.missing:,} candles less"
    ]
