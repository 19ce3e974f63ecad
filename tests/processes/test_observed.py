"""What can be seen of running nodes: counters, ages, alarms, and one trace id from a request to its row."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3

import pytest
from prometheus_client.parser import text_string_to_metric_families

from neurons.clock import SystemClock
from neurons.transport.client import GrpcCaller
from protocol.errors import Malformed
from protocol.messages import Purpose
from protocol.params import DEMO
from tests.support.processes import FAST, Program

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

OLDEST_AGE_S = 3 * 3_600


def metrics_of(program: Program) -> dict[tuple[str, ...], float]:
    """(name, label values in order of their names) -> value."""
    status, text = program.page("/metrics")
    assert 200 == status
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def health_of(program: Program) -> tuple[int, dict[str, object]]:
    status, text = program.page("/healthz")
    return status, json.loads(text)


async def call_with_nonsense(endpoint: str) -> None:
    caller = GrpcCaller(SystemClock(), DEMO.wire)
    try:
        with pytest.raises(Malformed):
            await caller.call(endpoint, Purpose.ROUNDS, b"nonsense", timeout_ms=5_000)
    finally:
        await caller.aclose()


def test_a_validators_page_shows_its_rounds_answers_refusals_venues_latencies_and_queues(found_town):
    town = found_town(scale=FAST)
    town.start_everybody()
    validator = town.programs["validator"]
    asyncio.run(call_with_nonsense(f"127.0.0.1:{town.cast.validator_port}"))

    def all_there():
        seen = metrics_of(validator)
        wanted = (
            ("augury_answers_total", "closes.point", "committed"),
            ("augury_answers_total", "closes.point", "valid"),
            ("augury_call_made_seconds_count", "ok", "reveal"),
            ("augury_call_served_seconds_count", "register"),
            ("augury_refusals_total", "malformed", "rounds"),
            ("augury_rounds_entered_total", "closes.point", "resolved"),
            *(("augury_venue_age_seconds", "BTC-USD", venue) for venue in town.venue_ports),
        )
        return seen if all(seen.get(name, 0) > 0 for name in wanted) else None

    seen = town.until(all_there, "everything is on the page")
    assert {"store", "calls", "watchers", "conversations"} == {
        name[1] for name in seen if name[0] == "augury_queue_depth"
    }
    assert all(seen["augury_venue_age_seconds", "BTC-USD", venue] < OLDEST_AGE_S for venue in town.venue_ports)
    held = town.validator.rounds()
    shown = sum(value for name, value in seen.items() if name[0] == "augury_rounds")
    assert abs(len(held) - shown) <= 6, "rounds from before the start count too"
    assert (200, {"ok": True, "rounds_stalled": False, "stale_venues": []}) == health_of(validator)

    for venue in list(town.venue_ports)[:2]:
        town.programs.pop(venue).end(signal.SIGKILL)
    town.until(lambda: len(health_of(validator)[1]["stale_venues"]) == 2, "two venues are stale")
    town.until(lambda: metrics_of(validator).get(("augury_rounds_skipped_total", "closes.point")), "rounds are skipped")
    seen = metrics_of(validator)
    assert [1, 1, 0] == [seen["augury_venue_stale", "BTC-USD", venue] for venue in town.venue_ports]
    skipped = [line for line in validator.lines() if line["event"] == "round_skipped"]
    told = [(line["challenge"], line["anchor_at_ms"]) for line in skipped]
    assert len(set(told)) == len(told), "each is told once"
    assert seen["augury_venue_failures_total", "BTC-USD", next(iter(town.venue_ports))] > 0


def test_rounds_that_stall_because_nothing_can_be_written_ring_until_it_can(found_town):
    town = found_town(scale=FAST)
    town.start_everybody()
    validator = town.programs["validator"]
    town.until(lambda: town.validator.rounds(state="resolved"), "rounds resolve")
    assert 200 == health_of(validator)[0]

    somebody = sqlite3.connect(town.cast.database, isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    town.until(lambda: health_of(validator) == (503, {**health_of(validator)[1], "ok": False}), "the alarm rings")
    town.until(lambda: metrics_of(validator)[("augury_store_failures_total",)], "a change is not taken")
    somebody.execute("ROLLBACK")
    somebody.close()

    town.until(lambda: health_of(validator)[0] == 200, "it goes on")
    before = {row.round_id for row in town.validator.rounds(state="resolved")}
    town.until(
        lambda: {row.round_id for row in town.validator.rounds(state="resolved")} - before, "rounds resolve again"
    )


def test_one_trace_id_leads_from_the_validators_log_over_the_miners_to_the_row_of_its_nonce(found_town):
    town = found_town(scale=FAST)
    town.start_venues()
    town.start_validator("--log.level", "debug")
    town.start_miner("ewma", "--log.level", "debug")
    town.ready()

    def followed():
        taken = {line["trace"] for line in town.programs["validator"].lines() if line["event"] == "answer_taken"}
        served = {line["trace"] for line in town.programs["ewma"].lines() if line["event"] == "call_served"}
        nonces = town.miner("ewma").ask(lambda store: store.live_nonces(now_ms=0))
        return taken & served & {row.nonce.hex() for row in nonces}

    assert town.until(followed, "a request is followed to its row")

    def registered():
        served = [line for line in town.programs["validator"].lines() if line["event"] == "call_served"]
        nonces = {row.nonce.hex() for row in town.validator.ask(lambda store: store.live_nonces(now_ms=0))}
        return {line["trace"] for line in served if line["purpose"] == "register"} & nonces

    assert town.until(registered, "the miner's registration is followed to its row")
