"""Where a node's events go: one line in the log and a count in the metrics, from one call."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from structlog.typing import FilteringBoundLogger

from neurons.telemetry.events import Event
from neurons.telemetry.metrics import Metrics


class Telemetry:
    """A node's log and metrics together."""

    def __init__(self, *, log: FilteringBoundLogger, metrics: Metrics) -> None:
        self.log, self.metrics = log, metrics

    def record(self, event: Event) -> None:
        """Counts the event and logs it at its own level."""
        self.metrics.count(event)
        told: dict[str, Any] = {field.name: getattr(event, field.name) for field in fields(event)}
        getattr(self.log, event.level)(event.title(), **told)
