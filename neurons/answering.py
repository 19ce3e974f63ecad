"""How any node answers a request: the gate lets it in, a handler decides, the store keeps it, then the reply is signed.

Validators and miners differ only in their tables of handlers and in who may call them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from neurons.ports import Clock, Entropy, Store
from neurons.records import NO_CHANGE, Change, NonceRow, ReplyRow
from neurons.telemetry import CallServed, Telemetry, tracing
from protocol import codec
from protocol.admission import Admitted, Gate
from protocol.envelope import deadline_after, request_key, seal_reply
from protocol.errors import AuguryError, Ignored, InvalidRequest, InvalidSetting, Rejected
from protocol.keys import SigningKey
from protocol.messages import NONCE_BYTES, Message, Purpose
from protocol.units import UnixMs

MessageT = TypeVar("MessageT")


@dataclass(frozen=True, slots=True)
class Handled:
    """The reply to give, and what must be durable before it is given."""

    reply: Message
    change: Change = NO_CHANGE


Told = Callable[[Message], Change]
"""What must be durable together with a reply: the nonce of its request, and the reply itself for a retry."""


@dataclass(frozen=True, slots=True)
class InTurn:
    """A request that somebody else decides and stores, in a turn of its own: only one whose reply is kept.

    run: returns the reply once it is durable, with what `Told` says of it.
    """

    run: Callable[[Told], Awaitable[Message]]


Handler = Callable[[Admitted, UnixMs], Awaitable[Handled | InTurn]]
OnRefusal = Callable[[AuguryError, Purpose, str], Awaitable[None]]
"""Told of every refused call: the error, the call it came on, the caller's address."""


@dataclass(frozen=True)
class Desk:
    """One node's front desk: whatever comes in is answered here, or refused with a typed error."""

    key: SigningKey
    gate: Gate
    handlers: Mapping[Purpose, Handler]
    clock: Clock
    entropy: Entropy
    store: Store
    telemetry: Telemetry
    on_refusal: OnRefusal
    kept: frozenset[Purpose] = frozenset()
    """Requests whose reply is stored with what they did, and given again to a retry."""

    def serves(self) -> Sequence[Purpose]:
        return tuple(self.handlers)

    async def admit(self, purpose: Purpose, envelope: bytes, *, peer: str) -> Admitted:
        """The request, if it may be acted on. Raises Rejected or Ignored, once the refusal is on record."""
        try:
            return self.gate.admit(envelope, purpose=purpose, peer_ip=peer, now_ms=self.clock.now_ms())
        except (Rejected, Ignored) as error:
            await self.on_refusal(error, purpose, peer)
            raise

    async def answer(self, purpose: Purpose, envelope: bytes, *, peer: str) -> bytes:
        """The sealed reply; see the Service port. Nothing is replied before what it says is durable."""
        started = self.clock.now_ms()
        admitted = await self.admit(purpose, envelope, peer=peer)
        with tracing(admitted.header.nonce):
            try:
                reply = await self._reply(admitted, started)
            except (Rejected, Ignored) as error:
                await self.on_refusal(error, purpose, peer)
                raise
            took = self.clock.wall_seconds(self.clock.now_ms() - started)
            self.telemetry.record(CallServed(purpose=purpose.name.lower(), sender=admitted.header.sender, seconds=took))
        return reply

    async def _reply(self, admitted: Admitted, now_ms: UnixMs) -> bytes:
        """Handles once, stores, then replies; a retry of a kept request is told what was told before."""
        header = admitted.header
        nonces = (NonceRow(header.sender, header.nonce, admitted.nonce_expires_at_ms),)
        if header.purpose in self.kept:
            return await self._reply_once(admitted, now_ms, nonces)
        handled = await self.handlers[header.purpose](admitted, now_ms)
        if isinstance(handled, InTurn):
            raise InvalidSetting(f"the reply to {header.purpose.name} is decided in a turn, and so must be kept")
        sealed = self.seal(codec.encode(handled.reply), admitted)
        await self.store.apply(replace(handled.change, nonces=nonces) if handled.change else Change(nonces=nonces))
        return sealed

    async def _reply_once(self, admitted: Admitted, now_ms: UnixMs, nonces: tuple[NonceRow, ...]) -> bytes:
        request = request_key(admitted.header)
        told = await self.store.reply(request)
        if told is not None and told.expires_at_ms > now_ms:
            await self.store.apply(Change(nonces=nonces))
            return self.seal(told.reply, admitted)
        expires = UnixMs(now_ms + admitted.params.wire.max_lifetime_ms)

        def kept(reply: Message) -> Change:
            return Change(nonces=nonces, replies=(ReplyRow(request, codec.encode(reply), expires),))

        handled = await self.handlers[admitted.header.purpose](admitted, now_ms)
        if isinstance(handled, InTurn):
            return self.seal(codec.encode(await handled.run(kept)), admitted)
        rows = kept(handled.reply)
        await self.store.apply(replace(handled.change, nonces=rows.nonces, replies=rows.replies))
        return self.seal(rows.replies[0].reply, admitted)

    def seal(self, body: bytes, admitted: Admitted) -> bytes:
        """A reply's envelope, under the params that the request was sealed under."""
        now = self.clock.now_ms()
        return seal_reply(
            body,
            asked=admitted.header,
            asked_digest=admitted.header_digest,
            key=self.key,
            params=admitted.params,
            nonce=self.entropy.bytes(NONCE_BYTES),
            issued_at_ms=now,
            deadline_ms=deadline_after(now, admitted.params.wire.call_timeout_ms, admitted.params.wire),
        )


def expect(admitted: Admitted, wanted: type[MessageT]) -> MessageT:
    """The admitted message, as the type its handler takes. Raises InvalidRequest."""
    if not isinstance(admitted.message, wanted):
        raise InvalidRequest(f"this call takes a {wanted.__name__}")
    return admitted.message
