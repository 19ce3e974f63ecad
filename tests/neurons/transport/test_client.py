"""What one caller bears: peers that are silent, die, come back, or are many. Loopback, port 0."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import grpc
import pytest

from neurons.clock import ScaledClock, SystemClock
from neurons.ports import PeerUnreachable
from neurons.transport.client import ClientLimits, GrpcCaller, target_of
from neurons.transport.limits import ServerLimits
from neurons.transport.methods import METHODS
from neurons.transport.server import serving
from neurons.transport.status import CODE_KEY
from protocol.errors import Ignored, NotFound
from protocol.messages import Purpose
from protocol.params import MAIN
from tests.support.services import EchoService, ScriptedService, never

WIRE = replace(MAIN.wire, max_body_bytes=100_000)
QUICK_END = ServerLimits(grace_s=0.0)
PATIENT_MS, IMPATIENT_MS = 20_000, 60
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def calling(limits: ClientLimits | None = None, clock: ScaledClock | None = None) -> AsyncIterator[GrpcCaller]:
    caller = GrpcCaller(clock or SystemClock(), WIRE, limits=limits or ClientLimits())
    try:
        yield caller
    finally:
        await caller.aclose()


@asynccontextmanager
async def raw_peer(talk: Talk) -> AsyncIterator[str]:
    """A TCP peer that does what `talk` does with each connection and speaks no gRPC."""
    talks = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def reason_of(call: Awaitable[object]) -> object:
    with pytest.raises(PeerUnreachable) as caught:
        await call
    return caught.value.fields["reason"]


def test_a_peer_that_accepts_and_never_speaks_frees_its_caller_at_the_deadline():
    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def run():
        async with raw_peer(say_nothing) as endpoint, calling() as caller:
            assert "timeout" == await reason_of(caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=IMPATIENT_MS))

    asyncio.run(run())


def test_a_peer_that_speaks_something_else_is_unreachable():
    async def speak_smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()

    async def run():
        async with raw_peer(speak_smtp) as endpoint, calling() as caller:
            reason = await reason_of(caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=2_000))
            assert reason in ("unavailable", "timeout")

    asyncio.run(run())


def test_a_peer_that_dies_in_mid_call_frees_its_caller_at_once():
    async def run():
        busy = asyncio.Event()

        async def hang(envelope: bytes) -> bytes:
            busy.set()
            return await never(envelope)

        async with calling() as caller:
            async with serving(ScriptedService(hang), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as endpoint:
                call = asyncio.create_task(caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS))
                await busy.wait()
            assert await reason_of(call) in ("unavailable", "broken-off")

    asyncio.run(run())


def test_a_connection_cut_in_mid_call_frees_its_caller_at_once():
    async def run():
        busy = asyncio.Event()
        connections: list[asyncio.StreamWriter] = []

        async def hang(envelope: bytes) -> bytes:
            busy.set()
            return await never(envelope)

        async with serving(ScriptedService(hang), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as node:

            async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                up, down = await asyncio.open_connection(*node.split(":"))
                connections.append(writer)

                async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                    while data := await source.read(65_536):
                        sink.write(data)

                await asyncio.gather(pump(reader, down), pump(up, writer))

            async with raw_peer(forward) as endpoint, calling() as caller:
                call = asyncio.create_task(caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS))
                await busy.wait()
                for connection in connections:
                    connection.transport.abort()
                assert "unavailable" == await reason_of(call)

    asyncio.run(run())


def test_a_peer_that_restarts_on_its_port_is_asked_again_over_the_same_channel():
    async def run():
        async with calling(ClientLimits(reconnect_s=0.1)) as caller:
            async with serving(EchoService(), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as endpoint:
                assert b"x" == await caller.call(endpoint, Purpose.COMMIT, b"x", timeout_ms=PATIENT_MS)
            reason = await reason_of(caller.call(endpoint, Purpose.COMMIT, b"x", timeout_ms=PATIENT_MS))
            assert reason in ("unavailable", "stopping"), "the peer's last word may still be on its way"
            port = int(endpoint.rpartition(":")[2])
            async with (
                serving(EchoService(), "127.0.0.1", port, wire=WIRE, limits=QUICK_END),
                asyncio.timeout(20),
            ):
                while True:
                    try:
                        reply = await caller.call(endpoint, Purpose.COMMIT, b"again", timeout_ms=PATIENT_MS)
                    except PeerUnreachable:
                        await asyncio.sleep(0)
                    else:
                        break
            assert b"niaga" == reply
            assert (endpoint,) == caller.connected

    asyncio.run(run())


def test_256_endpoints_at_once_are_all_answered():
    async def run():
        async with AsyncExitStack() as stack:
            caller = await stack.enter_async_context(calling())
            endpoints = [
                await stack.enter_async_context(serving(EchoService(), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END))
                for _ in range(256)
            ]
            for purpose in (Purpose.COMMIT, Purpose.REVEAL):
                calls = [caller.call(e, purpose, e.encode(), timeout_ms=PATIENT_MS) for e in endpoints]
                assert [e.encode()[::-1] for e in endpoints] == await asyncio.gather(*calls)
            assert set(endpoints) == set(caller.connected)

    asyncio.run(run())


def test_beyond_its_limit_the_channel_used_longest_ago_is_closed_but_never_one_in_use():
    async def run():
        async with AsyncExitStack() as stack:
            busy, release = asyncio.Event(), asyncio.Event()

            async def wait(envelope: bytes) -> bytes:
                busy.set()
                await release.wait()
                return envelope

            caller = await stack.enter_async_context(calling(ClientLimits(channels=2)))
            services = [ScriptedService(wait), EchoService(), EchoService(), EchoService()]
            held, *others = [
                await stack.enter_async_context(serving(s, "127.0.0.1", 0, wire=WIRE, limits=QUICK_END))
                for s in services
            ]
            call = asyncio.create_task(caller.call(held, Purpose.COMMIT, b"held", timeout_ms=PATIENT_MS))
            await busy.wait()
            for _ in range(2):
                for endpoint in others:
                    assert b"x" == await caller.call(endpoint, Purpose.COMMIT, b"x", timeout_ms=PATIENT_MS)
                    assert {held, endpoint} == set(caller.connected)
            release.set()
            assert b"held" == await call

    asyncio.run(run())


def test_a_call_makes_its_channel_the_last_to_be_closed():
    async def run():
        async with AsyncExitStack() as stack:
            caller = await stack.enter_async_context(calling(ClientLimits(channels=2)))
            first, second, third = [
                await stack.enter_async_context(serving(EchoService(), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END))
                for _ in range(3)
            ]
            for endpoint in (first, second, first, third):
                await caller.call(endpoint, Purpose.COMMIT, b"x", timeout_ms=PATIENT_MS)
            assert (first, third) == caller.connected

    asyncio.run(run())


def test_a_proxy_in_the_environment_is_nothing_to_a_caller(monkeypatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def run():
        async with (
            serving(EchoService(), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as endpoint,
            calling() as caller,
        ):
            by_name = endpoint.replace("127.0.0.1", "localhost")
            assert b"x" == await caller.call(by_name, Purpose.COMMIT, b"x", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_a_deadline_counts_the_clock_that_the_network_lives_by():
    async def run():
        fast = ScaledClock(sim_origin_ms=0, wall_origin_ms=0, scale=10_000)
        async with (
            serving(ScriptedService(never), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as endpoint,
            calling(clock=fast) as caller,
            asyncio.timeout(30),
        ):
            ten_minutes = 600_000
            assert "timeout" == await reason_of(caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=ten_minutes))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        ("127.0.0.1:80", "ipv4:127.0.0.1:80"),
        ("[::1]:8091", "ipv6:[::1]:8091"),
        ("miner.example:65535", "dns:///miner.example:65535"),
    ],
)
def test_an_endpoint_is_a_host_and_a_port(endpoint, target):
    assert target == target_of(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "miner",
        "miner:",
        "miner:0",
        "miner:65536",
        ":80",
        "unix:/run/docker.sock",
        "dns:///x:80",
        "http://x:80",
        "[::1]",
        "[zz]:80",
        "[1.2.3.4]x:80",
        "a b:80",
        "x:80\n",
        "x:80,y:80",
        "a" * 300 + ":80",
    ],
)
def test_what_is_no_host_and_port_is_never_dialled(endpoint):
    async def run():
        async with calling() as caller:
            assert "bad-endpoint" == await reason_of(caller.call(endpoint, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS))
            assert () == caller.connected

    asyncio.run(run())


def test_a_stranger_that_claims_unknown_or_foreign_codes_is_believed_no_further_than_it_may():
    async def run():
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        claims = {"Commit": "store-unavailable", "Reveal": "from-the-future", "Describe": NotFound.code}

        def claiming(code: str):
            async def handle(_: bytes, context: grpc.aio.ServicerContext) -> None:
                await context.abort(grpc.StatusCode.NOT_FOUND, "text", ((CODE_KEY, code),))

            return grpc.unary_unary_rpc_method_handler(handle)

        handlers = {method: claiming(code) for method, code in claims.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("augury.v1.Miner", handlers),))
        endpoint = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            async with calling() as caller:
                for purpose, want in (
                    (Purpose.COMMIT, Ignored),
                    (Purpose.REVEAL, Ignored),
                    (Purpose.DESCRIBE, NotFound),
                ):
                    with pytest.raises(want) as caught:
                        await caller.call(endpoint, purpose, b"", timeout_ms=PATIENT_MS)
                    assert want is type(caught.value)
        finally:
            await server.stop(0)

    asyncio.run(run())


def test_a_watch_gives_the_frames_and_ends_when_the_peer_ends_it():
    async def run():
        async with (
            serving(EchoService(), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as endpoint,
            calling() as caller,
        ):
            frames = caller.watch(endpoint, b"one two three", silence_ms=PATIENT_MS)
            assert [b"one", b"two", b"three"] == [frame async for frame in frames]
            assert "/augury.v1.Validator/Watch" == METHODS[Purpose.WATCH]

    asyncio.run(run())


def test_a_watch_that_is_refused_or_silent_or_cut_says_so():
    async def run():
        service = ScriptedService(NotFound("no such topic"))
        async with calling() as caller:
            async with serving(service, "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as endpoint:
                with pytest.raises(NotFound, match="no such topic"):
                    await anext(caller.watch(endpoint, b"", silence_ms=PATIENT_MS))
                service.script = never
                assert "timeout" == await reason_of(anext(caller.watch(endpoint, b"", silence_ms=IMPATIENT_MS)))
            assert "unavailable" == await reason_of(anext(caller.watch(endpoint, b"", silence_ms=PATIENT_MS)))

    asyncio.run(run())


def test_cancelling_a_watch_cancels_it():
    async def run():
        async with (
            serving(ScriptedService(never), "127.0.0.1", 0, wire=WIRE, limits=QUICK_END) as endpoint,
            calling() as caller,
        ):
            task = asyncio.ensure_future(anext(caller.watch(endpoint, b"", silence_ms=PATIENT_MS)))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
