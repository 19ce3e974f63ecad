"""Every process ends when it is told to, says how, and leaves nothing running."""

from __future__ import annotations

import signal

import pytest

from tests.support.processes import FAST

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def test_nodes_and_venues_stop_in_order_on_either_signal(found_town):
    town = found_town(scale=FAST)
    town.start_everybody()

    for name, which in {"flat": signal.SIGINT, "validator": signal.SIGTERM, "ewma": signal.SIGTERM}.items():
        program = town.programs[name]
        assert 0 == program.end(which)
        assert "node_stopped" in {line["event"] for line in program.lines()}
    for name in town.venue_ports:
        assert 0 == town.programs[name].end(signal.SIGINT)
        assert "" == town.programs[name].errors()


def test_who_is_asked_twice_to_stop_ends_at_once_and_says_what_was_still_running(found_town):
    town = found_town(scale=FAST)
    town.start_venues()
    validator = town.start_validator()
    town.ready()

    for which in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM):
        validator.signal(which)
    assert 3 == validator.end(signal.SIGCONT)
    assert "augury: asked twice to stop; still running: " in validator.errors()
