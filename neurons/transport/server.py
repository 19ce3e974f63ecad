"""A node's face to the network: gRPC around a `Service`, bytes in and bytes out.

    async with serving(service, "0.0.0.0", 8091, wire=params.wire) as address: ...

The envelope goes to the service as it came and the reply goes out as it is: nothing here reads protobuf.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, Final
from urllib.parse import unquote

import grpc

from neurons.ports import Service
from neurons.transport.conversing import SERVICE, Answer, conversation_handler
from neurons.transport.limits import DEFAULT_LIMITS, Door, ServerLimits, Streams, TimeLimit, check_size
from neurons.transport.methods import services_of
from neurons.transport.problems import CannotListen
from neurons.transport.refusing import refuse, refusing, write_in_time
from neurons.transport.turns import TURN_BYTES
from neurons.transport.unsigned import Health, reflection_handler
from protocol.envelope import max_envelope_bytes
from protocol.errors import NodeFault, PortTaken
from protocol.messages import Purpose
from protocol.params import WireParams

MAX_PORT: Final = 65_535
MAX_METADATA_BYTES: Final = 8_192
STREAMS_PER_CONNECTION: Final = 256
WatchQueue = Callable[[str, Callable[[], int]], None]
SPARE_CALLS: Final = 64
"""Room beside the doors' limits in which a refusal can still be spoken."""


def server_options(wire: WireParams) -> list[tuple[str, int]]:
    """Sizes, one listener per port, no compression (a small body may unpack to a huge one), and keepalive.

    The server pings an idle connection once a minute, to be rid of subscribers that vanished, and bears a
    caller's pings every ten seconds (`client.client_options` pings every thirty).
    """
    size = max_envelope_bytes(wire) + TURN_BYTES
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", size),
        ("grpc.max_send_message_length", size),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.max_concurrent_streams", STREAMS_PER_CONNECTION),
        ("grpc.compression_enabled_algorithms_bitset", 1),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]


@asynccontextmanager
async def serving(
    service: Service,
    host: str,
    port: int,
    *,
    wire: WireParams,
    limits: ServerLimits = DEFAULT_LIMITS,
    health: Health | None = None,
    tls: grpc.ServerCredentials | None = None,
    watch_queue: WatchQueue | None = None,
) -> AsyncIterator[str]:
    """Serves until the block ends; gives the address that it listens on, with the port that 0 became.

    watch_queue: told of each door's name and how to ask who is inside (`Metrics.watch_queue`).
    The end is orderly: health says NOT_SERVING, streams end with Stopping, calls in flight have `grace_s`.
    Raises PortTaken or CannotListen (ours) before anything is served.
    """
    health = health or Health()
    doors, streams = _Doors(limits), Streams()
    if watch_queue is not None:
        for door in (doors.calls, doors.watchers, doors.conversations):
            watch_queue(door.what, partial(attrgetter("inside"), door))
    server = grpc.aio.server(
        options=server_options(wire),
        maximum_concurrent_rpcs=limits.answering + limits.watching + limits.conversing + limits.unsigned + SPARE_CALLS,
    )
    services, answers = services_of(service.serves()), _answers(service, doors, wire)
    for name, methods in services.items():
        handlers = {
            method: _single(answers[purpose]) if purpose in answers else _watching(service, doors, streams)
            for method, purpose in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    talks = conversation_handler(answers, doors.conversations, streams, limits, peer_ip)
    server.add_generic_rpc_handlers((talks,))
    await health.speak_for((*services, SERVICE))
    server.add_generic_rpc_handlers((health.handler(doors.unsigned, streams),))
    reflection = reflection_handler((*services, SERVICE), doors.unsigned, streams, limit_s=limits.unsigned_s)
    server.add_generic_rpc_handlers((reflection,))
    address = await _listen(server, host, port, tls)
    await server.start()
    try:
        yield address
    finally:
        await health.leave()
        streams.end()
        await server.stop(limits.grace_s)


@lru_cache(maxsize=4_096)
def peer_ip(peer: str) -> str:
    """The IP address in what gRPC calls a peer ("ipv4:1.2.3.4:5", "ipv6:%5B::1%5D:5"), in its shortest form.

    An IPv4 caller on an IPv6 socket is the IPv4 address that it is. Raises ValueError for what is no IP peer.
    Remembered, because the same few connections call all day.
    """
    family, _, rest = peer.partition(":")
    if family not in ("ipv4", "ipv6"):
        raise ValueError(f"not an IP peer: {peer!r}")
    address = ipaddress.ip_address(unquote(rest.rpartition(":")[0]).strip("[]").partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


class _Doors:
    """The doors of one server."""

    def __init__(self, limits: ServerLimits) -> None:
        self.limits = limits
        self.calls = Door("calls", limits.answering)
        self.watchers = Door("watchers", limits.watching)
        self.conversations = Door("conversations", limits.conversing)
        self.unsigned = Door("health and reflection streams", limits.unsigned)


def _answers(service: Service, doors: _Doors, wire: WireParams) -> dict[Purpose, Answer]:
    """How each call that gives one reply is answered, however it came."""
    unary = (purpose for purpose in service.serves() if purpose is not Purpose.WATCH)
    return {purpose: _answering(service, purpose, doors, max_envelope_bytes(wire)) for purpose in unary}


def _answering(service: Service, purpose: Purpose, doors: _Doors, max_bytes: int) -> Answer:
    in_time = TimeLimit(purpose.name, doors.limits.answer_s)

    async def answer(envelope: bytes, peer: str) -> bytes:
        check_size(envelope, max_bytes)
        with doors.calls, in_time:
            return await service.answer(purpose, envelope, peer=peer)

    return answer


def _single(answer: Answer) -> Any:
    """A call with a stream of its own."""

    async def call(envelope: bytes, context: Any) -> bytes | None:
        try:
            return await answer(envelope, peer_ip(context.peer()))
        except Exception as error:  # noqa: BLE001 - the border: nothing a stranger causes may stop the node
            await refuse(context, error)
            return None

    return grpc.unary_unary_rpc_method_handler(call)


def _watching(service: Service, doors: _Doors, streams: Streams) -> Any:
    limit_s = doors.limits.write_s

    async def watch(envelope: bytes, context: Any) -> None:
        async with refusing(context, streams):
            with doors.watchers:
                frames = service.watch(envelope, peer=peer_ip(context.peer()))
                try:
                    async for frame in frames:
                        await write_in_time(frame, context, limit_s)
                finally:
                    if isinstance(frames, AsyncGenerator):
                        await frames.aclose()

    return grpc.unary_stream_rpc_method_handler(watch)


async def _listen(server: grpc.aio.Server, host: str, port: int, tls: grpc.ServerCredentials | None) -> str:
    """Binds to the first address of the host, IPv4 first, and to that one alone.

    gRPC would take a name's every address and be content with one, so that two nodes could share "localhost".
    """
    family, ip = await _resolve(host, port)
    literal = f"[{ip}]" if family == socket.AF_INET6 else ip
    try:
        if tls is None:
            bound = server.add_insecure_port(f"{literal}:{port}")
        else:
            bound = server.add_secure_port(f"{literal}:{port}", tls)
    except RuntimeError as error:
        raise _why_not(family, ip, host, port) from error
    return f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"


async def _resolve(host: str, port: int) -> tuple[int, str]:
    if not 0 <= port <= MAX_PORT:
        raise CannotListen(f"a port lies in 0..{MAX_PORT}, this one is {port}", host=host, port=port)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CannotListen(f"{host!r} is no address of this machine ({error})", host=host, port=port) from error
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, str(address[0])


def _why_not(family: int, ip: str, host: str, port: int) -> NodeFault:
    """gRPC only says that it could not bind; a plain socket is told why."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                why = f"cannot listen on {host}:{port}: {error.strerror}; choose an address and port of this machine"
                return CannotListen(why, host=host, port=port)
    return PortTaken(
        f"{host}:{port} is taken by another process; stop that one, or give this node another port",
        host=host,
        port=port,
    )
