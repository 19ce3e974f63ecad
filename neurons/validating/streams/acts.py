"""What each act on open streams asks of the book: a message to a decision, for the keeper to take in its turn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from neurons.stream_records import EvidenceRow, NameRow, StreamChange
from neurons.validating.streams.keeping import Decide, Decided, StreamKeeper
from protocol import messages as m
from protocol.admission import Admitted
from protocol.answers import answer_array
from protocol.envelope import request_key
from protocol.errors import InvalidRequest, Overloaded
from protocol.keys import SigningKey
from protocol.messages import NO_ROUND, Percentile, Receipt, RefusedPart, StreamActReply, StreamActRequest, SubmitReply
from protocol.receipts import sign_receipt
from protocol.rules.memorable import MIN_LETTERS, require_difficulty
from protocol.rules.stream_book.effects import Effects
from protocol.rules.stream_book.publishing import Offer
from protocol.rules.stream_book.submitting import Submission
from protocol.rules.stream_names import horizon_name, is_plain_name, split_horizon_name
from protocol.rules.succession import Succession, take_in
from protocol.units import DAY_MS, HOUR_MS, Digest, Hotkey, UnixMs

ACTS_KEPT_MS: Final = 14 * DAY_MS
"""How long the signed envelope of an act that others rely on is kept as evidence."""
OFTEN_KEPT_MS: Final = 4 * HOUR_MS
"""And that of scenarios and of acts that may come fifty times a second: longer than the longest quarantine."""
RELIED_ON: Final = (m.Publish, m.TransferPoints, m.TakeName, m.EndKey)
MOST_NAMES: Final = 1_000_000
"""Keys whose name is known: a name of six letters costs a core four milliseconds."""


@dataclass(frozen=True)
class Acts:
    """Turns admitted requests into decisions. taken: keys with a history of their own outside of open streams."""

    key: SigningKey
    network: str
    taken: Callable[[], Collection[Hotkey]]

    def act(self, admitted: Admitted, request: StreamActRequest) -> Decide:
        """The decision of one act of a `StreamActRequest`."""
        decide = _DECISIONS[type(request.act)]

        def decided(keeper: StreamKeeper, now_ms: UnixMs) -> Decided:
            keeper.require_standing(admitted.header.sender)
            asked = _Asked(self, keeper, admitted, request.sequence, now_ms)
            effects, rows, parts = decide(asked, request.act)
            receipt = self._receipt(admitted, now_ms)
            reply = StreamActReply(receipt, percentiles=_percentiles(effects), refused=(*parts, *_refused(effects)))
            kept_ms = ACTS_KEPT_MS if isinstance(request.act, RELIED_ON) else OFTEN_KEPT_MS
            evidence = (_evidence(admitted, now_ms, kept_ms),) if _changes(effects, rows) else ()
            return Decided(effects, reply, replace(rows, evidence=evidence))

        return decided

    def scenarios(self, admitted: Admitted, request: m.SubmitRequest) -> Decide:
        """The decision of a batch of scenarios. Raises InvalidRequest for a submission without horizons."""
        if not request.horizons:
            raise InvalidRequest("scenarios name the horizons that they are for", field="horizons")
        rows = answer_array(request.answer)
        wanted, unnamed = _horizons(request.horizons)

        def decided(keeper: StreamKeeper, now_ms: UnixMs) -> Decided:
            keeper.require_standing(admitted.header.sender)
            owner = keeper.owner_of(admitted.header.sender)
            submissions = [Submission(name, delay, rows[place]) for place, name, delay in wanted]
            effects = Effects(now_ms)
            if submissions:
                effects = keeper.book.submit(submissions, owner, sequence=request.sequence, now_ms=now_ms)
            reply = SubmitReply(self._receipt(admitted, now_ms), (*unnamed, *_refused(effects)))
            mostly_taken = 2 * len(effects.said) >= len(request.horizons)
            kept = (_evidence(admitted, now_ms, OFTEN_KEPT_MS),) if mostly_taken else ()
            return Decided(effects, reply, StreamChange(evidence=kept))

        return decided

    def _receipt(self, admitted: Admitted, now_ms: UnixMs) -> Receipt:
        sender = admitted.header.sender
        return sign_receipt("submit", NO_ROUND, sender, evidence=admitted.raw, received_at_ms=now_ms, key=self.key)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One act in its turn."""

    acts: Acts
    keeper: StreamKeeper
    admitted: Admitted
    sequence: int
    now_ms: UnixMs

    @property
    def owner(self) -> Hotkey:
        return self.keeper.owner_of(self.admitted.header.sender)


@dataclass(frozen=True, slots=True)
class _WithHistory:
    """The keys that have a history of their own, to look into and not to copy."""

    registered: Collection[Hotkey]
    letters: Mapping[str, int]

    def __contains__(self, hotkey: object) -> bool:
        return isinstance(hotkey, bytes) and (hotkey in self.registered or hotkey.hex() in self.letters)


_Outcome = tuple[Effects, StreamChange, Sequence[RefusedPart]]


def _publish(asked: _Asked, act: m.Publish) -> _Outcome:
    offers = [Offer(one.name, one.value.decode(), one.budget_micros, one.rule or None) for one in act.values]
    return _only(
        asked.keeper.book.publish_set(
            offers,
            asked.owner,
            sequence=asked.sequence,
            now_ms=asked.now_ms,
            with_percentiles=act.with_percentiles,
            with_copulas=act.with_copulas,
        )
    )


def _touch(asked: _Asked, act: m.Touch) -> _Outcome:
    touched = [asked.keeper.book.touch(name, asked.owner, now_ms=asked.now_ms) for name in dict.fromkeys(act.names)]
    streams = tuple(stream for effects in touched for stream in effects.streams)
    return _only(Effects(asked.now_ms, streams=streams, notices=tuple(n for e in touched for n in e.notices)))


def _delete(asked: _Asked, act: m.Delete) -> _Outcome:
    return _only(asked.keeper.book.delete(act.name, asked.owner, now_ms=asked.now_ms))


def _cancel(asked: _Asked, act: m.Cancel) -> _Outcome:
    wanted, unnamed = _horizons(act.horizons)
    effects = Effects(asked.now_ms)
    if wanted:
        withdrawn = [Submission(name, delay, None) for _, name, delay in wanted]
        effects = asked.keeper.book.submit(withdrawn, asked.owner, sequence=asked.sequence, now_ms=asked.now_ms)
    return effects, StreamChange(), unnamed


def _add_link(asked: _Asked, act: m.AddLink) -> _Outcome:
    return _only(asked.keeper.book.link(act.name, act.delay, act.target, asked.owner, now_ms=asked.now_ms))


def _remove_link(asked: _Asked, act: m.RemoveLink) -> _Outcome:
    return _only(asked.keeper.book.unlink(act.name, act.delay, act.target, asked.owner, now_ms=asked.now_ms))


def _subscribe(asked: _Asked, act: m.Subscribe) -> _Outcome:
    return _only(asked.keeper.book.subscribe(act.subscriber, act.source, asked.owner, now_ms=asked.now_ms))


def _unsubscribe(asked: _Asked, act: m.Unsubscribe) -> _Outcome:
    return _only(asked.keeper.book.unsubscribe(act.subscriber, act.source, asked.owner, now_ms=asked.now_ms))


def _transfer(asked: _Asked, act: m.TransferPoints) -> _Outcome:
    return _only(
        asked.keeper.book.transfer(
            asked.owner,
            asked.keeper.owner_of(act.recipient),
            request=request_key(asked.admitted.header).hex(),
            now_ms=asked.now_ms,
            amount_micros=act.amount_micros or None,
        )
    )


def _take_name(asked: _Asked, act: m.TakeName) -> _Outcome:
    """The name belongs to the first key of a line: a nonce is searched for that one."""
    name = require_difficulty(asked.owner, int.from_bytes(act.nonce, "big"), MIN_LETTERS)
    state = asked.keeper.book.state
    if asked.owner.hex() not in state.letters and len(state.letters) >= MOST_NAMES:
        raise Overloaded(f"this validator knows {MOST_NAMES} names already", limit=MOST_NAMES)
    given = state.limits.letters_given
    letters = 0 if name is None else name.difficulty + given
    effects = asked.keeper.book.recognise(asked.owner, letters, now_ms=asked.now_ms)
    names = (NameRow(asked.owner, act.nonce, letters),) if effects.letters else ()
    return effects, StreamChange(names=names), ()


def _end_key(asked: _Asked, act: m.EndKey) -> _Outcome:
    keeper = asked.keeper
    statement = Succession(asked.acts.network, act.before, act.after, act.issued_at_ms, act.consent, act.acceptance)
    if act.before not in asked.acts.taken() and keeper.owner_of(act.before).hex() not in keeper.book.state.letters:
        raise InvalidRequest("nobody knows this key here: it has nothing to hand over", field="before")
    histories = _WithHistory(asked.acts.taken(), keeper.book.state.letters)
    known = take_in(keeper.successions, statement, network=asked.acts.network, taken=histories)
    new = () if known is keeper.successions else (statement,)
    return Effects(asked.now_ms), StreamChange(successions=new), ()


_DECISIONS: Final[Mapping[type, Callable[[_Asked, Any], _Outcome]]] = {
    m.Publish: _publish,
    m.Touch: _touch,
    m.Delete: _delete,
    m.Cancel: _cancel,
    m.AddLink: _add_link,
    m.RemoveLink: _remove_link,
    m.Subscribe: _subscribe,
    m.Unsubscribe: _unsubscribe,
    m.TransferPoints: _transfer,
    m.TakeName: _take_name,
    m.EndKey: _end_key,
}


def _changes(effects: Effects, rows: StreamChange) -> bool:
    """Whether an act did anything that others may rely on: a refusal and its lines are none."""
    done = replace(effects, request=None, refused=(), notices=())
    return bool(rows) or done != Effects(effects.at_ms)


def _only(effects: Effects) -> _Outcome:
    return effects, StreamChange(), ()


def _horizons(texts: Sequence[str]) -> tuple[list[tuple[int, str, int]], list[RefusedPart]]:
    """(place, name, delay) of what is a horizon, and a refusal of what is none."""
    wanted, refused = [], []
    for place, text in enumerate(texts):
        try:
            wanted.append((place, *split_horizon_name(text)))
        except InvalidRequest as error:
            refused.append(RefusedPart(text, error.code, error.public))
    return wanted, refused


def _refused(effects: Effects) -> tuple[RefusedPart, ...]:
    return tuple(RefusedPart(horizon_name(one.name, one.delay), one.code, one.message) for one in effects.refused)


def _percentiles(effects: Effects) -> tuple[Percentile, ...]:
    """Where the values of plain streams fell: derived streams have no percentiles."""
    return tuple(
        Percentile(taken.stream.name, delay, float(fell))
        for taken in effects.taken
        if is_plain_name(taken.stream.name)
        for delay, fell in taken.percentiles
    )


def _evidence(admitted: Admitted, now_ms: UnixMs, kept_ms: int) -> EvidenceRow:
    digest = evidence_digest(admitted)
    return EvidenceRow(digest, admitted.header.sender, now_ms, UnixMs(now_ms + kept_ms), admitted.raw)


def evidence_digest(admitted: Admitted) -> Digest:
    """SHA-256 of the signed envelope as it came: what values and words name."""
    return Digest(hashlib.sha256(admitted.raw).digest())
