"""Metrics: what each event counts, when alarms ring, and the page that serves them."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from datetime import UTC, datetime

import aiohttp
import pytest

from neurons.market.calendars import calendar_of
from neurons.settings import MetricsSettings
from neurons.telemetry import (
    AnswerTaken,
    CallMade,
    CallRefused,
    CallServed,
    CloseMissing,
    CloseSettled,
    EpochPaid,
    Metrics,
    ModelBroken,
    ModelLoaded,
    ModelRecovered,
    NodeStarted,
    PageRefused,
    PageServed,
    RoundEntered,
    RoundSkipped,
    StoreFailed,
    VenueFailed,
    VenueReported,
    serving_metrics,
)
from neurons.validating.series import FollowedSeries
from protocol.errors import PortTaken
from protocol.params import MAIN
from protocol.units import HOUR_MS, MINUTE_MS, Hotkey, RoundId

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
            CloseMissing(series="BTC-USD", close_at_ms=0, reason="too-few-reports"),
            "augury_closes_missing_total",
            {"series": "BTC-USD", "reason": "too-few-reports"},
            1,
        ),
        (
            EpochPaid(series="BTC-USD", challenge="closes.point", epoch=1, paid_micros=2_500_000, reserve_micros=0),
            "augury_paid_units_total",
            POINT,
            2.5,
        ),
        (
            ModelBroken(model="lstm_v1", reason="NaN", answered_by="ewma"),
            "augury_broken_forecasts_total",
            {"answered_by": "fallback"},
            1,
        ),
        (
            ModelBroken(model="lstm_v1", reason="NaN", answered_by=""),
            "augury_broken_forecasts_total",
            {"answered_by": "nobody"},
            1,
        ),
        (
            PageServed(page="GET /lagged/{subject}", seconds=0.5),
            "augury_page_seconds_sum",
            {"page": "GET /lagged/{subject}"},
            0.5,
        ),
        (
            PageRefused(page="PUT /submit/{subject}", code="unknown-write-key", status=403),
            "augury_pages_refused_total",
            {"page": "PUT /submit/{subject}", "code": "unknown-write-key"},
            1,
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
    assert ("BTC-USD kraken",) == metrics.market.stale_venues()
    metrics.count(VenueReported(series="BTC-USD", venue="kraken", last_close_at_ms=wall.now_ms))
    assert 0 == value(metrics, "augury_venue_stale", **labels)


def test_a_venue_that_goes_back_in_time_does_not_look_fresher_or_older(metrics, wall):
    metrics.market.watch_venue("BTC-USD", "kraken", last_close_at_ms=wall.now_ms)
    metrics.market.watch_venue("BTC-USD", "kraken", last_close_at_ms=0)
    assert 0 == value(metrics, "augury_venue_age_seconds", series="BTC-USD", venue="kraken")


def settled(close_e8: int | None, at_ms: int = 0) -> CloseSettled:
    outcomes = (("kraken", "counted"), ("okx", "outlier"), ("bybit", "silent"))
    reason = "median" if close_e8 else "too-few-reports"
    return CloseSettled(series="BTC-USD", close_at_ms=at_ms, close_e8=close_e8, reason=reason, outcomes=outcomes)


def test_each_settled_close_is_counted_by_venue_and_outcome(metrics):
    for close in (1, 2, None):
        metrics.count(settled(close))

    for venue, outcome in (("kraken", "counted"), ("okx", "outlier"), ("bybit", "silent")):
        labels = {"series": "BTC-USD", "venue": venue, "outcome": outcome}
        assert 3 == value(metrics, "augury_venue_closes_total", **labels)
    assert 2 == value(metrics, "augury_closes_agreed_total", series="BTC-USD", reason="median")


def test_a_series_is_stale_when_three_closes_were_to_be_agreed_and_none_was(metrics, wall):
    metrics.market.watch_series("BTC-USD", step_ms=5 * MINUTE_MS, expected=lambda since, until: 3)
    metrics.count(settled(1, wall.now_ms))
    metrics.count(settled(1, wall.now_ms - 5 * MINUTE_MS))
    wall.now_ms += 15 * MINUTE_MS
    metrics.count(settled(None, wall.now_ms))
    assert 900 == value(metrics, "augury_close_age_seconds", series="BTC-USD")
    assert 0 == value(metrics, "augury_series_stale", series="BTC-USD")
    wall.now_ms += 1
    assert 1 == value(metrics, "augury_series_stale", series="BTC-USD")


def test_out_of_session_nothing_is_stale(metrics, wall):
    stocks = FollowedSeries("SPY-USD", calendar_of("XNYS"))
    opens = int(datetime(2025, 7, 7, 13, 30, tzinfo=UTC).timestamp() * 1_000)
    wall.now_ms = opens - 60 * HOUR_MS
    metrics.market.watch_series("SPY-USD", step_ms=5 * MINUTE_MS, expected=stocks.counter(MAIN))
    metrics.market.watch_venue("SPY-USD", "vendor", last_close_at_ms=wall.now_ms)
    alarms = {}
    for minutes in (-5, 14, 15):
        wall.now_ms = opens + minutes * MINUTE_MS
        alarms[minutes] = (
            value(metrics, "augury_venue_stale", series="SPY-USD", venue="vendor"),
            value(metrics, "augury_series_stale", series="SPY-USD"),
        )
    assert {-5: (0, 0), 14: (0, 0), 15: (1, 1)} == alarms


def test_a_venue_that_is_left_alone_shows(metrics):
    is_open = [False]
    metrics.market.watch_circuit("BTC-USD", "kraken", lambda: is_open[0])
    shown = [value(metrics, "augury_venue_left_alone", series="BTC-USD", venue="kraken")]
    is_open[0] = True
    shown.append(value(metrics, "augury_venue_left_alone", series="BTC-USD", venue="kraken"))
    assert [0, 1] == shown


def test_rounds_stall_when_the_oldest_due_one_waits_too_long(metrics, wall):
    metrics.watch_due(wall.now_ms)
    wall.now_ms += 10 * MINUTE_MS
    assert 0 == value(metrics, "augury_rounds_stalled")
    wall.now_ms += 1
    assert 1 == value(metrics, "augury_rounds_stalled")
    assert 600.001 == value(metrics, "augury_round_overdue_seconds")
    metrics.watch_due(None)
    assert 0 == value(metrics, "augury_rounds_stalled")


def test_a_broken_model_rings_until_it_answers_again(metrics):
    seen = []
    for event in (
        ModelLoaded(model="lstm_v1", runs_on="torch on cpu", fallback=""),
        ModelBroken(model="lstm_v1", reason="NaN", answered_by=""),
        ModelRecovered(model="lstm_v1"),
    ):
        metrics.count(event)
        seen.append(value(metrics, "augury_model_broken"))
    assert [0, 1, 0] == seen


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

    before = set(threading.enumerate())
    asyncio.run(visit())
    assert not set(threading.enumerate()) - before


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
