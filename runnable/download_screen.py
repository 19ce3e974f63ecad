"""What a person sees of a download: a bar for each venue while it runs, then a table of what was found."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from neurons.market.history.blocks import AGREED
from neurons.market.history.checks import APART_BP, Hole
from neurons.market.history.download import Progress as Step
from neurons.market.history.download import told
from neurons.market.history.record import VenueFindings
from neurons.market.history.request import HistoryRequest
from neurons.market.history.session import Downloaded

LONGEST_LIST = 3
"""So many of each kind of finding are shown; report.json has them all."""


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


def findings_tables(request: HistoryRequest, done: Downloaded) -> list[Table]:
    """What each venue has, how far it is from the others, and the worst of what sticks out."""
    return [_coverage(request, done), _distances(done), _worst(done)]


def _coverage(request: HistoryRequest, done: Downloaded) -> Table:
    table = Table(title=f"{request.series}, candles of {request.step_ms // 60_000} min")
    for heading in ("venue", "from (UTC)", "until (UTC)"):
        table.add_column(heading)
    for heading in ("candles", "new", "missing", "gaps", "outliers"):
        table.add_column(heading, justify="right")
    new = {outcome.venue: f"{outcome.fetched:,}" for outcome in done.outcomes}
    for name, found in done.findings.items():
        block = found.block
        table.add_row(
            name, told(block.from_ms), told(block.until_ms), f"{len(block.candles):,}", new.get(name, ""),
            f"{found.missing:,}", str(len(found.holes)), str(len(found.outliers)),
        )  # fmt: skip
    return table


def _distances(done: Downloaded) -> Table:
    table = Table(
        title="distance from the venues' median, bp",
        caption=f"apart: closes more than {APART_BP:.0f} bp away, the day's usual distance taken off",
    )
    for heading in ("venue", "market", "source"):
        table.add_column(heading)
    for heading in ("median", "1% .. 99%", "largest", "apart"):
        table.add_column(heading, justify="right")
    for name, found in done.findings.items():
        origin, distance = found.block.origin, found.distance
        if distance is not None:
            table.add_row(
                name, origin.symbol, origin.source, f"{distance.median_bp:+.2f}",
                f"{distance.low_bp:+.1f} .. {distance.high_bp:+.1f}", f"{distance.largest_bp:+.1f}",
                str(sum(run.candles for run in distance.apart)),
            )  # fmt: skip
    return table


def _worst(done: Downloaded) -> Table:
    """The largest of each kind; report.json has all of them."""
    table = Table(title="the largest of each kind (all are in report.json)")
    for heading in ("what", "venue", "from (UTC)", "size"):
        table.add_column(heading, justify="right" if heading == "size" else "left")
    kinds: dict[str, list[tuple[float, str, int, str]]] = {"gap": [], "outlier": [], "apart": []}
    for name, found in done.findings.items():
        kinds["gap"] += [(gap.missing, name, gap.from_ms, f"{gap.missing:,} candles") for gap in found.holes]
        kinds["outlier"] += [(o.distance_bp, name, o.open_time_ms, f"{o.distance_bp:.1f} bp") for o in found.outliers]
        runs = found.distance.apart if found.distance is not None else ()
        kinds["apart"] += [
            (abs(run.largest_bp), name, run.from_ms, f"{run.largest_bp:+.1f} bp in {run.candles}") for run in runs
        ]
    for kind, listed in kinds.items():
        for _, name, at_ms, size in sorted(listed, reverse=True)[:LONGEST_LIST]:
            table.add_row(kind, name, told(at_ms), size)
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
    if not len(block.candles):
        return [f"{block.origin.venue}: has no candles of {told(block.from_ms)} to {told(block.until_ms)}"]
    begins_ms = first.from_ms + first.missing * block.origin.step_ms
    return [
        f"{block.origin.venue}: its history begins {told(begins_ms)}, asked was {told(block.from_ms)}: "
        f"{first.missing:,} candles less"
    ]
