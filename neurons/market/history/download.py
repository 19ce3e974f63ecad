"""One venue's download: page after page, each candle once, onto disk every moment, patient with a venue in trouble.

What counts as covered: everything before a candle that the venue has shown. The newest one itself does not: a venue
that stands still shows its running candle as if it were done. Where a venue shows nothing more, the download ends short
and says so; silence is never taken for a gap.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from neurons.market.candles import CandleArrays, joined
from neurons.market.history.blocks import Block, Origin, write_block
from neurons.market.history.folder import Part, beginning_of, held_blocks, missing_parts
from neurons.market.problems import VenueProblem, keeps_from_ms_of, problem_of, retry_after_ms_of, unavailable
from neurons.ports import Candle, CandlePage, PriceVenue, VenueUnavailable
from protocol.units import SECOND_MS

PAGE: Final = 1_000
"""Candles asked for at once; a venue that gives fewer at a time gives fewer."""
_HOPELESS: Final = frozenset(
    {VenueProblem.WRONG_SYMBOL, VenueProblem.GEO_BLOCKED, VenueProblem.REFUSED, VenueProblem.NO_HISTORY}
)
"""Trouble that does not pass by waiting."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How a download treats a venue in trouble, and how much work a kill may cost."""

    tries: int = 8
    """Failures in a row after which the venue is given up."""
    first_wait_s: float = 1.0
    """Wait after the first failure; doubled with each further one, less a random part of up to half."""
    longest_wait_s: float = 60.0
    longest_asked_s: float = 900.0
    """A venue that asks for a longer wait (Retry-After) is given up at once."""
    save_every_s: float = 1.0
    """What is not on disk yet is at most this old."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a venue's download is, in steps of time; `note` says what it waits for."""

    venue: str
    done: int
    total: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a venue's download ended. problems: none when the whole period was read."""

    venue: str
    fetched: int
    """Candles that were new to the dataset."""
    problems: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()
    """Damaged files that were downloaded again."""


class VenueDownload:
    """Brings one venue's blocks up to a period. Whatever interrupts it, what it has is on disk and in order."""

    def __init__(
        self,
        venue: PriceVenue,
        dataset: Path,
        origin: Origin,
        *,
        tell: Callable[[Progress], None],
        patience: Patience,
    ) -> None:
        self._venue, self._dataset, self._origin = venue, dataset, origin
        self._tell, self._patience = tell, patience
        self._done = self._total = self._fetched = 0
        self._problems: list[str] = []

    async def run(self, from_ms: int, until_ms: int) -> Outcome:
        """Fetches what is missing of [from_ms, until_ms). Raises ForeignDataset or DatasetUnwritable."""
        held, damaged = held_blocks(self._dataset, self._origin)
        parts = missing_parts(held, from_ms, until_ms)
        missing = sum(part.until_ms - part.at_ms for part in parts) // self._origin.step_ms
        covered = sum(block.until_ms - block.from_ms for block in held.values()) // self._origin.step_ms
        self._done, self._total = covered, covered + missing
        self._say()
        try:
            for part in parts:
                await self._fetch(part)
        except VenueUnavailable as error:
            self._problems.append(str(error))
        return Outcome(self._origin.venue, self._fetched, tuple(self._problems), tuple(path.name for path in damaged))

    async def _fetch(self, part: Part) -> None:
        """One part, saved as it grows and however it ends. Raises VenueUnavailable when the venue cannot go on."""
        growing = _Growing(self._dataset, beginning_of(self._dataset, self._origin, part), part.keep_until_ms)
        saved_at = time.monotonic()
        try:
            while growing.until_ms < part.until_ms:
                at_ms = growing.until_ms
                shown = await self._shown_from(at_ms)
                if len(shown) == 1:
                    shown = joined([shown, await self._shown_from(int(shown.open_time_ms[0]) + self._origin.step_ms)])
                covered_ms = min(int(shown.open_time_ms[-1]), part.until_ms)
                wanted = shown.window(at_ms, covered_ms)
                growing.add(wanted, covered_ms)
                self._fetched += len(wanted)
                self._done += (covered_ms - at_ms) // self._origin.step_ms
                self._say()
                if time.monotonic() - saved_at >= self._patience.save_every_s:
                    growing.save()
                    saved_at = time.monotonic()
        finally:
            growing.save()

    async def _shown_from(self, at_ms: int) -> CandleArrays:
        """The first candles that the venue has from at_ms on; what it does not keep is stepped over, and noted.

        Raises VenueUnavailable when it shows none, or cannot be asked.
        """
        asked_ms = at_ms
        while True:
            try:
                candles = (await self._page(asked_ms)).candles
            except VenueUnavailable as error:
                keeps_from_ms = keeps_from_ms_of(error)
                if problem_of(error) is not VenueProblem.NO_HISTORY or not keeps_from_ms or keeps_from_ms <= asked_ms:
                    raise
                asked_ms = -(-keeps_from_ms // self._origin.step_ms) * self._origin.step_ms
                self._say(note=f"no candles before {told(asked_ms)}")
                continue
            if not candles:
                shown = f"shows no candle that opens at {told(at_ms)} or later"
                raise unavailable(self._origin.venue, VenueProblem.NO_HISTORY, shown)
            if asked_ms > at_ms:
                first_ms = candles[0].open_time_ms
                self._problems.append(
                    f"{self._origin.venue}: has no candles of {told(at_ms)} to {told(first_ms)} to give"
                )
            return _arrays(candles)

    async def _page(self, since_ms: int) -> CandlePage:
        """The venue's next page, asked for again while that makes sense. Raises VenueUnavailable."""
        failures = 0
        while True:
            try:
                page = await self._venue.closed_candles(since_ms=since_ms, limit=PAGE)
                self._check(page, since_ms)
                return page
            except VenueUnavailable as error:
                failures += 1
                wait_s = self._wait_after(error, failures)
                self._say(note=f"{problem_of(error)}, waiting {wait_s:.0f} s")
            await asyncio.sleep(wait_s)

    def _wait_after(self, error: VenueUnavailable, failures: int) -> float:
        """Seconds until the next try. Raises the error when there should be none."""
        patience = self._patience
        asked_s = (retry_after_ms_of(error) or 0) / SECOND_MS
        if problem_of(error) in _HOPELESS or failures >= patience.tries or asked_s > patience.longest_asked_s:
            raise error
        backoff_s = min(patience.first_wait_s * 2 ** (failures - 1), patience.longest_wait_s)
        return float(max(asked_s, backoff_s * random.uniform(0.5, 1.0)))

    def _check(self, page: CandlePage, since_ms: int) -> None:
        """Passes when every candle is later than the one before and none precedes since_ms: none can come twice."""
        times = np.array([candle.open_time_ms for candle in page.candles], np.int64)
        if len(times) and (times[0] < since_ms or (np.diff(times) <= 0).any()):
            raise unavailable(self._origin.venue, VenueProblem.OUT_OF_ORDER, f"asked from {since_ms}")
        if (times % self._origin.step_ms).any():
            raise unavailable(self._origin.venue, VenueProblem.OFF_GRID, f"asked from {since_ms}")

    def _say(self, note: str = "") -> None:
        self._tell(Progress(self._origin.venue, self._done, self._total, note))


class _Growing:
    """The block at the end of what was fetched; a full month goes to disk at once, a partial one when told."""

    def __init__(self, dataset: Path, block: Block, keep_until_ms: int) -> None:
        self._dataset, self._block, self._keep_until_ms = dataset, block, keep_until_ms
        self._saved_until_ms = block.until_ms

    @property
    def until_ms(self) -> int:
        return self._block.until_ms

    def add(self, candles: CandleArrays, until_ms: int) -> None:
        """Candles that follow, covering up to until_ms."""
        while self._block.until_ms < until_ms:
            month_end_ms = self._block.month.end_ms
            stop_ms = min(until_ms, month_end_ms)
            self._block = self._block.extended(candles.window(self._block.until_ms, stop_ms), stop_ms)
            if stop_ms == month_end_ms:
                self.save()
                self._block = Block.empty(self._block.origin, month_end_ms)
                self._saved_until_ms = month_end_ms

    def save(self) -> None:
        """To disk, when it holds more than the file there."""
        if self._block.until_ms > self._saved_until_ms and self._block.until_ms >= self._keep_until_ms:
            write_block(self._dataset, self._block)
            self._saved_until_ms = self._block.until_ms


def told(at_ms: int) -> str:
    """An instant as people read it, UTC."""
    return f"{datetime.fromtimestamp(at_ms / SECOND_MS, UTC):%Y-%m-%d %H:%M}"


def _arrays(rows: Sequence[Candle]) -> CandleArrays:
    """Candles as arrays."""
    return CandleArrays(
        np.array([row.open_time_ms for row in rows], np.int64),
        np.array([(row.open_e8, row.high_e8, row.low_e8, row.close_e8) for row in rows], np.int64).reshape(-1, 4).T,
        np.array([row.volume for row in rows], np.float64),
    )
