"""What a miner does with each request of a validator it knows: commit, reveal, hear feedback, describe itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from neurons.answering import Handled, Handler, expect
from neurons.mining.drafts import Drafts
from neurons.mining.forecasting import Answerer
from neurons.ports import Clock, Entropy, Store
from neurons.records import Change, DraftRow, FeedbackRow
from protocol import codec
from protocol.admission import Admitted
from protocol.commitment import commitment
from protocol.errors import InvalidRequest, NotFound, WrongPhase
from protocol.messages import (
    SALT_BYTES,
    CommitReply,
    CommitRequest,
    DescribeReply,
    DescribeRequest,
    FeedbackReply,
    FeedbackRequest,
    Opening,
    Purpose,
    RevealReply,
    RevealRequest,
)
from protocol.params import NetworkParams
from protocol.rules.calendar import is_anchor, round_times
from protocol.rules.rounds import round_id
from protocol.units import Hotkey, UnixMs, short

SOFTWARE: Final = "augury/0.1"


@dataclass(frozen=True)
class MinerParts:
    """What every part of a miner works with."""

    me: Hotkey
    params: NetworkParams
    clock: Clock
    entropy: Entropy
    store: Store
    answerer: Answerer
    endpoint: str
    reveal_guard_ms: int
    """How long after T on its own clock this miner keeps its answer back: its guard against a skewed clock."""


class Handlers:
    """One miner's handlers by purpose."""

    def __init__(self, parts: MinerParts) -> None:
        self._parts = parts
        self._drafts = Drafts(parts.store)

    def by_purpose(self) -> Mapping[Purpose, Handler]:
        """The table that the node serves from."""
        return {
            Purpose.COMMIT: self.commit,
            Purpose.REVEAL: self.reveal,
            Purpose.FEEDBACK: self.feedback,
            Purpose.DESCRIBE: self.describe,
        }

    async def commit(self, admitted: Admitted, now_ms: UnixMs) -> Handled:
        """Commits to one answer a round: made once, stored before it is sent, the same to every validator.

        Raises InvalidRequest for an opening that is not what these params make of it, and WrongPhase outside the
        commit window by this miner's clock; and what the model or the market raise.
        """
        opening = expect(admitted, CommitRequest).opening
        self._check_opening(opening, admitted.params)
        draft = await self._drafts.find_or_make(opening.round_id, lambda: self._make(opening, admitted.params, now_ms))
        return Handled(CommitReply(draft.round_id, draft.commitment))

    async def _make(self, opening: Opening, params: NetworkParams, now_ms: UnixMs) -> DraftRow:
        """The answer to an opening and its commitment, with a fresh salt."""
        parts, times = self._parts, round_times(opening.anchor_at_ms, params.time)
        if not times.opens_at_ms <= now_ms < times.commit_closes_ms:
            raise WrongPhase(f"round {short(opening.round_id)} takes no commitments now", now_ms=now_ms)
        answer = await parts.answerer.answer(opening, now_ms=now_ms)
        salt = parts.entropy.bytes(SALT_BYTES)
        return DraftRow(
            opening.round_id,
            opening.series,
            opening.challenge,
            opening.anchor_at_ms,
            salt,
            answer,
            commitment(opening.round_id, parts.me, answer, salt),
            parts.answerer.model,
            now_ms,
        )

    async def reveal(self, admitted: Admitted, now_ms: UnixMs) -> Handled:
        """Gives salt and answer, unchanged, once T has passed on this miner's own clock and its guard with it.

        Raises NotFound when nothing was committed and WrongPhase when it is too early.
        """
        parts, request = self._parts, expect(admitted, RevealRequest)
        draft = await self._drafts.find(request.round_id)
        if draft is None:
            raise NotFound(f"this miner did not commit to round {short(request.round_id)}")
        if now_ms < draft.anchor_at_ms + parts.reveal_guard_ms:
            raise WrongPhase(
                f"round {short(draft.round_id)} is anchored at {draft.anchor_at_ms}; "
                f"this miner reveals {parts.reveal_guard_ms} ms after that, not before"
            )
        return Handled(RevealReply(draft.salt, draft.answer))

    async def feedback(self, admitted: Admitted, now_ms: UnixMs) -> Handled:
        """Stores what a validator says of our answer."""
        feedback = expect(admitted, FeedbackRequest)
        row = FeedbackRow(feedback.round_id, admitted.header.sender, now_ms, codec.encode(feedback))
        return Handled(FeedbackReply(), Change(feedback=(row,)))

    async def describe(self, admitted: Admitted, now_ms: UnixMs) -> Handled:
        """Says who this is; the signature on the reply is what a dial-back wants."""
        expect(admitted, DescribeRequest)
        parts = self._parts
        challenges = tuple(challenge.name for challenge in parts.params.challenges)
        return Handled(DescribeReply(SOFTWARE, parts.answerer.model, challenges, parts.endpoint))

    def _check_opening(self, opening: Opening, params: NetworkParams) -> None:
        """The opening must be the one that everybody's rules make: or two validators could ask two different things."""
        if not params.has(opening.challenge):
            raise InvalidRequest(f"no challenge is called {opening.challenge!r}", field="challenge")
        challenge = params.challenge(opening.challenge)
        if not is_anchor(opening.anchor_at_ms, challenge, params.time):
            raise InvalidRequest(f"{opening.anchor_at_ms} is no anchor of {challenge.name}", field="anchor_at_ms")
        if opening.round_id != round_id(params, opening.series, challenge, opening.anchor_at_ms):
            raise InvalidRequest("round_id is not the one that these params give this round", field="round_id")
        told = (opening.steps, opening.step_ms, opening.min_paths, opening.max_paths, opening.asked_paths)
        time = params.time
        if told != (time.steps, time.step_ms, challenge.min_paths, challenge.max_paths, challenge.asked_paths):
            raise InvalidRequest("steps and paths are not those of this challenge", field="steps")
