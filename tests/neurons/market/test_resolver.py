"""Names are looked up where a look-up that hangs holds up nobody."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from neurons.market.problems import VenueProblem, problem_of
from neurons.market.resolver import ThreadPerName
from neurons.market.venues import LiveVenue
from neurons.ports import VenueUnavailable


def test_it_finds_what_the_system_finds():
    found = asyncio.run(ThreadPerName().resolve("localhost", 80, socket.AF_INET))
    assert [("127.0.0.1", 80)] == [(one["host"], one["port"]) for one in found]


def test_a_name_that_there_is_not_is_the_systems_error(monkeypatch):
    def nothing(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    with pytest.raises(OSError, match="no such name"):
        asyncio.run(ThreadPerName().resolve("nowhere.invalid"))


def test_a_look_up_that_hangs_frees_its_caller_and_the_process(monkeypatch):
    """The loop's own look-ups would be waited for at the end: this returns while the thread still hangs."""
    ever = threading.Event()

    def hanging(*_: object, **__: object) -> list[object]:
        ever.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hanging)

    async def main() -> VenueProblem:
        venue = LiveVenue("v", base_url="http://hangs.invalid", timeout_s=0.2)
        with pytest.raises(VenueUnavailable) as caught:
            await venue.closed_candles(since_ms=0, limit=1)
        await venue.aclose()
        return problem_of(caught.value)

    began = time.monotonic()
    try:
        assert VenueProblem.TIMEOUT == asyncio.run(main())
        assert any(t.name == "resolve hangs.invalid" and t.daemon for t in threading.enumerate())
        assert time.monotonic() - began < 30
    finally:
        ever.set()
