"""What Prometheus can ask of a node's market: closes agreed and missing, venues counted and refused, alarms.

Alarms follow the market's own hours: a venue or a series is stale when its newest close is older than three steps of
which at least three closes were to be expected, so that a night or a weekend rings nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from neurons.telemetry.events import CloseMissing, CloseSettled, Event, VenueFailed, VenueReported
from protocol.units import DAY_MS, MINUTE_MS, SECOND_MS

STALE_STEPS: Final = 3
LONGEST_LOOK_MS: Final = 8 * DAY_MS
"""No market rests longer: what is older than this has missed closes."""


@dataclass(frozen=True, slots=True)
class Hours:
    """When closes of a series are to be expected. expected(from, to): how many in [from, to], both ends included."""

    step_ms: int = 5 * MINUTE_MS
    expected: Callable[[int, int], int] | None = None

    def is_stale(self, newest_ms: int, now_ms: int) -> bool:
        """Whether a close that old is no longer fresh."""
        if now_ms - newest_ms <= STALE_STEPS * self.step_ms:
            return False
        since_ms = max(newest_ms + 1, now_ms - LONGEST_LOOK_MS)
        return self.expected is None or self.expected(since_ms, now_ms) >= STALE_STEPS


class MarketMetrics:
    """The counters, gauges and alarms of the market. now_ms is the node's own clock."""

    def __init__(self, registry: CollectorRegistry, *, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._venues: dict[tuple[str, str], int] = {}
        self._agreed: dict[str, int] = {}
        self._hours: dict[str, Hours] = {}
        by_venue = ["series", "venue"]
        self._venue_age = Gauge(
            "augury_venue_age_seconds", "Since the venue's newest close.", by_venue, registry=registry
        )
        self._venue_stale = Gauge(
            "augury_venue_stale",
            "Alarm: 1 while a venue's newest close is old in its market's hours.",
            by_venue,
            registry=registry,
        )
        self._venue_left_alone = Gauge(
            "augury_venue_left_alone",
            "Alarm: 1 while the venue's circuit breaker is not closed.",
            by_venue,
            registry=registry,
        )
        self._venue_failures = Counter(
            "augury_venue_failures", "Times a venue gave nothing usable.", by_venue, registry=registry
        )
        self._venue_closes = Counter(
            "augury_venue_closes",
            "Settled closes by what became of the venue's report, or why it had none.",
            [*by_venue, "outcome"],
            registry=registry,
        )
        self._closes_agreed = Counter(
            "augury_closes_agreed", "Agreed closes by how.", ["series", "reason"], registry=registry
        )
        self._closes_missing = Counter(
            "augury_closes_missing", "Closes without agreement, by reason.", ["series", "reason"], registry=registry
        )
        self._close_age = Gauge(
            "augury_close_age_seconds", "Since the newest agreed close, or the start.", ["series"], registry=registry
        )
        self._series_stale = Gauge(
            "augury_series_stale",
            "Alarm: 1 while the newest agreed close is old in the market's hours.",
            ["series"],
            registry=registry,
        )

    def count(self, event: Event) -> None:
        """Counts one event of the market; any other changes nothing."""
        match event:
            case VenueReported(series=series, venue=venue, last_close_at_ms=at_ms):
                self.watch_venue(series, venue, last_close_at_ms=at_ms)
            case VenueFailed(series=series, venue=venue):
                self._venue_failures.labels(series, venue).inc()
            case CloseMissing(series=series, reason=reason):
                self._closes_missing.labels(series, reason).inc()
            case CloseSettled(series=series):
                for venue, outcome in event.outcomes:
                    self._venue_closes.labels(series, venue, outcome).inc()
                if event.close_e8 is not None:
                    self._closes_agreed.labels(series, event.reason).inc()
                    if series in self._agreed:
                        self._agreed[series] = max(self._agreed[series], event.close_at_ms)
            case _:
                pass

    def watch_series(self, series: str, *, step_ms: int, expected: Callable[[int, int], int]) -> None:
        """From now on the age of the series' newest agreed close is told. See `Hours` for the arguments."""
        self._hours[series] = Hours(step_ms, expected)
        self._agreed[series] = self._now_ms()
        self._close_age.labels(series).set_function(lambda: (self._now_ms() - self._agreed[series]) / SECOND_MS)
        self._series_stale.labels(series).set_function(lambda: float(self._is_stale(series, self._agreed[series])))

    def watch_venue(self, series: str, venue: str, *, last_close_at_ms: int) -> None:
        """The venue's newest close ended then; its age grows from there. Call once at the start for each venue, too."""
        key = (series, venue)
        if key not in self._venues:
            self._venue_age.labels(series, venue).set_function(lambda: (self._now_ms() - self._venues[key]) / SECOND_MS)
            self._venue_stale.labels(series, venue).set_function(
                lambda: float(self._is_stale(series, self._venues[key]))
            )
        self._venues[key] = max(last_close_at_ms, self._venues.get(key, last_close_at_ms))

    def watch_circuit(self, series: str, venue: str, is_open: Callable[[], bool]) -> None:
        """Reads whether a venue is left alone whenever Prometheus asks."""
        self._venue_left_alone.labels(series, venue).set_function(lambda: float(is_open()))

    def stale_venues(self) -> tuple[str, ...]:
        """Each stale venue as `series venue`."""
        return tuple(
            f"{series} {venue}" for (series, venue), at_ms in self._venues.items() if self._is_stale(series, at_ms)
        )

    def _is_stale(self, series: str, newest_ms: int) -> bool:
        return self._hours.get(series, Hours()).is_stale(newest_ms, self._now_ms())
