"""Many calls over one kept-open stream: what each side bears from the other. Loopback, port 0."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from neurons.clock import SystemClock
from neurons.ports import PeerUnreachable
from neurons.transport.client import GrpcCaller, _Line
from neurons.transport.conversation import CONVERSE, Conversation
from neurons.transport.limits import ServerLimits
from neurons.transport.methods import METHODS
from neurons.transport.server import serving
from neurons.transport.status import CODE_KEY
from protocol.errors import Ignored, Malformed, TooSlow, UnknownSender, WrongPhase
from protocol.messages import Purpose
from protocol.params import MAIN
from protocol.proto.augury.v1.conversation_pb2 import Turn
from tests.support.services import EchoService, ScriptedService, never

WIRE = MAIN.wire
PATIENT_MS, IMPATIENT_MS = 20_000, 60


@asynccontextmanager
async def calling() -> AsyncIterator[GrpcCaller]:
    caller = GrpcCaller(SystemClock(), WIRE)
    try:
        yield caller
    finally:
        await caller.aclose()


def node(service: EchoService, **limits: Any) -> Any:
    return serving(service, "127.0.0.1", 0, wire=WIRE, limits=ServerLimits(**{"grace_s": 0.0} | limits))


@asynccontextmanager
async def talking(address: str) -> AsyncIterator[Any]:
    """A stream of turns written by hand."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel.stream_stream(CONVERSE)()


@asynccontextmanager
async def bare_peer(path: str, handler: Any) -> AsyncIterator[str]:
    """A gRPC server that knows one method and nothing of ours."""
    service, method = path.split("/")[1:]
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


def turn(number: int, envelope: bytes = b"") -> bytes:
    return Turn(number=number, purpose=Purpose.COMMIT.value, envelope=envelope).SerializeToString()  # type: ignore[arg-type]


async def end_of(stream: Any) -> tuple[grpc.StatusCode, str]:
    """The status and the code that a stream ends with, whatever came before."""
    try:
        async with asyncio.timeout(20):
            while await stream.read() is not grpc.aio.EOF:
                pass
    except grpc.aio.AioRpcError:
        pass
    trailing = dict(await stream.trailing_metadata() or ())
    return await stream.code(), trailing.get(CODE_KEY, "")


def test_a_slow_answer_holds_up_no_other_call_to_the_same_peer():
    async def run():
        waiting, go_on = asyncio.Event(), asyncio.Event()

        async def first_waits(envelope: bytes) -> bytes:
            if envelope == b"slow":
                waiting.set()
                await go_on.wait()
            return envelope

        async with node(ScriptedService(first_waits)) as address, calling() as caller:
            slow = asyncio.create_task(caller.call(address, Purpose.COMMIT, b"slow", timeout_ms=PATIENT_MS))
            await waiting.wait()
            assert b"quick" == await caller.call(address, Purpose.COMMIT, b"quick", timeout_ms=PATIENT_MS)
            go_on.set()
            assert b"slow" == await slow

    asyncio.run(run())


def test_a_refused_call_leaves_the_conversation_open_for_the_next():
    async def run():
        service = ScriptedService(WrongPhase("too early"))
        async with node(service) as address, calling() as caller:
            for _ in range(2):
                with pytest.raises(WrongPhase):
                    await caller.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)
            service.script = b"now"
            assert b"now" == await caller.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_a_peer_that_holds_no_conversations_is_called_singly():
    async def run():
        async def answer(request: bytes, context: Any) -> bytes:
            return b"single " + request

        handler = grpc.unary_unary_rpc_method_handler(answer)
        async with bare_peer(METHODS[Purpose.COMMIT], handler) as address, calling() as caller:
            for number in (b"1", b"2"):
                assert b"single " + number == await caller.call(address, Purpose.COMMIT, number, timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_a_caller_that_finds_no_place_for_a_conversation_is_answered_singly():
    async def run():
        async with node(EchoService(), conversing=1) as address, talking(address) as stream, calling() as caller:
            await stream.write(turn(1, b"me"))
            assert b"em" == Turn.FromString(await stream.read()).envelope
            assert b"uoy" == await caller.call(address, Purpose.COMMIT, b"you", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_a_conversation_that_brings_nothing_answerable_is_ended():
    async def run():
        service = ScriptedService(Ignored("no"))
        async with node(service, prove_s=0.05) as address, talking(address) as stream:
            await stream.write(turn(1))
            assert (grpc.StatusCode.PERMISSION_DENIED, UnknownSender.code) == await end_of(stream)

    asyncio.run(run())


def test_a_conversation_whose_first_answer_takes_long_is_not_ended_for_it():
    async def run():
        async def slow(envelope: bytes) -> bytes:
            thought = asyncio.Event()
            asyncio.get_running_loop().call_later(0.1, thought.set)
            await thought.wait()
            return b"at last"

        async with node(ScriptedService(slow), prove_s=0.02) as address, calling() as caller:
            assert b"at last" == await caller.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_bytes_that_are_no_turn_end_the_conversation_and_nothing_else():
    async def run():
        async with node(EchoService()) as address, talking(address) as stream, calling() as caller:
            await stream.write(b"\xff\xff")
            assert (grpc.StatusCode.INVALID_ARGUMENT, Malformed.code) == await end_of(stream)
            assert b"x" == await caller.call(address, Purpose.COMMIT, b"x", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_a_caller_that_does_not_read_its_answers_is_not_read_on_and_then_ended():
    async def run():
        service, inside = ScriptedService(bytes(1_000_000)), dict[str, Callable[[], int]]()
        limits = ServerLimits(turns=4, write_s=0.2, grace_s=0.0)
        served = serving(service, "127.0.0.1", 0, wire=WIRE, limits=limits, watch_queue=inside.__setitem__)
        async with served as address, talking(address) as stream:
            for number in range(300):
                await stream.write(turn(number))
            async with asyncio.timeout(20):
                while not service.seen or inside["conversations"]():  # noqa: ASYNC110  a count, and nobody tells of it
                    await asyncio.sleep(0.01)
            assert (grpc.StatusCode.RESOURCE_EXHAUSTED, TooSlow.code) == await end_of(stream)
        assert 150 > len(service.seen)

    asyncio.run(run())


def test_a_peer_whose_turns_are_no_turns_is_unreachable_and_asked_anew():
    async def run():
        heard: list[bytes] = []

        async def gibberish_first(_: Any, context: Any) -> None:
            while isinstance(raw := await context.read(), bytes):
                heard.append(raw)
                number = Turn.FromString(raw).number
                good = Turn(number=number, envelope=b"well").SerializeToString()
                await context.write(b"\xff\xff" if len(heard) == 1 else good)

        handler = grpc.stream_stream_rpc_method_handler(gibberish_first)
        async with bare_peer(CONVERSE, handler) as address, calling() as caller:
            with pytest.raises(PeerUnreachable) as caught:
                await caller.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)
            assert "broken-off" == caught.value.fields["reason"]
            assert b"well" == await caller.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_an_answer_to_a_number_that_nobody_waits_for_is_passed_over():
    async def run():
        async def answers_strangers_first(_: Any, context: Any) -> None:
            number = Turn.FromString(await context.read()).number
            for which, said in ((number + 7, b"not yours"), (number, b"yours"), (number, b"twice")):
                await context.write(Turn(number=which, envelope=said).SerializeToString())

        handler = grpc.stream_stream_rpc_method_handler(answers_strangers_first)
        async with bare_peer(CONVERSE, handler) as address, calling() as caller:
            assert b"yours" == await caller.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_a_conversation_that_fell_silent_is_given_up_and_the_next_call_begins_another():
    async def run():
        streams = 0

        async def first_is_deaf(_: Any, context: Any) -> None:
            nonlocal streams
            streams += 1
            if streams == 1:
                await never(b"")
            number = Turn.FromString(await context.read()).number
            await context.write(Turn(number=number, envelope=b"heard").SerializeToString())

        handler = grpc.stream_stream_rpc_method_handler(first_is_deaf)
        async with bare_peer(CONVERSE, handler) as address, calling() as caller:
            with pytest.raises(PeerUnreachable) as caught:
                await caller.call(address, Purpose.COMMIT, b"", timeout_ms=IMPATIENT_MS)
            assert "timeout" == caught.value.fields["reason"]
            assert b"heard" == await caller.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS)

    asyncio.run(run())


def test_a_node_that_stops_still_answers_what_it_is_thinking_about():
    async def run():
        thinking, think_on = asyncio.Event(), asyncio.Event()

        async def think(envelope: bytes) -> bytes:
            thinking.set()
            await think_on.wait()
            return b"thought"

        async with calling() as caller:
            async with node(ScriptedService(think), grace_s=10.0) as address:
                call = asyncio.create_task(caller.call(address, Purpose.COMMIT, b"", timeout_ms=PATIENT_MS))
                await thinking.wait()
                asyncio.get_running_loop().call_later(0.05, think_on.set)
            assert b"thought" == await call

    asyncio.run(run())


def test_an_answer_at_the_last_moment_is_an_answer_and_leaves_the_conversation_open():
    async def run():
        async with node(EchoService()) as address, grpc.aio.insecure_channel(address) as channel:
            conversation = Conversation(channel, address)
            take = conversation._take

            def answered_and_out_of_time_at_once(number: int, reply: bytes) -> None:
                take(number, reply)
                conversation._expire(number, 1.0)

            conversation._take = answered_and_out_of_time_at_once  # type: ignore[method-assign,assignment]
            for envelope in (b"one", b"two"):
                assert envelope[::-1] == await conversation.ask(Purpose.COMMIT, envelope, timeout_s=20.0)
            assert not conversation.over
            await conversation.aclose(RuntimeError)

    asyncio.run(run())


class EndingStream:
    """A stream that the peer ends before our first turn is written: gRPC then says INTERNAL for whatever it said."""

    def __init__(self, elapse: Callable[[], None]) -> None:
        self._elapse = elapse

    async def write(self, _: bytes) -> None:
        raise internal()

    async def read(self) -> bytes:
        self._elapse()
        raise internal()

    def cancel(self) -> None:
        """Nothing is left to cancel."""


def internal() -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, nothing, nothing, "Internal error from Core")


class EndingChannel:
    """Holds no conversation, hides it, and takes 15 s to do so; answers what is asked singly."""

    def __init__(self) -> None:
        self.timeouts: list[float] = []

    def stream_stream(self, *_: Any) -> Callable[[None], EndingStream]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        return lambda _: EndingStream(lambda: setattr(loop, "time", lambda: began + 15.0))

    def unary_unary(self, *_: Any) -> Callable[..., Any]:
        async def answer(envelope: bytes, **settings: float) -> bytes:
            self.timeouts.append(settings["timeout"])
            return envelope[::-1]

        return answer


def test_a_stream_that_ends_as_it_is_written_to_hides_no_answer_and_makes_no_deadline_longer():
    async def run():
        channel = EndingChannel()
        line = _Line(channel, "a peer")  # type: ignore[arg-type]
        assert b"eno" == await line.ask(Purpose.COMMIT, b"one", 20.0)
        assert [pytest.approx(5.0, abs=1.0)] == channel.timeouts
        assert not line.singly, "whether the peer holds conversations is still unknown"

    asyncio.run(run())
