"""Events of a node that may not start are told once it has, in order, and none of them twice."""

from __future__ import annotations

import io
import json

from neurons.settings import LogSettings
from neurons.telemetry import Deferred, Metrics, ModelLoaded, ModelRecovered, Telemetry, open_log


def test_events_wait_until_the_node_runs_and_then_go_straight_through():
    said = io.StringIO()
    telemetry = Telemetry(log=open_log(LogSettings(), said, role="miner"), metrics=Metrics(now_ms=lambda: 0))
    early = Deferred(telemetry)
    early.record(ModelLoaded(model="flat", runs_on="numpy", fallback=""))
    before = said.getvalue()
    early.release()
    early.record(ModelRecovered(model="flat"))
    early.release()

    assert "" == before
    assert ["model_loaded", "model_recovered"] == [json.loads(line)["event"] for line in said.getvalue().splitlines()]
