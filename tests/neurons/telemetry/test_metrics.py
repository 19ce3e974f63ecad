"""Metrics: what each event counts, when alarms ring, and the page that serves them."""

from __future__ import annotations

import asyncio
import json
import socket
import threading

import aiohttp
import pytest

from neurons.settings import MetricsSettings
from neurons.telemetry import (
    AnswerTaken,
    CallMade,
    CallRefused,
    CallServed,
    CloseMissing,
    EpochPaid,
    Metrics,
    NodeStarted,
    RoundEntered,
    RoundSkipped,
    StoreFailed,
    VenueFailed,
    VenueReported,
    serving_metrics,
)
from protocol.errors import PortTaken
from protocol.units import MINUTE_MS, Hotkey, RoundId

KEY = Hotkey(b"\x01" * 32)
ROUND = RoundId(b"\x02" * 32)
POINT = {"challenge": "closes.point"}


class Wall:
    now_ms = 1_000_000


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def metrics(wall) -> Metrics:
    return Metrics(now_ms=lambda: wall.now_ms)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def entered(state: str, previous: str = "") -> RoundEntered:
    return RoundEntered(
        round_id=ROUND, series="BTC-USD", challenge="closes.point", anchor_at_ms=0, state=state, previous=previous
    )


def test_a_round_is_counted_in_the_state_it_is_in(metrics):
    metrics.watch_rounds({("closes.point", "open"): 3, ("closes.point", "resolved"): 40})
    metrics.count(entered("open"))
    metrics.count(entered("closed", previous="open"))
    assert 3 == value(metrics, "augury_rounds", state="open", **POINT)
    assert 1 == value(metrics, "augury_rounds", state="closed", **POINT)
    assert 40 == value(metrics, "augury_rounds", state="resolved", **POINT)
    assert 1 == value(metrics, "augury_rounds_entered_total", state="closed", **POINT)


@pytest.mark.parametrize(
    ("event", "name", "labels", "expected"),
    [
        (
            RoundSkipped(series="BTC-USD", challenge="closes.point", anchor_at_ms=0, reason="too little history"),
            "augury_rounds_skipped_total",
            POINT,
            1,
        ),
        (
            AnswerTaken(round_id=ROUND, challenge="closes.point", miner=KEY, status="valid"),
            "augury_answers_total",
            {"status": "valid", **POINT},
            1,
        ),
        (
            CallRefused(purpose="COMMIT", code="expired", reason="late", peer="::1"),
            "augury_refusals_total",
            {"purpose": "COMMIT", "code": "expired"},
            1,
        ),
        (
            CallServed(purpose="COMMIT", sender=KEY, seconds=0.5),
            "augury_call_served_seconds_sum",
            {"purpose": "COMMIT"},
            0.5,
        ),
        (
            CallMade(purpose="REVEAL", peer="h:1", seconds=0.25, outcome="ok"),
            "augury_call_made_seconds_sum",
            {"purpose": "REVEAL", "outcome": "ok"},
            0.25,
        ),
        (
            VenueFailed(series="BTC-USD", venue="kraken", reason="timeout"),
            "augury_venue_failures_total",
            {"series": "BTC-USD", "venue": "kraken"},
            1,
        ),
        (
            CloseMissing(series="BTC-USD", close_at_ms=0, reason="two reports"),
            "augury_closes_missing_total",
            {"series": "BTC-USD"},
            1,
        ),
        (
            EpochPaid(series="BTC-USD", challenge="closes.point", epoch=1, paid_micros=2_500_000, reserve_micros=0),
            "augury_paid_units_total",
            POINT,
            2.5,
        ),
        (StoreFailed(reason="disk full"), "augury_store_failures_total", {}, 1),
    ],
)
def test_each_event_moves_its_own_metric(metrics, event, name, labels, expected):
    metrics.count(event)
    assert expected == value(metrics, name, **labels)


def test_an_event_without_a_metric_changes_none(metrics):
    before = metrics.render()
    metrics.count(NodeStarted(role="miner", hotkey=KEY, network="n", version="1", listens="h:1"))
    assert before == metrics.render()


def test_a_venue_is_stale_after_three_candles_and_fresh_again_when_it_reports(metrics, wall):
    labels = {"series": "BTC-USD", "venue": "kraken"}
    reported = VenueReported(series="BTC-USD", venue="kraken", last_close_at_ms=wall.now_ms)
    metrics.count(reported)
    wall.now_ms += 15 * MINUTE_MS
    assert 900 == value(metrics, "augury_venue_age_seconds", **labels)
    assert 0 == value(metrics, "augury_venue_stale", **labels)
    wall.now_ms += 1
    assert 1 == value(metrics, "augury_venue_stale", **labels)
    assert ("BTC-USD kraken",) == metrics.stale_venues()
    metrics.count(VenueReported(series="BTC-USD", venue="kraken", last_close_at_ms=wall.now_ms))
    assert 0 == value(metrics, "augury_venue_stale", **labels)


def test_a_venue_that_goes_back_in_time_does_not_look_fresher_or_older(metrics, wall):
    metrics.watch_venue("BTC-USD", "kraken", last_close_at_ms=wall.now_ms)
    metrics.watch_venue("BTC-USD", "kraken", last_close_at_ms=0)
    assert 0 == value(metrics, "augury_venue_age_seconds", series="BTC-USD", venue="kraken")


def test_rounds_stall_when_the_oldest_due_one_waits_too_long(metrics, wall):
    metrics.watch_due(wall.now_ms)
    wall.now_ms += 10 * MINUTE_MS
    assert 0 == value(metrics, "augury_rounds_stalled")
    wall.now_ms += 1
    assert 1 == value(metrics, "augury_rounds_stalled")
    assert 600.001 == value(metrics, "augury_round_overdue_seconds")
    metrics.watch_due(None)
    assert 0 == value(metrics, "augury_rounds_stalled")


def test_a_queue_is_measured_when_it_is_asked_for(metrics):
    queue: list[int] = []
    metrics.watch_queue("writer", lambda: len(queue))
    queue += [1, 2, 3]
    assert 3 == value(metrics, "augury_queue_depth", queue="writer")


def test_two_nodes_in_one_process_count_apart(metrics):
    other = Metrics(now_ms=lambda: 0)
    metrics.count(StoreFailed(reason="x"))
    assert 0 == value(other, "augury_store_failures_total")


async def fetch(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return reply.status, await reply.text()


def test_the_page_serves_metrics_and_health_and_leaves_no_thread_behind(metrics, wall):
    async def visit() -> None:
        async with serving_metrics(MetricsSettings(port=0), metrics) as address:
            status, text = await fetch(f"{address}/metrics")
            assert 200 == status
            assert "# TYPE augury_rounds gauge" in text
            status, text = await fetch(f"{address}/healthz")
            assert (200, True) == (status, json.loads(text)["ok"])
            metrics.watch_due(wall.now_ms - 60 * MINUTE_MS)
            status, text = await fetch(f"{address}/healthz")
            assert (503, True) == (status, json.loads(text)["rounds_stalled"])
            status, _ = await fetch(f"{address}/elsewhere")
            assert 404 == status
        with pytest.raises(aiohttp.ClientConnectionError):
            await fetch(f"{address}/metrics")

    before = threading.enumerate()
    asyncio.run(visit())
    assert before == threading.enumerate()


def test_a_page_that_is_not_enabled_opens_no_port(metrics):
    async def visit() -> str:
        async with serving_metrics(MetricsSettings(enabled=False, port=0), metrics) as address:
            return address

    assert "" == asyncio.run(visit())


def test_a_taken_port_is_named_with_the_setting_to_change(metrics):
    async def serve(port: int) -> None:
        async with serving_metrics(MetricsSettings(port=port), metrics):
            pass

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port} is taken; set metrics\.port"):
            asyncio.run(serve(port))
