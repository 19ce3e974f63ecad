"""One miner: what it serves, and how it makes itself known to the validators on its list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from neurons.answering import Desk
from neurons.mining.handlers import Handlers, MinerParts
from neurons.ports import Caller, PeerUnreachable, StoreUnavailable
from neurons.telemetry import CallMade, CallRefused, Registered, StoreFailed, Telemetry
from protocol.admission import Gate, SenderStanding
from protocol.envelope import deadline_after, open_reply, seal
from protocol.errors import AuguryError, Ignored, NotFound, Rejected
from protocol.keys import SigningKey
from protocol.messages import NONCE_BYTES, Purpose, RegisterRequest
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS, Hotkey

LISTED, UNLISTED = SenderStanding(known=True), SenderStanding(known=False)
FIRST_RETRY_MS = 5 * SECOND_MS
LONGEST_RETRY_MS = 5 * MINUTE_MS
REGISTER_EVERY_MS = 6 * HOUR_MS
"""A miner that is known says again where it is, in case a validator lost it."""


@dataclass(frozen=True, slots=True)
class KnownValidator:
    """A validator on this miner's list: who it is and where it listens."""

    hotkey: Hotkey
    endpoint: str


@dataclass(frozen=True, slots=True)
class AllowList:
    """Who may ask this miner for answers: the validators of its list, and nobody else."""

    hotkeys: frozenset[Hotkey]

    def standing_of(self, hotkey: Hotkey) -> SenderStanding:
        return LISTED if hotkey in self.hotkeys else UNLISTED


class MinerNode:
    """A `Service` for the transport, and the task that registers it. Make one with `MinerNode.open`."""

    def __init__(
        self,
        parts: MinerParts,
        *,
        key: SigningKey,
        gate: Gate,
        telemetry: Telemetry,
        caller: Caller,
        validators: Sequence[KnownValidator],
    ) -> None:
        self._parts, self._key, self._caller, self._validators = parts, key, caller, tuple(validators)
        self._telemetry = telemetry
        self._desk = Desk(
            key=key,
            gate=gate,
            handlers=Handlers(parts).by_purpose(),
            clock=parts.clock,
            entropy=parts.entropy,
            store=parts.store,
            telemetry=telemetry,
            on_refusal=self._note_refusal,
        )

    @classmethod
    async def open(
        cls,
        parts: MinerParts,
        *,
        key: SigningKey,
        telemetry: Telemetry,
        caller: Caller,
        validators: Sequence[KnownValidator],
    ) -> MinerNode:
        """Reads back the nonces of before a restart; drafts are read as they are asked for."""
        allowed = AllowList(frozenset(validator.hotkey for validator in validators))
        gate = Gate(me=key.hotkey, accepted=[parts.params], senders=allowed, open_to_anyone=frozenset())
        now = parts.clock.now_ms()
        nonces = await parts.store.live_nonces(now_ms=now)
        gate.restore(((row.hotkey, row.nonce, row.expires_at_ms) for row in nonces), now_ms=now)
        return cls(parts, key=key, gate=gate, telemetry=telemetry, caller=caller, validators=validators)

    def serves(self) -> Sequence[Purpose]:
        return self._desk.serves()

    async def answer(self, purpose: Purpose, envelope: bytes, *, peer: str) -> bytes:
        """The sealed reply to a validator of the list; see the Service port."""
        return await self._desk.answer(purpose, envelope, peer=peer)

    def watch(self, envelope: bytes, *, peer: str) -> AsyncIterator[bytes]:
        """Part of the Service port that a miner has no use for. Raises NotFound."""
        raise NotFound("a miner broadcasts nothing")

    async def register(self, validator: KnownValidator) -> None:
        """Registers with one validator. Raises PeerUnreachable, or why it was refused."""
        parts = self._parts
        now = parts.clock.now_ms()
        timeout = 2 * parts.params.wire.call_timeout_ms
        request = seal(
            RegisterRequest(parts.endpoint, tuple(challenge.name for challenge in parts.params.challenges)),
            key=self._key,
            params=parts.params,
            recipient=validator.hotkey,
            nonce=parts.entropy.bytes(NONCE_BYTES),
            issued_at_ms=now,
            deadline_ms=deadline_after(now, timeout, parts.params.wire),
        )
        raw = await self._caller.call(validator.endpoint, Purpose.REGISTER, request.raw, timeout_ms=timeout)
        received = parts.clock.now_ms()
        open_reply(raw, request=request, params=parts.params, now_ms=received)
        took = parts.clock.wall_seconds(received - now)
        self._telemetry.record(CallMade(purpose="register", peer=validator.endpoint, seconds=took, outcome="ok"))

    async def keep_registered(self, validator: KnownValidator) -> None:
        """Registers until it succeeds, ever more patiently, and again every six hours; runs until cancelled."""
        clock, wait, is_registered = self._parts.clock, FIRST_RETRY_MS, False
        while True:
            try:
                await self.register(validator)
                if not is_registered:
                    self._telemetry.record(Registered(validator=validator.hotkey, peer=validator.endpoint))
                wait, is_registered = REGISTER_EVERY_MS, True
            except (PeerUnreachable, Rejected, Ignored) as error:
                self._telemetry.record(
                    CallRefused(purpose="register", code=error.code, reason=error.public, peer=validator.endpoint)
                )
                wait = FIRST_RETRY_MS if is_registered else min(2 * wait, LONGEST_RETRY_MS)
                is_registered = False
            await clock.sleep_until(clock.now_ms() + wait)

    async def retain(self) -> None:
        """Prunes expired nonces and old drafts every ten minutes; runs until cancelled."""
        parts = self._parts
        keep = parts.params.retention.evidence_ms
        while True:
            now = parts.clock.now_ms()
            try:
                await parts.store.prune(now_ms=now, evidence_before_ms=now - keep)
            except StoreUnavailable as error:
                self._telemetry.record(StoreFailed(reason=error.public))
            await parts.clock.sleep_until(now + 10 * MINUTE_MS)

    async def _note_refusal(self, error: AuguryError, purpose: Purpose, peer: str) -> None:
        called = purpose.name.lower()
        self._telemetry.record(CallRefused(purpose=called, code=error.code, reason=error.public, peer=peer))
