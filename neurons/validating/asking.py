"""Asking miners: one signed call each, all at once, each with its own deadline; what comes back goes to the intake.

A miner that does not answer costs its own slot and nobody else's. A question is asked again while its window is open
and no reply has come that the miner's own signature stands for; one that was answered, soundly or not, is not.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from neurons.ports import PeerUnreachable, StoreUnavailable
from neurons.records import Change, CommitmentRow, MinerRow, RoundRow, SubmissionRow
from neurons.telemetry import AnswerTaken, CallMade, CallRefused, StoreFailed, adopt_trace
from neurons.validating.intake import take_answer, take_commitment
from neurons.validating.parts import ValidatorParts
from neurons.validating.refusals import offender_of, refusal_change
from protocol import codec
from protocol.envelope import Opened, deadline_after, open_reply, seal_body
from protocol.errors import AuguryError, Ignored, Rejected
from protocol.messages import (
    NONCE_BYTES,
    CommitReply,
    DescribeReply,
    DescribeRequest,
    FeedbackRequest,
    Message,
    Opening,
    Purpose,
    Receipt,
    RevealReply,
    RevealRequest,
)
from protocol.receipts import sign_receipt
from protocol.rules.calendar import round_times
from protocol.rules.challenges import VALID, kind_of
from protocol.units import MINUTE_MS, Hotkey, RoundId, UnixMs

MessageT = TypeVar("MessageT")

ATTEMPTS: Final = 3
"""How often a miner is asked in one window until a reply of its own comes."""
KEEP_TRYING_MS: Final = 10 * MINUTE_MS
"""How long a refusal is held while the store cannot take it."""
AT_ONCE: Final = 1_024
"""How many calls may be under way at one time."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A verified reply and when it came, stamped on arrival."""

    opened: Opened
    received_at_ms: UnixMs


class Asker:
    """The validator's mouth: sends one question to many miners and stores what they say."""

    def __init__(self, parts: ValidatorParts) -> None:
        self._parts = parts
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._held: Counter[RoundId] = Counter()
        """Commitments that were heard and that the store has not taken yet."""

    async def commitments(self, row: RoundRow, opening: Opening, miners: Sequence[MinerRow]) -> None:
        """Asks every miner that has not committed yet; returns when all have answered or the window is over.

        Nobody is asked for a kind of question whose answers are only pushed.
        """
        parts = self._parts
        question = kind_of(parts.params, opening.challenge).ask(opening)
        if question is None:
            return
        known = {c.hotkey: c for c in await parts.store.commitments(row.round_id)}
        times = round_times(opening.anchor_at_ms, parts.params.time)
        body = codec.encode(question)

        async def ask(miner: MinerRow) -> None:
            heard = await self._ask(miner, Purpose.COMMIT, body, until_ms=times.commit_closes_ms)
            reply = _expected(heard.opened.message, CommitReply)
            if reply.round_id != row.round_id:
                raise Rejected("the commitment names another round than the one that was asked")
            taken = take_commitment(
                opening,
                miner.hotkey,
                reply.commitment,
                known=known.get(miner.hotkey),
                received_at_ms=heard.received_at_ms,
                evidence=heard.opened.raw,
                time=parts.params.time,
            )
            self._held[row.round_id] += 1
            try:
                await self._keep(Change(commitments=(taken,)), until_ms=times.reveal_closes_ms)
            finally:
                self._held[row.round_id] -= 1
            self._note(opening, miner.hotkey, "committed")

        await self._all([miner for miner in miners if miner.hotkey not in known], Purpose.COMMIT, ask)
        del self._held[row.round_id]

    async def answers(self, row: RoundRow, opening: Opening, miners: Sequence[MinerRow]) -> None:
        """Asks everybody who committed and has not revealed; hands each the receipt for its commitment.

        Commitments that the store takes late, because it was full, are followed up while the window is open.
        """
        parts = self._parts
        committed = {c.hotkey: c for c in await parts.store.commitments(row.round_id)}
        done = {s.hotkey for s in await parts.store.submissions(row.round_id)}
        times = round_times(opening.anchor_at_ms, parts.params.time)
        kind = kind_of(parts.params, opening.challenge)

        async def ask(miner: MinerRow) -> None:
            commitment = committed[miner.hotkey]
            body = codec.encode(RevealRequest(row.round_id, opening.anchor_at_ms, self._receipt(commitment)))
            heard = await self._ask(miner, Purpose.REVEAL, body, until_ms=times.reveal_closes_ms)
            reply = _expected(heard.opened.message, RevealReply)
            taken = take_answer(
                opening,
                miner.hotkey,
                reply.salt,
                reply.answer,
                commitment=commitment,
                kind=kind,
                received_at_ms=heard.received_at_ms,
                evidence=heard.opened.raw,
                time=parts.params.time,
            )
            await self._keep(self.taken_change(taken), until_ms=times.resolvable_from_ms)
            self._note(opening, miner.hotkey, taken.status)

        while True:
            await self._all([m for m in miners if m.hotkey in committed and m.hotkey not in done], Purpose.REVEAL, ask)
            done |= committed.keys()
            if not self._held[row.round_id] or parts.clock.now_ms() >= times.reveal_closes_ms:
                return
            await parts.clock.sleep_until(parts.clock.now_ms() + self._retry_after_ms)
            committed = {c.hotkey: c for c in await parts.store.commitments(row.round_id)}

    async def tell(self, miners: Sequence[tuple[MinerRow, FeedbackRequest]], *, until_ms: int) -> None:
        """Tells each miner what became of its answer. Best effort: the same stands in the store for ever."""
        bodies = {miner.hotkey: codec.encode(feedback) for miner, feedback in miners}

        async def one(miner: MinerRow) -> None:
            await self._traced_call(miner, Purpose.FEEDBACK, bodies[miner.hotkey], until_ms=until_ms)

        await self._all([miner for miner, _ in miners], Purpose.FEEDBACK, one)

    async def dial_back(self, endpoint: str, hotkey: Hotkey) -> DescribeReply:
        """Asks the endpoint of a registration who it is; only the hotkey itself can sign the reply.

        Raises PeerUnreachable, or what is wrong with the reply.
        """
        until = self._parts.clock.now_ms() + self._parts.params.wire.call_timeout_ms
        body = codec.encode(DescribeRequest())
        nonce = self._parts.entropy.bytes(NONCE_BYTES)
        heard = await self._call(endpoint, hotkey, Purpose.DESCRIBE, body, nonce=nonce, until_ms=until)
        return _expected(heard.opened.message, DescribeReply)

    def _note(self, opening: Opening, miner: Hotkey, status: str) -> None:
        event = AnswerTaken(round_id=opening.round_id, challenge=opening.challenge, miner=miner, status=status)
        self._parts.telemetry.record(event)

    def _receipt(self, commitment: CommitmentRow) -> Receipt:
        return sign_receipt(
            "commit",
            commitment.round_id,
            commitment.hotkey,
            evidence=commitment.evidence,
            received_at_ms=commitment.received_at_ms,
            key=self._parts.key,
        )

    async def _all(
        self,
        miners: Sequence[MinerRow],
        purpose: Purpose,
        ask: Callable[[MinerRow], Awaitable[None]],
    ) -> None:
        """Runs `ask` for every miner side by side; one miner's failure is recorded and touches nobody else."""
        now = self._parts.clock.now_ms()

        async def guarded(miner: MinerRow) -> None:
            started, outcome = self._parts.clock.now_ms(), "ok"
            try:
                await ask(miner)
            except (Rejected, Ignored, PeerUnreachable) as error:
                outcome = error.code
                await self._record(error, purpose, miner)
            took = self._parts.clock.wall_seconds(self._parts.clock.now_ms() - started)
            self._parts.telemetry.record(
                CallMade(purpose=purpose.name.lower(), peer=miner.endpoint, seconds=took, outcome=outcome)
            )

        async with asyncio.TaskGroup() as calls:
            for miner in miners:
                if miner.suspended_until_ms <= now:
                    calls.create_task(guarded(miner))

    async def _ask(self, miner: MinerRow, purpose: Purpose, body: bytes, *, until_ms: int) -> Heard:
        """One question, asked again while the window is open and nothing has come that the miner signed.

        Who alters a reply on its way, or a miner whose clock is a little slow, costs a call and not the round.
        """
        clock = self._parts.clock
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._traced_call(miner, purpose, body, until_ms=until_ms)
            except (PeerUnreachable, Rejected, Ignored) as error:
                if offender_of(error) is not None or clock.now_ms() >= until_ms:
                    raise
                await clock.sleep_until(clock.now_ms() + (until_ms - clock.now_ms()) // 4)
        return await self._traced_call(miner, purpose, body, until_ms=until_ms)

    async def _traced_call(self, miner: MinerRow, purpose: Purpose, body: bytes, *, until_ms: int) -> Heard:
        """A call under whose nonce the rest of this task is logged: the miner logs and stores the same one."""
        nonce = self._parts.entropy.bytes(NONCE_BYTES)
        adopt_trace(nonce)
        return await self._call(miner.endpoint, miner.hotkey, purpose, body, nonce=nonce, until_ms=until_ms)

    async def _call(
        self, endpoint: str, hotkey: Hotkey, purpose: Purpose, body: bytes, *, nonce: bytes, until_ms: int
    ) -> Heard:
        parts = self._parts
        async with self._slots:
            now = parts.clock.now_ms()
            timeout = min(parts.params.wire.call_timeout_ms, until_ms - now)
            if timeout <= 0:
                raise PeerUnreachable("the window closed before the call could be made")
            request = seal_body(
                body,
                purpose=purpose,
                key=parts.key,
                params=parts.params,
                recipient=hotkey,
                nonce=nonce,
                issued_at_ms=now,
                deadline_ms=deadline_after(now, timeout, parts.params.wire),
            )
            raw = await parts.caller.call(endpoint, purpose, request.raw, timeout_ms=timeout)
            received = parts.clock.now_ms()
        return Heard(open_reply(raw, request=request, params=parts.params, now_ms=received), received)

    def taken_change(self, taken: SubmissionRow) -> Change:
        """The rows of an answer, pulled or pushed. An unsound one costs its miner standing too, besides the cap:
        it was signed, so the fault is proved."""
        parts = self._parts
        if taken.status == VALID:
            return Change(submissions=(taken,))
        offence = refusal_change(
            taken.status,
            taken.reason,
            hotkey=taken.hotkey,
            offender=taken.hotkey,
            registry=parts.registry,
            now_ms=parts.clock.now_ms(),
        )
        return replace(offence, submissions=(taken,))

    async def _record(self, error: AuguryError, purpose: Purpose, miner: MinerRow) -> None:
        """A refusal counted, and an offence where a signature proves whose it is."""
        parts = self._parts
        parts.telemetry.record(
            CallRefused(
                purpose=purpose.name.lower(),
                code=error.code,
                reason=error.public,
                peer=miner.endpoint,
                sender=offender_of(error),
            )
        )
        now = parts.clock.now_ms()
        change = refusal_change(
            error.code,
            error.public,
            hotkey=miner.hotkey,
            offender=offender_of(error),
            registry=parts.registry,
            now_ms=now,
        )
        await self._keep(change, until_ms=now + KEEP_TRYING_MS)

    async def _keep(self, change: Change, *, until_ms: int) -> None:
        """Stores what was heard; while the store cannot, holds it and tries again, until it is no use any more."""
        parts = self._parts
        while True:
            try:
                await parts.store.apply(change)
            except StoreUnavailable as error:
                parts.telemetry.record(StoreFailed(reason=error.public))
                if parts.clock.now_ms() >= until_ms:
                    return
                await parts.clock.sleep_until(parts.clock.now_ms() + self._retry_after_ms)
            else:
                return

    @property
    def _retry_after_ms(self) -> int:
        """How long to wait for a store that has no room: a few tries in every window."""
        return self._parts.params.time.settle_delay_ms // 6


def _expected(message: Message, wanted: type[MessageT]) -> MessageT:
    if not isinstance(message, wanted):
        raise Rejected(f"wanted a {wanted.__name__}, was a {type(message).__name__}")
    return message
