"""`StreamWriter`: publishes, predicts and all else that a key does to open streams, each act signed and numbered.

    async with StreamWriter(validator, key, params=MAIN, name_nonce=nonce) as writer:
        await writer.publish("cop.json", 42.5)
        refused = await writer.submit({("cop.json", 70): scenarios, ("cop.json", 310): others})

An act is sent again, with the same number, while the validator cannot be reached: whether or not the first one came
through, it happens once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from numpy.typing import ArrayLike

from neurons.client.reader import Wire, expect
from neurons.client.stream_reader import StreamReader
from neurons.client.stream_requests import Publishable, batches, named_value
from neurons.peers_file import ListedValidator
from neurons.ports import Clock, Entropy, PeerUnreachable
from protocol.envelope import Opened
from protocol.errors import BodyMismatch, InvalidRequest, Overloaded
from protocol.keys import SigningKey
from protocol.messages import (
    MAX_ROWS,
    AddLink,
    BalanceAnswer,
    BalanceQuestion,
    Cancel,
    Delete,
    EndKey,
    Message,
    Publish,
    Receipt,
    RefusedPart,
    RemoveLink,
    StreamAct,
    StreamActReply,
    StreamActRequest,
    StreamReadReply,
    StreamReadRequest,
    SubmitReply,
    SubmitRequest,
    Subscribe,
    TakeName,
    Touch,
    TransferPoints,
    Unsubscribe,
)
from protocol.messages.streams import NAME_NONCE_BYTES
from protocol.params import MAIN, NetworkParams
from protocol.receipts import check_receipt
from protocol.rules.memorable import MIN_LETTERS, difficulty, require_difficulty
from protocol.rules.stream_names import horizon_name
from protocol.rules.succession import Succession
from protocol.units import MICRO, Hotkey, Micros, short

NumberedReplyT = TypeVar("NumberedReplyT", StreamActReply, SubmitReply)

PATIENCE_CALLS: Final = 3
"""An act is given up after the time of so many calls."""
PAUSES_IN_A_CALL: Final = 50
"""The first pause before an act is sent again is such a part of a call's time, each further one twice as long ..."""
LONGEST_PAUSES_IN_A_CALL: Final = 2
"""... and none longer than this part."""
FOR_GOOD: Final = frozenset({"bad-endpoint", "closed", "not-served"})
"""Why a peer is unreachable, where asking again cannot help."""


class StreamWriter(StreamReader):
    """Open streams as their owners and predictors act on them. Use as `async with`.

    One act is under way at a time, in the order in which they were asked for; their numbers are the clock's ms, rising.
    Acts raise the validator's refusal as the Rejected or Ignored that it named, what cannot be before it is sent, and
    PeerUnreachable when the validator stays away for `patience_ms`: the act may have happened then, or not.
    """

    def __init__(
        self,
        validator: ListedValidator,
        key: SigningKey,
        *,
        params: NetworkParams = MAIN,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        wire: Wire | None = None,
        name_nonce: int | None = None,
        patience_ms: int | None = None,
    ) -> None:
        """name_nonce: with which the key has its memorable name; a validator that does not know it is told.

        patience_ms: how long one act is tried, of the clock; three calls' time unless given.  The rest as `Reader`.
        Raises InvalidRequest for a nonce that gives this key no name.
        """
        super().__init__(validator, key, params=params, clock=clock, entropy=entropy, wire=wire)
        if name_nonce is not None:
            require_difficulty(key.hotkey, name_nonce, MIN_LETTERS)
        self._untold_nonce = name_nonce
        self._patience_ms = PATIENCE_CALLS * params.wire.call_timeout_ms if patience_ms is None else patience_ms
        self._turn = asyncio.Lock()
        self._sequence = 0

    async def publish(
        self, name: str, value: Publishable, *, budget: float = 1.0, rule: str = "", with_percentiles: bool = False
    ) -> StreamActReply:
        """A stream's next value; a name that is free becomes one's own. The reply says where the value fell.

        budget: what its settlements multiply by.  rule: of settlement, chosen with the first value.
        """
        return await self._act(Publish((named_value(name, value, budget=budget, rule=rule),), with_percentiles))

    async def publish_set(
        self,
        values: Mapping[str, Publishable],
        *,
        budgets: Mapping[str, float] | None = None,
        with_percentiles: bool = True,
        with_copulas: bool = True,
    ) -> StreamActReply:
        """Values of several streams in one instant, all or none. budgets: 1 for a stream that is not in it."""
        wanted = {} if budgets is None else budgets
        named = tuple(named_value(name, value, budget=wanted.get(name, 1.0)) for name, value in values.items())
        return await self._act(Publish(named, with_percentiles, with_copulas))

    async def submit(self, forecasts: Mapping[tuple[str, int], ArrayLike]) -> tuple[RefusedPart, ...]:
        """Scenarios by (name, delay), in as few signed batches as the wire takes; returns what was refused of them.

        After a PeerUnreachable those batches stand that were taken before it: submit all again.
        """
        await self._be_known()
        refused: list[RefusedPart] = []
        for batch in batches(forecasts, self._params.wire):
            refused += (await self._numbered(batch.request, SubmitReply)).refused
        return tuple(refused)

    async def cancel(self, horizons: Iterable[tuple[str, int]]) -> tuple[RefusedPart, ...]:
        """Withdraws one's scenarios from these (name, delay), after their quarantine; returns what was refused."""
        names = [horizon_name(name, delay) for name, delay in horizons]
        refused: list[RefusedPart] = []
        for start in range(0, len(names), MAX_ROWS):
            refused += (await self._act(Cancel(tuple(names[start : start + MAX_ROWS])))).refused
        return tuple(refused)

    async def touch(self, *names: str) -> StreamActReply:
        """These streams live on, though no value comes."""
        return await self._act(Touch(names))

    async def delete(self, name: str) -> StreamActReply:
        """Ends a stream, with its links, subscriptions and submissions; its name is free."""
        return await self._act(Delete(name))

    async def link(self, name: str, delay: int, target: str) -> StreamActReply:
        """States that a stream's delayed values may explain a target."""
        return await self._act(AddLink(name, delay, target))

    async def unlink(self, name: str, delay: int, target: str) -> StreamActReply:
        """Takes that back; either side's owner may."""
        return await self._act(RemoveLink(name, delay, target))

    async def subscribe(self, subscriber: str, source: str) -> StreamActReply:
        """Each value of the source goes into the subscriber's mailbox."""
        return await self._act(Subscribe(subscriber, source))

    async def unsubscribe(self, subscriber: str, source: str) -> StreamActReply:
        """No further value does."""
        return await self._act(Unsubscribe(subscriber, source))

    async def transfer(self, recipient: Hotkey, amount: float | None = None) -> StreamActReply:
        """Points for a key in debt, in whole points and their fractions; None: all that can be given."""
        if amount is not None and not 0.0 < amount < float("inf"):
            raise InvalidRequest(f"an amount is a positive number, was {amount!r:.40}", field="amount")
        return await self._act(TransferPoints(recipient, Micros(0 if amount is None else round(amount * MICRO))))

    async def take_name(self, nonce: int) -> StreamActReply:
        """Tells the validator the nonce with which one's key has its memorable name."""
        act = TakeName(nonce.to_bytes(NAME_NONCE_BYTES, "big"))
        return await self._numbered(lambda sequence: StreamActRequest(sequence, act), StreamActReply)

    async def end_key(self, succession: Succession) -> StreamActReply:
        """Brings the statement that a key is handed over or revoked; from then on that key signs nothing more."""
        stated = succession
        end = EndKey(stated.before, stated.after, stated.issued_at_ms, stated.consent, stated.acceptance)
        return await self._numbered(lambda sequence: StreamActRequest(sequence, end), StreamActReply)

    async def _act(self, act: StreamAct) -> StreamActReply:
        await self._be_known()
        return await self._numbered(lambda sequence: StreamActRequest(sequence, act), StreamActReply)

    async def _be_known(self) -> None:
        """Takes one's name before the first act, where the validator knows none as long."""
        if self._untold_nonce is None:
            return
        nonce = self._untold_nonce
        letters = difficulty(self.hotkey, nonce) + self._params.streams.letters_given
        opened, _ = await self._insisting(StreamReadRequest(BalanceQuestion(self.hotkey)))
        known = expect(expect(opened.message, StreamReadReply).answer, BalanceAnswer)
        if known.difficulty < letters:
            await self.take_name(nonce)
        self._untold_nonce = None

    async def _numbered(
        self, make: Callable[[int], StreamActRequest | SubmitRequest], wanted: type[NumberedReplyT]
    ) -> NumberedReplyT:
        """The verified reply to one act: it gets its number in its turn, and keeps it however often it is sent."""
        async with self._own_turn():
            self._sequence = max(self._sequence + 1, self._clock.now_ms())
            opened, sent = await self._insisting(make(self._sequence))
        reply = expect(opened.message, wanted)
        self._check(reply.receipt, sent)
        return reply

    async def _insisting(self, request: Message) -> tuple[Opened, list[bytes]]:
        """The verified reply to a request that may be sent again, and every envelope in which it was."""
        call_ms = self._params.wire.call_timeout_ms
        until_ms = self._clock.now_ms() + self._patience_ms
        pause_ms = call_ms // PAUSES_IN_A_CALL
        sent: list[bytes] = []
        while True:
            sealed = self._sealed(request)
            sent.append(sealed.raw)
            left_ms = max(1, until_ms - self._clock.now_ms())
            try:
                return await self._exchanged(sealed, timeout_ms=min(left_ms, call_ms)), sent
            except (PeerUnreachable, Overloaded) as error:
                again_at_ms = self._clock.now_ms() + pause_ms
                if again_at_ms >= until_ms or error.fields.get("reason") in FOR_GOOD:
                    raise
            await self._clock.sleep_until(again_at_ms)
            pause_ms = min(2 * pause_ms, call_ms // LONGEST_PAUSES_IN_A_CALL)

    def _check(self, receipt: Receipt, sent: Iterable[bytes]) -> None:
        """Raises BadSignature or BodyMismatch (theirs) unless the validator signed for one of the attempts."""
        check_receipt(receipt)
        if (receipt.validator, receipt.hotkey) != (self._validator.hotkey, self.hotkey):
            raise BodyMismatch(f"the receipt is of {short(receipt.validator)} for {short(receipt.hotkey)}")
        if receipt.evidence_sha256 not in {hashlib.sha256(raw).digest() for raw in sent}:
            raise BodyMismatch("the receipt is for something else than what was sent")

    @asynccontextmanager
    async def _own_turn(self) -> AsyncIterator[None]:
        """Waits for the act that is under way. Raises PeerUnreachable when that takes longer than one's own would."""
        try:
            async with self._clock.timeout(self._patience_ms):
                await self._turn.acquire()
        except TimeoutError:
            raise PeerUnreachable(
                f"{self._validator.endpoint}: busy: an earlier act is still under way",
                endpoint=self._validator.endpoint,
                reason="busy",
            ) from None
        try:
            yield
        finally:
            self._turn.release()
