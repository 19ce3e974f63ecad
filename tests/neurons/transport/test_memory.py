"""The faults of the memory network, in virtual time: each test tool must do what it says."""

from __future__ import annotations

from collections.abc import Coroutine

import pytest

from neurons.ports import PeerUnreachable
from protocol.messages import Purpose
from protocol.params import MAIN
from tests.support.memory_network import Faults, MemoryCaller, MemoryNetwork
from tests.support.services import EchoService, ScriptedService, never
from tests.support.virtual_time import START_MS, VirtualClock, run_virtual

HERE = "miner:1"
TIMEOUT_MS = 10_000


def world(faults: Faults) -> tuple[EchoService, MemoryNetwork, MemoryCaller]:
    service, network = EchoService(), MemoryNetwork()
    network.host(HERE, service)
    network.faults[HERE] = faults
    return service, network, MemoryCaller(network, VirtualClock(), MAIN.wire, ip="203.0.113.7")


def asked(caller: MemoryCaller) -> Coroutine[object, object, bytes]:
    return caller.call(HERE, Purpose.COMMIT, b"abc", timeout_ms=TIMEOUT_MS)


async def reason_of(caller: MemoryCaller) -> tuple[object, int]:
    with pytest.raises(PeerUnreachable) as caught:
        await asked(caller)
    return caught.value.fields["reason"], VirtualClock().now_ms() - START_MS


@pytest.mark.parametrize(
    ("faults", "reason", "after_ms", "seen"),
    [
        (Faults(unreachable=True), "unavailable", 0, 0),
        (Faults(silent=True), "timeout", TIMEOUT_MS, 0),
        (Faults(drop_replies=True), "timeout", TIMEOUT_MS, 1),
        (Faults(delay_ms=TIMEOUT_MS + 1), "timeout", TIMEOUT_MS, 0),
    ],
)
def test_a_fault_costs_its_time_and_is_seen_or_not_by_the_service(faults, reason, after_ms, seen):
    service, _, caller = world(faults)

    assert (reason, after_ms) == run_virtual(reason_of(caller))
    assert seen == len(service.seen)


def test_a_delayed_request_arrives_and_is_answered_after_the_delay():
    async def run():
        assert b"cba" == await asked(caller)
        return VirtualClock().now_ms() - START_MS

    service, _, caller = world(Faults(delay_ms=4_000))
    assert 4_000 == run_virtual(run())
    assert [(Purpose.COMMIT, b"abc", "203.0.113.7")] == service.seen


def test_bytes_are_tampered_with_on_either_way_and_a_reply_is_swapped():
    service, network, caller = world(Faults(tamper_request=lambda b: b + b"!", tamper_reply=lambda b: b + b"?"))
    assert b"!cba?" == run_virtual(asked(caller))
    assert b"abc!" == service.seen[0][1]

    network.faults[HERE] = Faults(tamper_reply=lambda _: b"another")
    assert b"another" == run_virtual(asked(caller))


def test_a_removed_service_is_gone_and_a_new_one_takes_its_place():
    async def run():
        network.remove(HERE)
        assert ("unavailable", 0) == await reason_of(caller)
        network.host(HERE, ScriptedService(b"new"))
        assert b"new" == await asked(caller)
        network.host(HERE, ScriptedService(never))
        assert ("timeout", TIMEOUT_MS) == await reason_of(caller)

    _, network, caller = world(Faults())
    run_virtual(run())


def test_a_watch_in_memory_gives_frames_and_ends():
    async def run():
        frames = caller.watch(HERE, b"one two", silence_ms=TIMEOUT_MS)
        assert [b"one", b"two"] == [frame async for frame in frames]

    _, _, caller = world(Faults())
    run_virtual(run())
