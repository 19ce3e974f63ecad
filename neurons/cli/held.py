"""One series of one database, as the commands that look at prices read it: page by page, on its own grid."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from neurons.cli.closes import CloseTold, told_of
from neurons.cli.figures import minute
from neurons.store.auditing import AuditSqlite
from neurons.store.claim import PARAMS
from neurons.validating.series import FollowedSeries, followed_in
from protocol.errors import InvalidSetting, NotFound
from protocol.params import MAIN

PAGE_STEPS: Final = 1_000


@dataclass(frozen=True, slots=True)
class HeldSeries:
    """A series in a database that stays open. first_ms, newest_ms: the instants of its first and newest close."""

    database: AuditSqlite
    series: FollowedSeries
    step_ms: int
    first_ms: int
    newest_ms: int

    async def closes(self, from_ms: int, to_ms: int) -> list[CloseTold]:
        """The closes of a span, each in its newest revision, oldest first."""
        found: list[CloseTold] = []
        from_ms, to_ms = max(from_ms, self.first_ms), min(to_ms, self.newest_ms)
        while from_ms <= to_ms:
            end = min(to_ms, from_ms + PAGE_STEPS * self.step_ms)
            page = await self.database.closes(self.series.name, from_ms=from_ms, to_ms=end)
            found += [told_of(row) for row in page]
            from_ms = end + 1
        return found

    async def revisions(self, at_ms: int) -> list[CloseTold]:
        """One close in all its revisions. Raises NotFound with the reason when nothing is held of it."""
        rows = await self.database.revisions(self.series.name, at_ms)
        if not rows:
            raise NotFound(self._why_absent(at_ms), field="at")
        return [told_of(row) for row in rows]

    def due(self, from_ms: int, to_ms: int) -> Sequence[int]:
        """The instants of a span at which a close is to be expected."""
        return self.series.calendar.closes_between(from_ms, to_ms, step_ms=self.step_ms)

    def _why_absent(self, at_ms: int) -> str:
        name, at = self.series.name, minute(at_ms)
        if at_ms % self.step_ms:
            return f"closes of {name} lie on whole steps of {self.step_ms // 60_000} min, {at} does not"
        if at_ms < self.first_ms:
            return f"this database holds {name} from {minute(self.first_ms)} on, not {at}"
        if at_ms > self.newest_ms:
            return f"the newest close of {name} here is {minute(self.newest_ms)}; {at} is not settled yet"
        if not self.series.calendar.is_open(at_ms):
            return f"{at} is out of session by the calendar {self.series.calendar.name}: {name} has no close there"
        return f"nothing is held of {name} at {at}: its validator was not there and could not look back"


@asynccontextmanager
async def held_series(db: Path, name: str) -> AsyncIterator[HeldSeries]:
    """Opens a database for one series. Raises StoreUnavailable, StoreTooNew, NotFound or InvalidSetting."""
    async with AuditSqlite.open(db) as database:
        spans, meta = await database.close_spans(), await database.meta()
        if name not in spans:
            there = f"there are: {', '.join(sorted(spans))}" if spans else "it holds none"
            raise NotFound(f"this database holds no close of {name[:40]!r}; {there}", field="series")
        try:
            series = followed_in(meta, name)
        except ValueError as error:
            raise InvalidSetting(f"what {db} says of {name} cannot be read: {error}") from error
        first_ms, newest_ms = spans[name]
        yield HeldSeries(database, series, series.step_ms or _network_step_ms(meta), first_ms, newest_ms)


def _network_step_ms(meta: Mapping[str, str]) -> int:
    """The grid of the rules that the database names; the main network's before it names any."""
    told = next((text for key, text in meta.items() if key.startswith(PARAMS)), None)
    return MAIN.time.step_ms if told is None else int(json.loads(told)["time"]["step_ms"])
