"""Calendar months in UTC, the unit of a dataset's files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from protocol.units import SECOND_MS

_NAME: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One calendar month, UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, at_ms: int) -> Self:
        """The month in which an instant lies."""
        at = datetime.fromtimestamp(at_ms // SECOND_MS, UTC)
        return cls(at.year, at.month)

    @classmethod
    def named(cls, name: str) -> Self | None:
        """The month of a name such as 2023-01; None for any other text."""
        found = _NAME.fullmatch(name)
        return cls(int(found[1]), int(found[2])) if found else None

    @property
    def start_ms(self) -> int:
        return int(datetime(self.year, self.number, 1, tzinfo=UTC).timestamp()) * SECOND_MS

    @property
    def end_ms(self) -> int:
        """When the next month starts."""
        return self.next().start_ms

    def next(self) -> Self:
        years, number = divmod(self.year * 12 + self.number, 12)
        return type(self)(years, number + 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


def months_between(from_ms: int, until_ms: int) -> Iterator[Month]:
    """Every month that shares an instant with [from_ms, until_ms), oldest first."""
    month = Month.of(from_ms)
    while month.start_ms < until_ms:
        yield month
        month = month.next()
