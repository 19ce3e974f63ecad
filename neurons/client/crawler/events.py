"""What happens to a crawler that somebody may want to know: each is counted, and logged at its level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from neurons.telemetry import Event

LONGEST_REASON: Final = 160
"""Characters of an error in a line of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlStarted(Event):
    """The validator knows this key. letters: of its name, which say below which balance it is bankrupt."""

    name: str
    letters: int
    streams: int
    balance: float
    bankrupt_below: float
    resting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Crawling(Event):
    """How it goes, now and then and at the end. batches: submitted.  failed: samples.

    earned: since the start, in points.
    """

    playing: int
    resting: int
    waiting: int
    batches: int
    failed: int
    earned: float
    balance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBankrupt(Event):
    """Forecasts are taken only for horizons at which the key stands at -1 or better, until its balance has risen."""

    level = "warning"

    balance: float
    bankrupt_below: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonTakenUp(Event):
    """Forecasts are made at each value from now on."""

    horizon: str
    lags: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonGivenUp(Event):
    """Too much was lost there. rest_ms: when it is tried again."""

    horizon: str
    earned: float
    strikes: int
    rest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonRetired(Event):
    """The stream has ended, or is not wanted any more."""

    horizon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastsSubmitted(Event):
    """One wake's forecasts were taken, but for those refused."""

    level = "debug"

    horizons: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRefused(Event):
    """The validator did not take the forecast of one horizon. times: one after another."""

    level = "warning"

    horizon: str
    code: str
    reason: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFailed(Event):
    """`sample` raised, or gave no scenarios. times: one after another."""

    level = "warning"

    horizon: str
    error: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchBroken(Event):
    """The news ended; they are watched again after pause_ms."""

    level = "warning"

    reason: str
    pause_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorUnanswered(Event):
    """A question or an act came to nothing; it is tried again later."""

    level = "warning"

    what: str
    reason: str
