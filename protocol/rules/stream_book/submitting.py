"""What follows from words of owners and acts on streams without a value: submissions, cancellations, touches, edges,
transfers. Everything is decided from the state as it stands; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from numpy.typing import ArrayLike

from protocol.errors import Ignored, InvalidRequest, Rejected
from protocol.rules.points import may_submit, transfer, transfer_transaction
from protocol.rules.quarantine import Word
from protocol.rules.scenarios import sorted_scenarios
from protocol.rules.stream_book.effects import ROW_DTYPE, EdgeChange, Effects, Refused, Request, Said
from protocol.rules.stream_book.horizon import Horizon
from protocol.rules.stream_book.state import BookState
from protocol.rules.stream_edges import (
    Link,
    Subscription,
    add_link,
    check_subscribers,
    remove_link,
    subscribe,
    unsubscribe,
)
from protocol.rules.stream_names import check_delay, check_plain_name
from protocol.rules.stream_records import VALUES_SHOWN, Notice, NoticeKind, Operation
from protocol.rules.streams import Action, Stream, StreamState, delete, permitted, required_difficulty, state_of, touch
from protocol.units import Hotkey, Micros, UnixMs

MAX_BATCH: Final = 1_000
"""Horizons that one signed batch may speak for."""
MAX_ERRORS: Final = 64
"""Refusals of one batch that its owner's log tells one by one; the reply tells all."""


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """What an owner says for one horizon. values: scenarios in any order; None withdraws those that stand."""

    name: str
    delay: int
    values: ArrayLike | None


def decide_submission(
    state: BookState, submissions: Sequence[Submission], *, owner: Hotkey, sequence: int, now_ms: UnixMs
) -> Effects:
    """The words of a batch; what cannot be taken is refused by itself. See `StreamBook.submit`."""
    request = Request("submit", owner.hex(), str(sequence))
    known = state.answer(request)
    if known is not None:
        return known
    state.check_time(now_ms)
    if not 1 <= len(submissions) <= MAX_BATCH:
        raise InvalidRequest(f"a batch has 1 to {MAX_BATCH} submissions", field="submissions", limit=MAX_BATCH)
    if len({(one.name, one.delay) for one in submissions}) != len(submissions):
        raise InvalidRequest("a batch names each horizon once", field="submissions")
    if not 0 < sequence < 1 << 62:
        raise InvalidRequest("a sequence number lies above 0 and below 2**62", field="sequence", limit=1 << 62)
    needed = required_difficulty(Action.SUBMIT, state.limits)
    if state.letters.get(owner.hex(), 0) < needed:  # as a whole: what costs nothing to ask for leaves no line behind
        raise InvalidRequest(f"this takes a key whose name has {needed} letters", field="difficulty", limit=needed)
    said, refused, notices = [], [], []
    for one in submissions:
        operation = Operation.WITHDRAW if one.values is None else Operation.SUBMIT
        fields = [("name", one.name[:256]), ("delay", str(one.delay))]
        try:
            word = _word(state, one, Word(owner.hex(), now_ms, sequence, cancels=one.values is None))
        except (Rejected, Ignored) as error:
            refused.append(Refused.because(error, one.name, one.delay))
            if len(refused) > MAX_ERRORS:
                continue
            notices.append(_line(owner, operation, now_ms, [*fields, ("error", error.public)], NoticeKind.ERROR))
            continue
        shown = word.row()[:VALUES_SHOWN].tolist() if word.scenarios else []
        notices.append(_line(owner, operation, now_ms, [*fields, ("values", ", ".join(map(repr, shown)))]))
        said.append(word)
    if len(refused) > MAX_ERRORS:
        untold = f"{len(refused) - MAX_ERRORS} more of this batch were refused"
        notices.append(_line(owner, Operation.SUBMIT, now_ms, [("error", untold)], NoticeKind.ERROR))
    return Effects(now_ms, request, said=tuple(said), refused=tuple(refused), notices=tuple(notices))


def _word(state: BookState, one: Submission, word: Word) -> Said:
    action = Action.CANCEL if word.cancels else Action.SUBMIT
    stream = permitted(state.stream(one.name), action, None, word.received_at_ms, state.limits)
    check_delay(one.delay, state.limits.delays)
    horizon = state.horizon(one.name, one.delay)
    if horizon is not None:
        horizon.check_word(word.owner, word.sequence, word.received_at_ms)
    if one.values is None:
        return _cancellation(stream, one.delay, word, horizon)
    standing = state.tallies.standing(word.owner, one.name, one.delay)
    letters = state.letters.get(word.owner, 0)
    if not may_submit(state.tallies.balance(word.owner), letters, standing):
        raise InvalidRequest("this key is bankrupt: its balance is below its level", reason="bankrupt")
    row = sorted_scenarios(one.values, count=state.limits.num_predictions)
    return Said(one.name, stream.incarnation, one.delay, word, row.astype(ROW_DTYPE).tobytes())


def _cancellation(stream: Stream, delay: int, word: Word, horizon: Horizon | None) -> Said:
    newest = None if horizon is None else horizon.newest(word.owner)
    if newest is None or newest.word.cancels:
        raise InvalidRequest(f"nothing of this key stands at {stream.name} for {delay} s", field="delay")
    return Said(stream.name, stream.incarnation, delay, word)


def decide_touch(state: BookState, name: str, *, by: Hotkey, now_ms: UnixMs) -> Effects:
    """A longer life, for the stream and all that was derived from it; see `StreamBook.touch`."""
    state.check_time(now_ms)
    check_plain_name(name)
    touched = [touch(state.stream(name), by=by, now_ms=now_ms, limits=state.limits)]
    for derived in _derived(state, name, by, now_ms):
        touched.append(touch(derived, by=by, now_ms=now_ms, limits=state.limits))
    return Effects(now_ms, streams=tuple(touched), notices=(_line(by, Operation.TOUCH, now_ms, [("name", name)]),))


def decide_deletion(state: BookState, name: str, *, by: Hotkey, now_ms: UnixMs) -> Effects:
    """The end of a stream, of all that was derived from it and of everything that goes in or out."""
    state.check_time(now_ms)
    check_plain_name(name)
    deleted = [delete(state.stream(name), by=by, now_ms=now_ms, limits=state.limits)]
    for derived in _derived(state, name, by, now_ms):
        deleted.append(delete(derived, by=by, now_ms=now_ms, limits=state.limits))
    edges = dict.fromkeys(edge for stream in deleted for edge in state.edges_of(stream.name))
    gone = tuple(EdgeChange(edge, is_there=False) for edge in edges)
    return Effects(now_ms, streams=tuple(deleted), edges=gone)


def _derived(state: BookState, name: str, by: Hotkey, now_ms: UnixMs) -> list[Stream]:
    """The owner's streams that hold this one's percentiles, where they are not free."""
    found = [state.streams[derived].stream for derived in sorted(state.derived.get(name, ()))]
    return [
        stream
        for stream in found
        if stream.owner == by and state_of(stream, now_ms, state.limits) is not StreamState.FREE
    ]


def decide_link(
    state: BookState, name: str, delay: int, target: str, *, by: Hotkey, now_ms: UnixMs, is_there: bool
) -> Effects:
    """A link made by the owner of `name`, or taken back by the owner of either side."""
    state.check_time(now_ms)
    held = state.links.get(name, frozenset())
    if is_there:
        permitted(state.stream(name), Action.LINK, by, now_ms, state.limits)
        add_link(held, name, delay, target)
    else:
        is_target = target in state.streams and state.streams[target].stream.owner == by
        permitted(state.stream(target if is_target else name), Action.LINK, by, now_ms, state.limits)
        remove_link(held, name, delay, target)
    return Effects(now_ms, edges=(EdgeChange(Link(name, delay, target), is_there),))


def decide_subscription(
    state: BookState, subscriber: str, source: str, *, by: Hotkey, now_ms: UnixMs, is_there: bool
) -> Effects:
    """A subscription made or ended by the subscriber's owner."""
    state.check_time(now_ms)
    permitted(state.stream(subscriber), Action.SUBSCRIBE, by, now_ms, state.limits)
    held = state.subscriptions.get(subscriber, frozenset())
    (subscribe if is_there else unsubscribe)(held, subscriber, source)
    others = [one.subscriber for one in state.subscribed.get(source, frozenset()) if one.subscriber != subscriber]
    if is_there:
        check_subscribers(len(others), sum(state.streams[other].stream.owner == by for other in others))
    return Effects(now_ms, edges=(EdgeChange(Subscription(subscriber, source), is_there),))


def decide_transfer(
    state: BookState, source: Hotkey, recipient: Hotkey, amount_micros: Micros | None, *, request: str, now_ms: UnixMs
) -> Effects:
    """A gift of points; see `StreamBook.transfer`."""
    known_as = Request("transfer", source.hex(), request)
    known = state.answer(known_as)
    if known is not None:
        return known
    state.check_time(now_ms)
    giver, taker = source.hex(), recipient.hex()
    moved = transfer(
        source_balance_micros=state.tallies.balance(giver),
        source_difficulty=state.letters.get(giver, 0),
        recipient_balance_micros=state.tallies.balance(taker),
        recipient_difficulty=state.letters.get(taker, 0),
        amount_micros=amount_micros,
    )
    booked = transfer_transaction(moved, source=giver, recipient=taker, request=request, at_ms=now_ms)
    given = [("given", str(moved.given_micros)), ("received", str(moved.received_micros))]
    notices = (
        _line(source, Operation.TRANSFER, now_ms, [("recipient", taker), *given]),
        _line(recipient, Operation.TRANSFER, now_ms, [("source", giver), *given]),
    )
    return Effects(now_ms, known_as, transactions=(booked,), notices=notices)


def _line(
    owner: Hotkey,
    operation: Operation,
    at_ms: UnixMs,
    fields: Sequence[tuple[str, str]],
    kind: NoticeKind = NoticeKind.CONFIRM,
) -> tuple[str, Notice]:
    return owner.hex(), Notice(kind, operation, at_ms, tuple(fields))
