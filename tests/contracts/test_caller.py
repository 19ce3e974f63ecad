"""What every `Caller` promises, tried on the one over gRPC and on the one in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from neurons.clock import SystemClock
from neurons.ports import Caller, PeerUnreachable, Service, StoreUnavailable
from neurons.transport.client import GrpcCaller
from neurons.transport.limits import ServerLimits
from neurons.transport.server import serving
from neurons.transport.status import STATUSES
from protocol.envelope import max_envelope_bytes
from protocol.errors import Ignored, Malformed, Rejected
from protocol.messages import Purpose
from protocol.params import MAIN
from tests.support.memory_network import MemoryCaller, MemoryNetwork
from tests.support.services import UNARY, EchoService, MinerOnly, ScriptedService, never

WIRE = replace(MAIN.wire, max_body_bytes=1_300_000)
PATIENT_MS, IMPATIENT_MS = 20_000, 60
REFUSALS = sorted((e for e in STATUSES if issubclass(e, Rejected | Ignored)), key=lambda e: e.code)

Host = Callable[[Service], Awaitable[str]]
World = tuple[Caller, Host]


@asynccontextmanager
async def over_grpc() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:

        async def host(service: Service) -> str:
            limits = ServerLimits(grace_s=0.0)
            return await stack.enter_async_context(serving(service, "127.0.0.1", 0, wire=WIRE, limits=limits))

        caller = GrpcCaller(SystemClock(), WIRE)
        stack.push_async_callback(caller.aclose)
        yield caller, host


@asynccontextmanager
async def in_memory() -> AsyncIterator[World]:
    network = MemoryNetwork()
    caller = MemoryCaller(network, SystemClock(), WIRE)
    hosted = 0

    async def host(service: Service) -> str:
        nonlocal hosted
        hosted += 1
        network.host(f"127.0.0.1:{hosted}", service)
        return f"127.0.0.1:{hosted}"

    yield caller, host
    await caller.aclose()


@pytest.fixture(params=[over_grpc, in_memory], ids=["grpc", "memory"])
def world(request: pytest.FixtureRequest) -> Callable[[], object]:
    return request.param


def test_the_reply_comes_back_as_sent_and_the_service_sees_purpose_envelope_and_ip(world):
    async def run():
        async with world() as (caller, host):
            service = EchoService()
            endpoint = await host(service)
            for purpose in UNARY:
                assert b"olleh" == await caller.call(endpoint, purpose, b"hello", timeout_ms=PATIENT_MS)
            assert [(purpose, b"hello", "127.0.0.1") for purpose in UNARY] == service.seen

    asyncio.run(run())


def test_an_empty_reply_is_a_reply(world):
    async def run():
        async with world() as (caller, host):
            endpoint = await host(ScriptedService(b""))
            assert b"" == await caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_an_envelope_as_large_as_the_limit_travels_both_ways(world):
    async def run():
        async with world() as (caller, host):
            endpoint = await host(EchoService())
            envelope = bytes(range(256)) * (max_envelope_bytes(WIRE) // 256)
            envelope += b"x" * (max_envelope_bytes(WIRE) - len(envelope))
            assert envelope[::-1] == await caller.call(endpoint, Purpose.REVEAL, envelope, timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_an_envelope_over_the_limit_is_malformed_and_never_reaches_the_service(world):
    async def run():
        async with world() as (caller, host):
            service = EchoService()
            endpoint = await host(service)
            with pytest.raises(Malformed):
                await caller.call(endpoint, Purpose.REVEAL, bytes(max_envelope_bytes(WIRE) + 1), timeout_ms=PATIENT_MS)
            assert [] == service.seen

    asyncio.run(run())


def test_a_reply_over_the_limit_is_malformed(world):
    async def run():
        async with world() as (caller, host):
            endpoint = await host(ScriptedService(bytes(max_envelope_bytes(WIRE) + 1)))
            with pytest.raises(Malformed):
                await caller.call(endpoint, Purpose.REVEAL, b"", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_every_refusal_comes_back_as_its_own_class_with_its_sentence(world):
    async def run():
        async with world() as (caller, host):
            service = ScriptedService(b"")
            endpoint = await host(service)
            for kind in REFUSALS:
                service.script = kind(f"limit 7, had 9: é {kind.__name__}")
                with pytest.raises(kind) as caught:
                    await caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)
                assert kind is type(caught.value)
                assert f"limit 7, had 9: é {kind.__name__}" == caught.value.public

    asyncio.run(run())


@pytest.mark.parametrize("error", [StoreUnavailable("/srv/secret.db is full"), KeyError("/srv/secret.db")])
def test_a_peers_own_fault_is_an_unreachable_peer_and_its_details_stay_there(world, error):
    async def run():
        async with world() as (caller, host):
            endpoint = await host(ScriptedService(error))
            with pytest.raises(PeerUnreachable) as caught:
                await caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)
            assert PeerUnreachable is type(caught.value)
            assert "secret" not in str(caught.value)
            assert getattr(error, "code", "node-fault") == caught.value.fields["reason"]

    asyncio.run(run())


def test_a_service_that_failed_answers_the_next_call(world):
    async def run():
        async with world() as (caller, host):
            service = ScriptedService(RuntimeError("a bug"))
            endpoint = await host(service)
            with pytest.raises(PeerUnreachable):
                await caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)
            service.script = b"well again"
            assert b"well again" == await caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_a_purpose_that_is_not_served_is_an_unreachable_peer(world):
    async def run():
        async with world() as (caller, host):
            endpoint = await host(MinerOnly())
            for purpose in (Purpose.REVEAL, Purpose.SUBMIT):
                with pytest.raises(PeerUnreachable) as caught:
                    await caller.call(endpoint, purpose, b"", timeout_ms=PATIENT_MS)
                assert "not-served" == caught.value.fields["reason"]

    asyncio.run(run())


def test_an_endpoint_where_nobody_listens_is_unreachable(world):
    async def run():
        async with world() as (caller, _):
            with pytest.raises(PeerUnreachable) as caught:
                await caller.call("127.0.0.1:9", Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)
            assert "unavailable" == caught.value.fields["reason"]
            assert "127.0.0.1:9" == caught.value.fields["endpoint"]

    asyncio.run(run())


def test_a_peer_that_never_answers_costs_its_caller_the_deadline_only(world):
    async def run():
        async with world() as (caller, host):
            slow, quick = await host(ScriptedService(never)), await host(EchoService())
            with pytest.raises(PeerUnreachable) as caught:
                await caller.call(slow, Purpose.COMMIT, b"", timeout_ms=IMPATIENT_MS)
            assert "timeout" == caught.value.fields["reason"]
            assert b"" == await caller.call(quick, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_calls_at_the_same_time_get_each_its_own_reply(world):
    async def run():
        async with world() as (caller, host):
            endpoints = [await host(EchoService()) for _ in range(3)]
            calls = [
                caller.call(endpoints[i % 3], Purpose.COMMIT, f"call {i}".encode(), timeout_ms=PATIENT_MS)
                for i in range(60)
            ]
            assert [f"call {i}".encode()[::-1] for i in range(60)] == await asyncio.gather(*calls)

    asyncio.run(run())


def test_cancelling_a_call_cancels_it(world):
    async def run():
        async with world() as (caller, host):
            arrived = asyncio.Event()

            async def arrive_and_wait(envelope: bytes) -> bytes:
                arrived.set()
                return await never(envelope)

            endpoint = await host(ScriptedService(arrive_and_wait))
            task = asyncio.create_task(caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())


def test_closing_the_caller_frees_whoever_waits_and_refuses_later_calls(world):
    async def run():
        async with world() as (caller, host):
            arrived = asyncio.Event()

            async def arrive_and_wait(envelope: bytes) -> bytes:
                arrived.set()
                return await never(envelope)

            endpoint = await host(ScriptedService(arrive_and_wait))
            task = asyncio.create_task(caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS))
            await arrived.wait()
            await caller.aclose()
            for call in (task, caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)):
                with pytest.raises(PeerUnreachable) as caught:
                    await call
                assert "closed" == caught.value.fields["reason"]

    asyncio.run(run())


def test_a_call_that_is_cancelled_while_the_caller_closes_is_still_cancelled(world):
    async def run():
        async with world() as (caller, host):
            arrived = asyncio.Event()

            async def arrive_and_wait(envelope: bytes) -> bytes:
                arrived.set()
                return await never(envelope)

            endpoint = await host(ScriptedService(arrive_and_wait))
            task = asyncio.create_task(caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS))
            await arrived.wait()
            closing = asyncio.create_task(caller.aclose())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await closing

    asyncio.run(run())
