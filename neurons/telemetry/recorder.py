"""Where a node's events go: one line in the log and a count in the metrics, from one call."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from structlog.typing import FilteringBoundLogger

from neurons.telemetry.events import Event
from neurons.telemetry.logs import LEVELS
from neurons.telemetry.metrics import Metrics


class Telemetry:
    """A node's log and metrics together."""

    def __init__(self, *, log: FilteringBoundLogger, metrics: Metrics) -> None:
        self.log, self.metrics = log, metrics

    def record(self, event: Event) -> None:
        """Counts the event, and logs it at its own level when that is heard: most calls are not."""
        self.metrics.count(event)
        if self.log.is_enabled_for(LEVELS[event.level]):
            told: dict[str, Any] = {field.name: getattr(event, field.name) for field in fields(event)}
            getattr(self.log, event.level)(event.title(), **told)


class Deferred:
    """Events of a node that may yet not start: it then says one sentence and no more. Once it runs, they are told."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._held: list[Event] | None = []

    def record(self, event: Event) -> None:
        """Keeps the event, or tells it when the node runs."""
        if self._held is None:
            self._telemetry.record(event)
        else:
            self._held.append(event)

    def release(self) -> None:
        """The node runs."""
        held, self._held = self._held or [], None
        for event in held:
            self._telemetry.record(event)
