"""`GrpcCaller`: asks peers over one long-lived channel and one conversation each, never past a deadline.

A channel reconnects by itself, at most `reconnect_s` after its peer is back. While it cannot connect, a
call fails at once; a peer that accepts and stays silent costs its caller the deadline and nobody else anything.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import grpc

from neurons.ports import Clock
from neurons.transport.conversation import Conversation, NotHeld
from neurons.transport.limits import check_size
from neurons.transport.methods import METHODS
from neurons.transport.status import error_of, refusal_in, unreachable
from neurons.transport.turns import TURN_BYTES
from protocol.envelope import max_envelope_bytes
from protocol.errors import AuguryError
from protocol.messages import Purpose
from protocol.params import WireParams

_ENDPOINT: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,253})):(?P<port>[0-9]{1,5})"
)


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What one caller keeps open. Times are wall seconds."""

    channels: int = 4_096
    """Channels kept; the least recently used idle one is closed beyond that."""
    connect_s: float = 5.0
    """How long one attempt to connect may take."""
    reconnect_s: float = 1.0
    """The longest pause between two attempts."""


def client_options(wire: WireParams, limits: ClientLimits) -> list[tuple[str, int]]:
    """Sizes, quick reconnects, a connection per caller, keepalive; no proxy from the environment, no hidden retries."""
    size = max_envelope_bytes(wire) + TURN_BYTES
    return [
        ("grpc.max_receive_message_length", size),
        ("grpc.max_send_message_length", size),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", int(limits.connect_s * 1_000)),
        ("grpc.max_reconnect_backoff_ms", int(limits.reconnect_s * 1_000)),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.compression_enabled_algorithms_bitset", 1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]


def target_of(endpoint: str) -> str:
    """The gRPC target of "host:port". Only TCP: an endpoint comes from a stranger, and gRPC knows other schemes too.

    Raises PeerUnreachable when it is no such text.
    """
    found = _ENDPOINT.fullmatch(endpoint)
    if found is None or not 1 <= int(found["port"]) <= 65_535:
        raise unreachable(endpoint[:80], "bad-endpoint", "want host:port")
    host = found["six"] or found["name"]
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        if found["six"]:
            raise unreachable(endpoint, "bad-endpoint", "want an IPv6 address in the brackets") from None
        return f"dns:///{endpoint}"
    return f"ipv{version}:{endpoint}"


@dataclass(slots=True, eq=False)
class _Line:
    """One peer's channel, its callables, and how many calls are on it now."""

    channel: grpc.aio.Channel
    endpoint: str
    calls: dict[Purpose, grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = field(default_factory=dict)
    busy: int = 0
    conversation: Conversation | None = None
    singly: bool = False
    """The peer holds no conversations: every call has a stream of its own."""

    async def ask(self, purpose: Purpose, envelope: bytes, timeout_s: float) -> bytes:
        """As a turn of the conversation that is open, or of a new one; singly with a peer that holds none."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        if not self.singly:
            if self.conversation is None or self.conversation.over:
                self.conversation = Conversation(self.channel, self.endpoint)
            try:
                return await self.conversation.ask(purpose, envelope, timeout_s=timeout_s)
            except NotHeld as declined:
                self.singly = not declined.ever
        return await self.unary(purpose)(envelope, timeout=max(0.0, until - loop.time()))

    async def close(self) -> None:
        if self.conversation is not None:
            await self.conversation.aclose(lambda: _closed(self.endpoint))
        await self.channel.close(None)

    def unary(self, purpose: Purpose) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
        if purpose not in self.calls:
            self.calls[purpose] = self.channel.unary_unary(METHODS[purpose], None, None)
        return self.calls[purpose]


class GrpcCaller:
    """The `Caller` port over gRPC. Close it when done; what is in flight then fails with PeerUnreachable."""

    def __init__(
        self,
        clock: Clock,
        wire: WireParams,
        *,
        limits: ClientLimits = ClientLimits(),
    ) -> None:
        self._clock, self._limits = clock, limits
        self._options = client_options(wire, limits)
        self._max_bytes = max_envelope_bytes(wire)
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        self._closed = False

    @property
    def connected(self) -> tuple[str, ...]:
        """The endpoints that a channel is kept for, the one that was used longest ago first."""
        return tuple(self._lines)

    async def call(self, endpoint: str, purpose: Purpose, envelope: bytes, *, timeout_ms: int) -> bytes:
        """The peer's reply envelope as sent. Raises PeerUnreachable, or the peer's Rejected or Ignored.

        timeout_ms: of the clock, from now; the call is over then, answered or not.
        """
        line = self._known_line(endpoint, envelope) or await self._new_line(endpoint)
        timeout_s = self._clock.wall_seconds(timeout_ms)
        line.busy += 1
        try:
            reply = await line.ask(purpose, envelope, timeout_s)
            check_size(reply, self._max_bytes)
            return reply
        except grpc.aio.AioRpcError as error:
            raise _typed(error, endpoint) from error
        except asyncio.CancelledError:
            self._raise_if_only_closed(endpoint)
            raise
        finally:
            line.busy -= 1

    async def watch(self, endpoint: str, envelope: bytes, *, silence_ms: int) -> AsyncIterator[bytes]:
        """The frames of a Watch stream, until the peer ends it. Leaving the iterator ends it too.

        silence_ms: of the clock; the longest wait for one frame, after which the peer counts as unreachable.
        Raises like `call`; TooSlow when frames were not taken as fast as they came.
        """
        line = self._known_line(endpoint, envelope) or await self._new_line(endpoint)
        line.busy += 1
        stream = line.channel.unary_stream(METHODS[Purpose.WATCH], None, None)(envelope)
        try:
            while (frame := await self._next(stream, endpoint, silence_ms)) is not None:
                yield frame
        finally:
            stream.cancel()
            line.busy -= 1

    async def aclose(self) -> None:
        """Closes every channel. Calls in flight, and calls from now on, raise PeerUnreachable."""
        self._closed = True
        while self._lines:
            _, line = self._lines.popitem()
            await line.close()

    def _known_line(self, endpoint: str, envelope: bytes) -> _Line | None:
        if self._closed:
            raise _closed(endpoint)
        check_size(envelope, self._max_bytes)
        line = self._lines.get(endpoint)
        if line is not None:
            self._lines.move_to_end(endpoint)
        return line

    async def _new_line(self, endpoint: str) -> _Line:
        line = _Line(grpc.aio.insecure_channel(target_of(endpoint), options=self._options), endpoint)
        self._lines[endpoint] = line
        await self._close_one_idle(but=line)
        return line

    async def _close_one_idle(self, *, but: _Line) -> None:
        """Over the limit, the channel that was used longest ago goes; one that is in use never does."""
        if len(self._lines) <= self._limits.channels:
            return
        idle = next((name for name, line in self._lines.items() if not line.busy and line is not but), None)
        if idle is not None:
            await self._lines.pop(idle).close()

    async def _next(
        self, stream: grpc.aio.UnaryStreamCall[bytes, bytes], endpoint: str, silence_ms: int
    ) -> bytes | None:
        """The next frame, or None at the stream's orderly end."""
        try:
            async with self._clock.timeout(silence_ms):
                frame = await stream.read()
        except TimeoutError as error:
            raise unreachable(endpoint, "timeout", f"no frame for {silence_ms} ms") from error
        except grpc.aio.AioRpcError as error:
            raise _typed(error, endpoint) from error
        except asyncio.CancelledError:
            self._raise_if_only_closed(endpoint)
            raise
        return frame if isinstance(frame, bytes) else None

    def _raise_if_only_closed(self, endpoint: str) -> None:
        """A channel that closes cancels its calls; that must not look as if their tasks had been cancelled."""
        task = asyncio.current_task()
        if self._closed and task is not None and not task.cancelling():
            raise _closed(endpoint) from None


def _closed(endpoint: str) -> AuguryError:
    return unreachable(endpoint, "closed", "this caller is closed")


def _typed(error: grpc.aio.AioRpcError, endpoint: str) -> AuguryError:
    return error_of(refusal_in(error), endpoint=endpoint)
