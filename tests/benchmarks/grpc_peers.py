"""Miners to measure against, in a process of their own, and the floors: gRPC with nothing of ours around it.

A peer process hosts `count` servers of one kind on ports of their own, prints their endpoints, and ends when its
standard input does:

    async with peers("signed", 64) as endpoints, signed_floor(endpoints) as one_round: ...

bare      grpc.aio, bytes in and bytes out by generic handlers
stubs     grpc.aio with the generated stubs and an Envelope parsed and built on both sides
signed    bare, and Ed25519 by pynacl: both sides sign what they send and verify what they get
ours      neurons.transport with a service that answers fixed bytes
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import grpc
from nacl import bindings

from neurons.clock import SystemClock
from neurons.transport.client import GrpcCaller
from neurons.transport.methods import METHODS
from neurons.transport.server import serving
from protocol.messages import Purpose
from protocol.params import MAIN
from protocol.proto.augury.v1 import envelope_pb2, miner_pb2_grpc
from tests.benchmarks.interleaved import Round

HEADER: Final = bytes(range(200))
BODY: Final = bytes(range(200)) * 2
"""As large as a point answer: 100 float32. A request is header and signature; a reply has a body too."""
SIGNATURE_BYTES: Final = 64
PATH: Final = METHODS[Purpose.COMMIT]
TIMEOUT_S: Final = 30.0
OPTIONS: Final = (("grpc.so_reuseport", 0),)
MINER_PUBLIC, MINER_SECRET = bindings.crypto_sign_seed_keypair(b"\x01" * 32)
ASKER_PUBLIC, ASKER_SECRET = bindings.crypto_sign_seed_keypair(b"\x02" * 32)


class FixedService:
    """Answers every call with the same bytes."""

    def serves(self) -> Sequence[Purpose]:
        return (Purpose.COMMIT, Purpose.REVEAL, Purpose.FEEDBACK, Purpose.DESCRIBE)

    async def answer(self, purpose: Purpose, envelope: bytes, *, peer: str) -> bytes:
        return bytes(SIGNATURE_BYTES) + HEADER + BODY

    async def watch(self, envelope: bytes, *, peer: str) -> AsyncIterator[bytes]:
        yield b""


class StubMiner(miner_pb2_grpc.MinerServicer):
    """The same with generated code: an Envelope is parsed and another built."""

    async def Commit(self, request: Any, context: Any) -> Any:
        return envelope_pb2.Envelope(header=request.header, signature=bytes(SIGNATURE_BYTES), body=BODY)


def signed(secret: bytes, header: bytes) -> bytes:
    """signature + header."""
    return bindings.crypto_sign(header, secret)


def verified(public: bytes, message: bytes) -> bytes:
    """The header again; raises BadSignatureError."""
    return bindings.crypto_sign_open(message, public)


async def bare_answer(request: bytes, context: Any) -> bytes:
    return bytes(SIGNATURE_BYTES) + HEADER + BODY


async def signed_answer(request: bytes, context: Any) -> bytes:
    verified(ASKER_PUBLIC, request)
    return signed(MINER_SECRET, HEADER) + BODY


def _add_bytes(answer: Any) -> Callable[[Any], None]:
    service, method = PATH.split("/")[1:]
    handler = grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(answer)})
    return lambda server: server.add_generic_rpc_handlers((handler,))


def _add_stubs(server: Any) -> None:
    miner_pb2_grpc.add_MinerServicer_to_server(StubMiner(), server)


_BARE: Final = {"bare": _add_bytes(bare_answer), "signed": _add_bytes(signed_answer), "stubs": _add_stubs}


@asynccontextmanager
async def _bare_server(add: Callable[[Any], None]) -> AsyncIterator[str]:
    server = grpc.aio.server(options=OPTIONS)
    add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def host(kind: str, count: int) -> None:
    """What the peer process does."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            if kind == "ours":
                server = serving(FixedService(), "127.0.0.1", 0, wire=MAIN.wire)
            else:
                server = _bare_server(_BARE[kind])
            print(await stack.enter_async_context(server), flush=True)
        await asyncio.to_thread(sys.stdin.read)


@asynccontextmanager
async def peers(kind: str, count: int) -> AsyncIterator[tuple[str, ...]]:
    """The endpoints of a fresh peer process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.grpc_peers", kind, str(count)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        lines = [await process.stdout.readline() for _ in range(count)]
        assert all(lines), f"the {kind} peers did not start"
        yield tuple(line.decode().strip() for line in lines)
    finally:
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def _channels(endpoints: Sequence[str]) -> AsyncIterator[list[grpc.aio.Channel]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(grpc.aio.insecure_channel(endpoint)) for endpoint in endpoints]


@asynccontextmanager
async def bare_floor(endpoints: Sequence[str]) -> AsyncIterator[Round]:
    """One round: a request to every "bare" peer at once, each with a deadline."""
    async with _channels(endpoints) as channels:
        calls = [channel.unary_unary(PATH) for channel in channels]
        request = bytes(SIGNATURE_BYTES) + HEADER

        async def one_round() -> int:
            return len(await asyncio.gather(*(call(request, timeout=TIMEOUT_S) for call in calls)))

        yield one_round


@asynccontextmanager
async def stubs_floor(endpoints: Sequence[str]) -> AsyncIterator[Round]:
    """The same through generated stubs."""
    async with _channels(endpoints) as channels:
        stubs = [miner_pb2_grpc.MinerStub(channel) for channel in channels]

        async def one_round() -> int:
            request = envelope_pb2.Envelope(header=HEADER, signature=bytes(SIGNATURE_BYTES))
            return len(await asyncio.gather(*(stub.Commit(request, timeout=TIMEOUT_S) for stub in stubs)))

        yield one_round


@asynccontextmanager
async def signed_floor(endpoints: Sequence[str]) -> AsyncIterator[Round]:
    """The floor for everything signed: one request to every "signed" peer at once, signed and verified both ways."""
    async with _channels(endpoints) as channels:
        calls = [channel.unary_unary(PATH) for channel in channels]

        async def exchange(call: Any) -> None:
            reply = await call(signed(ASKER_SECRET, HEADER), timeout=TIMEOUT_S)
            verified(MINER_PUBLIC, reply[: SIGNATURE_BYTES + len(HEADER)])

        async def one_round() -> int:
            return len(await asyncio.gather(*(exchange(call) for call in calls)))

        yield one_round


@asynccontextmanager
async def our_round(endpoints: Sequence[str]) -> AsyncIterator[Round]:
    """The same through GrpcCaller, unsigned."""
    caller = GrpcCaller(SystemClock(), MAIN.wire)
    request, timeout_ms = bytes(SIGNATURE_BYTES) + HEADER, int(TIMEOUT_S * 1_000)

    async def one_round() -> int:
        calls = (caller.call(endpoint, Purpose.COMMIT, request, timeout_ms=timeout_ms) for endpoint in endpoints)
        return len(await asyncio.gather(*calls))

    try:
        yield one_round
    finally:
        await caller.aclose()


if __name__ == "__main__":
    asyncio.run(host(sys.argv[1], int(sys.argv[2])))
