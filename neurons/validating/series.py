"""What a validator knows of each series it follows: when its market trades, its grid, and whether rounds are asked.

A series that is always open, on the network's grid and asked needs no more than its name. What differs is kept in the
database's meta rows, so that whoever reads or replays it knows the grid of the closes without the settings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from neurons.market.calendars import TradingCalendar, calendar_of
from neurons.records import MetaRow
from protocol.errors import InvalidSetting
from protocol.params import NetworkParams

SERIES: Final = "series/"
"""Meta rows `series/NAME` hold what is said of a series, as canonical JSON."""


@dataclass(frozen=True, slots=True)
class FollowedSeries:
    """One series. step_ms: the grid of its closes, None for the network's."""

    name: str
    calendar: TradingCalendar = field(default_factory=lambda: calendar_of("24/7"))
    step_ms: int | None = None
    rounds: bool = True

    def params(self, params: NetworkParams) -> NetworkParams:
        """The network's rules on the series' own grid, which its closes are agreed by."""
        if self.step_ms in (None, params.time.step_ms):
            return params
        return replace(params, time=replace(params.time, step_ms=self.step_ms))

    def counter(self, params: NetworkParams) -> Callable[[int, int], int]:
        """Counts the closes that are to be expected between two instants, both included."""
        step_ms = self.params(params).time.step_ms
        return lambda from_ms, to_ms: len(self.calendar.closes_between(from_ms, to_ms, step_ms=step_ms))

    def meta_row(self) -> MetaRow:
        """What the database keeps of it."""
        told = {"calendar": self.calendar.name, "rounds": self.rounds, "step_ms": self.step_ms}
        return MetaRow(SERIES + self.name, json.dumps(told, sort_keys=True, separators=(",", ":")))


def followed_in(meta: Mapping[str, str], name: str) -> FollowedSeries:
    """The series as a database describes it. Raises ValueError for what no validator wrote."""
    text = meta.get(SERIES + name)
    if text is None:
        return FollowedSeries(name)
    told = json.loads(text)
    try:
        step_ms, rounds = told["step_ms"], told["rounds"]
        if not (step_ms is None or (isinstance(step_ms, int) and step_ms > 0)):
            raise ValueError(f"a step of {step_ms} ms")
        return FollowedSeries(name, calendar_of(told["calendar"]), step_ms, bool(rounds))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{text[:100]!r} describes no series") from error


def check_grid(series: FollowedSeries, meta: Mapping[str, str], params: NetworkParams, *, has_closes: bool) -> None:
    """Raises InvalidSetting when the database holds closes of the series on another grid."""
    before = followed_in(meta, series.name).params(params).time.step_ms
    wanted = series.params(params).time.step_ms
    if has_closes and before != wanted:
        raise InvalidSetting(
            f"{series.name}: this database holds its closes every {before // 1_000} s, `step` says every "
            f"{wanted // 1_000} s: set `step` back, or begin with another data_dir",
            setting="series",
        )
