"""What one server does with strangers, bugs, load and its own end. Loopback, port 0."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from neurons.clock import SystemClock
from neurons.ports import PeerUnreachable, StoreUnavailable
from neurons.transport.client import GrpcCaller
from neurons.transport.limits import ServerLimits
from neurons.transport.methods import METHODS
from neurons.transport.problems import CannotListen
from neurons.transport.server import peer_ip, serving
from neurons.transport.unsigned import Health
from protocol.envelope import max_envelope_bytes
from protocol.errors import Malformed, Overloaded, PortTaken, TooSlow
from protocol.messages import Purpose
from protocol.params import MAIN
from tests.support.services import EchoService, MinerOnly, ScriptedService, never

WIRE = replace(MAIN.wire, max_body_bytes=100_000)
QUICK_END = ServerLimits(grace_s=0.0)
PATIENT_MS = 20_000


def caller() -> GrpcCaller:
    return GrpcCaller(SystemClock(), WIRE)


class Flood(EchoService):
    """Sends frames as fast as they are taken; says when its stream is over."""

    def __init__(self) -> None:
        super().__init__()
        self.over = asyncio.Event()

    async def watch(self, envelope: bytes, *, peer: str) -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(50_000)
        finally:
            self.over.set()


class Quiet(EchoService):
    """One frame, then nothing more."""

    async def watch(self, envelope: bytes, *, peer: str) -> AsyncIterator[bytes]:
        yield b"welcome"
        await never(b"")


def test_a_taken_port_is_refused_with_the_address_and_what_to_do():
    async def run():
        async with serving(EchoService(), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as address:
            port = int(address.rpartition(":")[2])
            for host in ("127.0.0.1", "localhost", "0.0.0.0"):
                with pytest.raises(PortTaken, match=f"{host}:{port} is taken .* another port") as caught:
                    async with serving(EchoService(), host, port, wire=WIRE):
                        pass
                assert (host, port) == (caught.value.fields["host"], caught.value.fields["port"])
            client = caller()
            assert b"" == await client.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)
            await client.aclose()

    asyncio.run(run())


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("no.such.host.invalid", 0), ("127.0.0.1", 70_000)])
def test_an_address_that_is_not_this_machines_is_refused_by_name(host, port):
    async def run():
        with pytest.raises(CannotListen) as caught:
            async with serving(EchoService(), host, port, wire=WIRE):
                pass
        assert host == caught.value.fields["host"]

    asyncio.run(run())


def test_an_ipv6_node_is_reached_by_its_bracketed_address_and_sees_an_ipv6_peer():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")

    async def run():
        service = EchoService()
        async with serving(service, "::1", 0, wire=WIRE, limits=QUICK_END) as address:
            client = caller()
            assert b"b6" == await client.call(address, Purpose.COMMIT, b"6b", timeout_ms=PATIENT_MS)
            await client.aclose()
        assert address.startswith("[::1]:")
        assert [(Purpose.COMMIT, b"6b", "::1")] == service.seen

    asyncio.run(run())


@pytest.mark.parametrize(
    ("peer", "ip"),
    [
        ("ipv4:1.2.3.4:55", "1.2.3.4"),
        ("ipv6:[::1]:55", "::1"),
        ("ipv6:%5B2001:db8::0:1%5D:55", "2001:db8::1"),
        ("ipv6:%5B::ffff:1.2.3.4%5D:55", "1.2.3.4"),
        ("ipv6:%5Bfe80::1%25eth0%5D:55", "fe80::1"),
    ],
)
def test_a_peer_is_one_ip_address_however_it_came(peer, ip):
    assert ip == peer_ip(peer)


@pytest.mark.parametrize("peer", ["unix:/tmp/socket", "ipv4:name:1", ""])
def test_a_peer_without_an_ip_is_no_peer(peer):
    with pytest.raises(ValueError, match=r"IP|IPv4"):
        peer_ip(peer)


def test_a_body_over_the_limit_is_refused_before_the_service_sees_it():
    async def run():
        service = EchoService()
        async with serving(service, "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as address:
            generous = GrpcCaller(SystemClock(), replace(WIRE, max_body_bytes=10_000_000))
            limit = max_envelope_bytes(WIRE)
            for size, match in ((limit + 1, "holds at most"), (limit + 1_000, "larger than max")):
                with pytest.raises(Malformed, match=match):
                    await generous.call(address, Purpose.COMMIT, bytes(size), timeout_ms=PATIENT_MS)
            await generous.aclose()
        assert [] == service.seen

    asyncio.run(run())


def test_a_compressed_body_is_refused_because_a_small_one_may_unpack_to_a_huge_one():
    async def run():
        service = EchoService()
        async with (
            serving(service, "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as address,
            grpc.aio.insecure_channel(address, compression=grpc.Compression.Gzip) as channel,
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(METHODS[Purpose.COMMIT])(bytes(3_000_000), timeout=20)
            assert grpc.StatusCode.UNIMPLEMENTED == caught.value.code()
        assert [] == service.seen

    asyncio.run(run())


def test_a_bug_is_logged_once_with_its_trace_and_a_refusal_not_at_all(caplog):
    async def run():
        service = ScriptedService(KeyError("a bug"))
        async with serving(service, "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as address:
            client = caller()
            for script in (KeyError("a bug"), StoreUnavailable("disk full"), TooSlow("refused")):
                service.script = script
                with pytest.raises((PeerUnreachable, TooSlow)):
                    await client.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)
            await client.aclose()

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    records = [r for r in caplog.records if r.name.startswith("neurons")]
    assert 2 == len(records)
    assert ["an unexpected KeyError" in records[0].message, "disk full" in records[1].message] == [True, True]
    assert [True, False] == [bool(record.exc_info) for record in records]


def test_more_calls_than_the_node_takes_are_refused_at_once_and_the_others_are_answered():
    async def run():
        release, busy = asyncio.Event(), asyncio.Semaphore(0)

        async def wait(envelope: bytes) -> bytes:
            busy.release()
            await release.wait()
            return envelope

        limits = ServerLimits(answering=3, grace_s=0.0)
        async with serving(ScriptedService(wait), "127.0.0.1", 0, wire=WIRE, limits=limits) as address:
            client = caller()
            calls = [
                asyncio.create_task(client.call(address, Purpose.COMMIT, b"x", timeout_ms=PATIENT_MS)) for _ in range(3)
            ]
            for _ in calls:
                await busy.acquire()
            with pytest.raises(Overloaded, match="3 calls"):
                await client.call(address, Purpose.COMMIT, b"x", timeout_ms=PATIENT_MS)
            release.set()
            assert [b"x"] * 3 == await asyncio.gather(*calls)
            assert b"x" == await client.call(address, Purpose.COMMIT, b"x", timeout_ms=PATIENT_MS)
            await client.aclose()

    asyncio.run(run())


def test_a_node_that_thinks_too_long_gives_up_by_its_own_limit_whatever_the_caller_allows():
    async def run():
        limits = ServerLimits(answer_s=0.05, grace_s=0.0)
        async with serving(ScriptedService(never), "127.0.0.1", 0, wire=WIRE, limits=limits) as address:
            client = caller()
            with pytest.raises(PeerUnreachable) as caught:
                await client.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)
            assert "node-fault" == caught.value.fields["reason"]
            await client.aclose()

    asyncio.run(run())


def test_a_subscriber_that_does_not_read_is_dropped_with_a_reason_and_slows_nobody():
    async def run():
        service = Flood()
        limits = ServerLimits(write_s=0.2, grace_s=0.0)
        async with serving(service, "127.0.0.1", 0, wire=WIRE, limits=limits) as address:
            client = caller()
            frames = client.watch(address, b"", silence_ms=PATIENT_MS)
            assert bytes(50_000) == await anext(frames)
            await service.over.wait()
            assert b"x" == await client.call(address, Purpose.COMMIT, b"x", timeout_ms=PATIENT_MS)
            with pytest.raises(TooSlow):
                async for _ in frames:
                    pass
            await client.aclose()

    asyncio.run(run())


def test_a_subscriber_that_leaves_ends_its_stream_on_the_server():
    async def run():
        service = Flood()
        async with serving(service, "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as address:
            client = caller()
            frames = client.watch(address, b"", silence_ms=PATIENT_MS)
            await anext(frames)
            await frames.aclose()
            async with asyncio.timeout(20):
                await service.over.wait()
            await client.aclose()

    asyncio.run(run())


def test_more_watchers_than_the_node_feeds_are_refused():
    async def run():
        limits = ServerLimits(watching=1, grace_s=0.0)
        async with serving(Quiet(), "127.0.0.1", 0, wire=WIRE, limits=limits) as address:
            client = caller()
            first = client.watch(address, b"", silence_ms=PATIENT_MS)
            assert b"welcome" == await anext(first)
            with pytest.raises(Overloaded, match="1 watchers"):
                await anext(client.watch(address, b"", silence_ms=PATIENT_MS))
            await client.aclose()

    asyncio.run(run())


def test_a_stopping_node_lets_calls_finish_and_tells_its_subscribers():
    async def run():
        busy, release = asyncio.Event(), asyncio.Event()

        class Node(Quiet):
            async def answer(self, purpose: Purpose, envelope: bytes, *, peer: str) -> bytes:
                busy.set()
                await release.wait()
                return b"done"

        client = caller()
        limits = ServerLimits(grace_s=20.0)
        async with serving(Node(), "127.0.0.1", 0, wire=WIRE, limits=limits) as address:
            frames = client.watch(address, b"", silence_ms=PATIENT_MS)
            await anext(frames)
            call = asyncio.create_task(client.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS))
            await busy.wait()
            asyncio.get_running_loop().call_later(0.05, release.set)
        with pytest.raises(PeerUnreachable) as caught:
            await anext(frames)
        assert "stopping" == caught.value.fields["reason"]
        assert b"done" == await call
        await client.aclose()

    asyncio.run(run())


def test_a_stop_ends_what_outlasts_the_grace():
    async def run():
        busy = asyncio.Event()

        async def hang(envelope: bytes) -> bytes:
            busy.set()
            return await never(envelope)

        client = caller()
        async with serving(
            ScriptedService(hang), "127.0.0.1", 0, wire=WIRE, limits=ServerLimits(grace_s=0.05)
        ) as address:
            call = asyncio.create_task(client.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS))
            await busy.wait()
        with pytest.raises(PeerUnreachable):
            await call
        await client.aclose()

    asyncio.run(run())


def test_health_speaks_for_the_node_and_each_service_and_follows_it():
    async def run():
        health, answer = Health(), health_pb2.HealthCheckResponse
        async with (
            serving(MinerOnly(), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END, health=health) as address,
            grpc.aio.insecure_channel(address) as channel,
        ):
            stub = health_pb2_grpc.HealthStub(channel)
            watch = stub.Watch(health_pb2.HealthCheckRequest(service=""))
            assert answer.SERVING == (await watch.read()).status
            for serving_now, want in ((True, answer.SERVING), (False, answer.NOT_SERVING)):
                await health.set_serving(serving_now)
                for name in ("", "augury.v1.Miner"):
                    said = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=20)
                    assert want == said.status
            assert answer.NOT_SERVING == (await watch.read()).status
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Check(health_pb2.HealthCheckRequest(service="augury.v1.Validator"), timeout=20)
            assert grpc.StatusCode.NOT_FOUND == caught.value.code()

    asyncio.run(run())


def test_reflection_lists_and_describes_what_the_node_serves():
    async def run():
        async with (
            serving(MinerOnly(), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as address,
            grpc.aio.insecure_channel(address) as channel,
        ):
            ask = reflection_pb2.ServerReflectionRequest
            requests = [ask(list_services=""), ask(file_containing_symbol="augury.v1.Miner")]
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            listed, described = [reply async for reply in stub.ServerReflectionInfo(iter(requests), timeout=20)]
            names = {service.name for service in listed.list_services_response.service}
            assert {
                "augury.v1.Conversation",
                "augury.v1.Miner",
                "grpc.health.v1.Health",
                "grpc.reflection.v1alpha.ServerReflection",
            } == names
            assert b"CommitRequest" in described.file_descriptor_response.file_descriptor_proto[0]

    asyncio.run(run())


def test_a_reflection_stream_that_asks_nothing_is_ended_without_a_word_in_the_log(caplog):
    async def run():
        limits = ServerLimits(unsigned_s=0.05, grace_s=0.0)
        async with (
            serving(MinerOnly(), "127.0.0.1", 0, wire=WIRE, limits=limits) as address,
            grpc.aio.insecure_channel(address) as channel,
        ):
            idle = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(timeout=20)
            assert grpc.aio.EOF is await idle.read()

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    assert [] == [r.message for r in caplog.records if r.name.startswith("neurons")]


def test_unsigned_streams_are_few_and_never_crowd_out_signed_calls():
    async def run():
        limits = ServerLimits(unsigned=1, grace_s=0.0)
        async with (
            serving(EchoService(), "127.0.0.1", 0, wire=WIRE, limits=limits) as address,
            grpc.aio.insecure_channel(address) as channel,
        ):
            stub = health_pb2_grpc.HealthStub(channel)
            first = stub.Watch(health_pb2.HealthCheckRequest())
            await first.read()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Watch(health_pb2.HealthCheckRequest(), timeout=20).read()
            assert grpc.StatusCode.RESOURCE_EXHAUSTED == caught.value.code()
            client = caller()
            assert b"x" == await client.call(address, Purpose.COMMIT, b"x", timeout_ms=PATIENT_MS)
            await client.aclose()

    asyncio.run(run())
