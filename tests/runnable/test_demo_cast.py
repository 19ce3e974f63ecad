"""Where the demo's nodes listen: on ports that are free, and that nobody who connects is given meanwhile."""

from __future__ import annotations

import socket

import pytest

from protocol.errors import PortTaken
from runnable.demo import cast
from runnable.demo.cast import free_ports


def test_free_ports_are_different_and_below_those_given_to_whoever_connects():
    ports = free_ports(40)

    assert 40 == len(set(ports))
    assert max(ports) < 32_768


def test_a_port_that_is_taken_is_passed_over_and_too_few_are_refused(monkeypatch):
    first = free_ports(1)[0]
    monkeypatch.setattr(cast, "PORTS", range(first, first + 1))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        held.bind(("127.0.0.1", first))
        with pytest.raises(PortTaken, match="1 free ports are wanted"):
            free_ports(1)
    assert [first] == free_ports(1)
