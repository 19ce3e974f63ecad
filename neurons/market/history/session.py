"""A whole download: every venue at once, then the agreed candles, the checks and the record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurons.market.history.agreed import agree_dataset
from neurons.market.history.blocks import AGREED, load_pyarrow, remove_venue
from neurons.market.history.download import Outcome, Patience, Progress, VenueDownload
from neurons.market.history.folder import ForeignDataset, held_alone
from neurons.market.history.record import VenueFindings, examine, first_change_ms, read_dataset, series_of, write_record
from neurons.market.history.request import HistoryRequest, VenueRequest
from neurons.ports import PriceVenue

LEAST_AGREEING = 2
"""Fewer venues than this agree on nothing."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a run did and what the dataset now holds. leftovers: files that a killed run had been writing."""

    outcomes: Sequence[Outcome]
    findings: Mapping[str, VenueFindings]
    leftovers: int


async def download_history(
    request: HistoryRequest,
    dataset: Path,
    *,
    tell: Callable[[Progress], None] = lambda _: None,
    patience: Patience | None = None,
    opened: Callable[[VenueRequest], PriceVenue] = VenueRequest.open,
    agreeing: bool = True,
) -> Downloaded:
    """Brings the dataset up to the request. A venue in trouble ends short and says so; the others go on.

    Cancelled or killed, it leaves month files that the same call goes on from.
    Raises DatasetInUse, ForeignDataset or DatasetUnwritable, and InvalidSetting where pyarrow is not installed.
    """
    load_pyarrow()
    with held_alone(dataset) as leftovers:
        _claim(dataset, request)
        try:
            async with asyncio.TaskGroup() as venues:
                running = [
                    venues.create_task(_one_venue(request, asked, dataset, tell, patience or Patience(), opened))
                    for asked in request.venues
                ]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        outcomes = [task.result() for task in running]
        blocks = read_dataset(dataset)
        traded = {name: block for name, block in blocks.items() if name != AGREED and len(block.candles)}
        changed_ms = first_change_ms(dataset) if AGREED in blocks else 0
        if changed_ms is not None:
            if not agreeing or len(traded) < LEAST_AGREEING:
                remove_venue(dataset, AGREED)  # they would be those of other candles
            else:
                await agree_dataset(
                    dataset,
                    request.series,
                    traded,
                    changed_ms=changed_ms,
                    tell=lambda done, total: tell(Progress(AGREED, done, total)),
                )
            blocks = read_dataset(dataset)
        findings = examine(blocks)
        write_record(dataset, request.series, findings)
    return Downloaded(outcomes, findings, leftovers)


async def _one_venue(
    request: HistoryRequest,
    asked: VenueRequest,
    dataset: Path,
    tell: Callable[[Progress], None],
    patience: Patience,
    opened: Callable[[VenueRequest], PriceVenue],
) -> Outcome:
    venue = opened(asked)
    try:
        download = VenueDownload(venue, dataset, asked.origin, tell=tell, patience=patience)
        return await download.run(request.from_ms, request.until_ms)
    finally:
        await venue.aclose()


def _claim(dataset: Path, request: HistoryRequest) -> None:
    """Passes when the folder is new or holds this series. Raises ForeignDataset."""
    series = series_of(dataset)
    if series not in (None, request.series):
        raise ForeignDataset(f"{dataset} holds {series}, asked was {request.series}", path=str(dataset))
