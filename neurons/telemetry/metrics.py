"""What Prometheus can ask of a node: counts of its events, and gauges that are read when it asks.

Each node has a registry of its own, so that several live in one process. Labels come from our own closed
lists (states, codes, purposes, configured venues), never from a stranger's bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from neurons.telemetry.events import (
    AnswerTaken,
    CallMade,
    CallRefused,
    CallServed,
    CorrectionDisputed,
    EpochPaid,
    Event,
    ModelBroken,
    ModelLoaded,
    ModelRecovered,
    PageRefused,
    PageServed,
    RoundEntered,
    RoundRescored,
    RoundSkipped,
    StoreFailed,
)
from neurons.telemetry.market_metrics import MarketMetrics
from protocol.units import MICRO, MINUTE_MS, SECOND_MS

STALLED_ROUND_AFTER_MS: Final = 10 * MINUTE_MS
"""A round that is due for longer than this is stalled: the driver does not keep up, or cannot write."""
LATENCY_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """A node's counters, gauges and alarms. now_ms is the node's own clock."""

    def __init__(self, *, now_ms: Callable[[], int]) -> None:
        self.registry = registry = CollectorRegistry()
        self._now_ms = now_ms
        self.market = MarketMetrics(registry, now_ms=now_ms)
        self._due_since_ms: int | None = None

        self._rounds = Gauge("augury_rounds", "Rounds by state.", ["challenge", "state"], registry=registry)
        self._entered = Counter(
            "augury_rounds_entered", "Rounds that entered a state.", ["challenge", "state"], registry=registry
        )
        self._skipped = Counter(
            "augury_rounds_skipped", "Rounds that could not be opened.", ["challenge"], registry=registry
        )
        self._rescored = Counter(
            "augury_rounds_rescored",
            "Resolved rounds scored again after a correction.",
            ["challenge"],
            registry=registry,
        )
        self._disputed = Counter(
            "augury_corrections_disputed", "Corrections that changed nothing.", ["series"], registry=registry
        )
        self._answers = Counter("augury_answers", "Answers by status.", ["challenge", "status"], registry=registry)
        self._refusals = Counter("augury_refusals", "Refused calls by code.", ["purpose", "code"], registry=registry)
        served = Histogram(
            "augury_call_served_seconds",
            "From a call's arrival to its reply.",
            ["purpose"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        made = Histogram(
            "augury_call_made_seconds",
            "From our call to the peer's reply.",
            ["purpose", "outcome"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._pages = Histogram(
            "augury_page_seconds",
            "From a web request's arrival to its answer.",
            ["page"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._pages_refused = Counter(
            "augury_pages_refused", "Refused web requests by code.", ["page", "code"], registry=registry
        )
        self._served_for, self._made_for = cache(served.labels), cache(made.labels)
        self._paid = Counter("augury_paid_units", "Units paid to miners.", ["challenge"], registry=registry)
        self._store_failures = Counter("augury_store_failures", "Changes that were not kept.", registry=registry)
        self._broken = Counter(
            "augury_broken_forecasts",
            "Times that a miner's own model gave nothing, when loaded or asked, by who answers instead.",
            ["answered_by"],
            registry=registry,
        )
        self._is_broken = Gauge(
            "augury_model_broken", "Alarm: 1 while a miner's own model does not answer.", registry=registry
        )
        self._queues = Gauge("augury_queue_depth", "What waits in a queue.", ["queue"], registry=registry)
        self._overdue = Gauge(
            "augury_round_overdue_seconds",
            "How long the oldest due work on a round has been waiting.",
            registry=registry,
        )
        self._overdue.set_function(lambda: self.overdue_ms() / SECOND_MS)
        self._stalled = Gauge(
            "augury_rounds_stalled", "Alarm: 1 while a due round is not worked on.", registry=registry
        )
        self._stalled.set_function(lambda: float(self.is_stalled()))

    def count(self, event: Event) -> None:
        """Counts one event; an event that no metric is made of changes nothing."""
        match event:  # what comes with every call stands first
            case CallServed(purpose=purpose, seconds=seconds):
                self._served_for(purpose).observe(seconds)
            case CallMade(purpose=purpose, outcome=outcome, seconds=seconds):
                self._made_for(purpose, outcome).observe(seconds)
            case PageServed(page=page, seconds=seconds):
                self._pages.labels(page).observe(seconds)
            case PageRefused(page=page, code=code):
                self._pages_refused.labels(page, code).inc()
            case RoundEntered(challenge=challenge, state=state, previous=previous):
                self._entered.labels(challenge, state).inc()
                self._rounds.labels(challenge, state).inc()
                if previous:
                    self._rounds.labels(challenge, previous).dec()
            case RoundSkipped(challenge=challenge):
                self._skipped.labels(challenge).inc()
            case RoundRescored(challenge=challenge):
                self._rescored.labels(challenge).inc()
            case CorrectionDisputed(series=series):
                self._disputed.labels(series).inc()
            case AnswerTaken(challenge=challenge, status=status):
                self._answers.labels(challenge, status).inc()
            case CallRefused(purpose=purpose, code=code):
                self._refusals.labels(purpose, code).inc()
            case EpochPaid(challenge=challenge, paid_micros=micros):
                self._paid.labels(challenge).inc(micros / MICRO)
            case ModelBroken(answered_by=answered_by):
                self._broken.labels("fallback" if answered_by else "nobody").inc()
                self._is_broken.set(1)
            case ModelLoaded() | ModelRecovered():
                self._is_broken.set(0)
            case StoreFailed():
                self._store_failures.inc()
            case _:
                self.market.count(event)

    def watch_rounds(self, counts: Mapping[tuple[str, str], int]) -> None:
        """(challenge, state) -> rounds, as the store holds them when the node starts; events keep it current."""
        for (challenge, state), count in counts.items():
            self._rounds.labels(challenge, state).set(count)

    def watch_queue(self, name: str, depth: Callable[[], int]) -> None:
        """Reads a queue's depth whenever Prometheus asks."""
        self._queues.labels(name).set_function(lambda: float(depth()))

    def watch_due(self, due_since_ms: int | None) -> None:
        """Something is due then; overdue grows from there until whoever does it says what is due next."""
        self._due_since_ms = due_since_ms

    def overdue_ms(self) -> int:
        """How long the oldest due round has been waiting; 0 when none is due."""
        return 0 if self._due_since_ms is None else max(0, self._now_ms() - self._due_since_ms)

    def is_stalled(self) -> bool:
        return self.overdue_ms() > STALLED_ROUND_AFTER_MS

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
