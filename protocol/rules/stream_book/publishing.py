"""What follows from new values, in one go: pots, percentiles, derived streams, the benchmark, withdrawals.

    values --> each stream: charge if new, settle every horizon by who left quarantine, percentile, benchmark
           --> derived streams: the same, but that nothing follows from them
           --> whoever is bankrupt by all of it and lost on a horizon is withdrawn from that horizon

Everything is decided from the state as it stands; nothing is changed here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from protocol.errors import InvalidRequest
from protocol.rules.derived_streams import MAX_SET, derived_values
from protocol.rules.ledger import Transaction
from protocol.rules.percentiles import percentile
from protocol.rules.points import (
    creation_transaction,
    must_withdraw,
    settlement_transaction,
)
from protocol.rules.pot import DEFAULT_RULE, RULES, settle_pool
from protocol.rules.pot_scores import SPREAD_VALUES, recent_spread
from protocol.rules.quarantine import Word
from protocol.rules.scenarios import settled_value
from protocol.rules.stream_book.benchmark import LAGS, benchmark_scenarios, carries_over, refreshes, seed_of
from protocol.rules.stream_book.effects import (
    ROW_DTYPE,
    EdgeChange,
    Effects,
    Request,
    Said,
    Settled,
    Speaker,
    Taken,
)
from protocol.rules.stream_book.state import BookState, StreamRecord
from protocol.rules.stream_edges import Message, messages_for
from protocol.rules.stream_names import check_plain_name
from protocol.rules.stream_records import Notice, NoticeKind, Operation
from protocol.rules.stream_values import StreamValue, ValueKind, read_value
from protocol.rules.streams import (
    DEFAULT_BUDGET_MICROS,
    Action,
    Publication,
    Stream,
    StreamState,
    publish,
    required_difficulty,
    state_of,
)
from protocol.units import NANO, Digest, Hotkey, Micros, UnixMs

LAST_WORD: Final = 2**63 - 1
"""The number of the validator's words: of one millisecond they come last."""
_BENCHMARK_WORD: Final = 0
"""And the benchmark's first."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One value that somebody publishes. rule: None keeps the stream's own, `micro` where it is new."""

    name: str
    text: str
    budget_micros: Micros = DEFAULT_BUDGET_MICROS
    rule: str | None = None


@dataclass
class _Draft:
    """What one publication has decided so far. moved: owner in hex -> what its balance moves by."""

    owner: Hotkey
    sequence: int
    at_ms: UnixMs
    taken: list[Taken] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    edges: list[EdgeChange] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    notices: list[tuple[str, Notice]] = field(default_factory=list)
    moved: Counter[str] = field(default_factory=Counter)


def decide_publication(
    state: BookState,
    offers: Sequence[Offer],
    *,
    owner: Hotkey,
    sequence: int,
    now_ms: UnixMs,
    with_percentiles: bool,
    with_copulas: bool,
) -> Effects:
    """Everything that follows when an owner publishes these values together, all or none; see `StreamBook.publish`."""
    request = _request(offers, owner, sequence, with_percentiles=with_percentiles, with_copulas=with_copulas)
    known = state.answer(request)
    if known is not None:
        return known
    state.check_time(now_ms)
    _check_set(offers)
    _check_letters(state, owner, with_copulas=with_copulas)
    draft = _Draft(owner, sequence, now_ms)
    fell: dict[str, dict[int, Fraction]] = {}
    for offer, value in [(offer, read_value(offer.text)) for offer in offers]:
        before = state.stream(offer.name)
        publication = Publication(offer.name, owner, sequence, offer.budget_micros)
        after = publish(before, publication, now_ms=now_ms, limits=state.limits)
        _check_may_create(state, owner, before, now_ms)
        fell[offer.name] = _take(state, draft, after, value, rule=_rule(state, offer, after), wants_percentiles=True)
        draft.messages += messages_for(state.subscribed.get(offer.name, frozenset()), offer.name, value.text)
        draft.notices.append((owner.hex(), _notice(Operation.SET, now_ms, name=offer.name, value=value.text[:64])))
    if with_percentiles or with_copulas:
        budgets = {offer.name: offer.budget_micros for offer in offers}
        for derived in derived_values(fell, budgets, with_copulas=with_copulas):
            publication = Publication(derived.name, owner, sequence, derived.budget_micros)
            after = publish(state.stream(derived.name), publication, now_ms=now_ms, limits=state.limits)
            value = read_value(repr(derived.z_nano / NANO))
            _take(state, draft, after, value, rule=DEFAULT_RULE, wants_percentiles=False)
    _withdraw_bankrupts(state, draft)
    return Effects(
        at_ms=now_ms,
        request=request,
        taken=tuple(draft.taken),
        settled=tuple(draft.settled),
        said=tuple(draft.said),
        transactions=tuple(draft.transactions),
        edges=tuple(draft.edges),
        messages=tuple(draft.messages),
        notices=tuple(draft.notices),
    )


def _take(
    state: BookState, draft: _Draft, after: Stream, value: StreamValue, *, rule: str, wants_percentiles: bool
) -> dict[int, Fraction]:
    """Adds what one stream's value does to the draft; returns where it fell, by delay."""
    record = state.record(after.name)
    is_new = record is None or record.stream.incarnation != after.incarnation
    owner = after.owner.hex()
    if is_new:
        draft.transactions.append(
            creation_transaction(
                owner,
                stream=after.name,
                budget_micros=after.budget_micros,
                sequence=after.sequence,
                at_ms=draft.at_ms,
            )
        )
        draft.moved[owner] += draft.transactions[-1].postings[0].amount_micros
        if record is not None:
            draft.edges += [EdgeChange(edge, is_there=False) for edge in state.edges_of(after.name)]
    standing = None if is_new else record
    fell: dict[int, Fraction] = {}
    if value.kind is ValueKind.SCALAR:
        number = settled_value(value.numbers[0])
        if standing is not None:
            fell = _settle(draft, standing, after, number, wants_percentiles=wants_percentiles)
        draft.said += _benchmark(state, standing, after, number, draft.at_ms)
    draft.taken.append(Taken(after, value, draft.at_ms, rule, tuple(sorted(fell.items()))))
    return fell


def _settle(
    draft: _Draft, record: StreamRecord, after: Stream, value: float, *, wants_percentiles: bool
) -> dict[int, Fraction]:
    """Every horizon's pot. The stakes are those that stood before this value: no budget is changed with hindsight."""
    spread = recent_spread(record.newest_numbers(SPREAD_VALUES))
    sponsor, fell = after.owner.hex(), {}
    for delay, horizon in sorted(record.horizons.items()):
        pool = horizon.pool_at(draft.at_ms)
        if not pool.owners:
            continue
        seed = _seed(after, delay)
        settlement = settle_pool(
            pool,
            value,
            rule=record.rule,
            budget_micros=record.stream.budget_micros,
            spread=spread,
            carry_over=carries_over(seed),
        )
        draft.settled.append(
            Settled(after.name, after.incarnation, after.sequence, delay, sponsor, draft.at_ms, settlement)
        )
        booked = settlement_transaction(
            settlement,
            publisher=sponsor,
            stream=after.name,
            delay=delay,
            sequence=after.sequence,
            at_ms=draft.at_ms,
        )
        if booked is not None:
            draft.transactions.append(booked)
            draft.moved.update(dict(zip(settlement.owners, settlement.amounts_micros, strict=True)))
        if wants_percentiles:
            fell[delay] = percentile(pool.columns, value)
    return fell


def _benchmark(
    state: BookState, record: StreamRecord | None, after: Stream, value: float, at_ms: UnixMs
) -> Iterable[Said]:
    """The owner's benchmark where nobody predicts a horizon, and now and then where one of its own stands."""
    owner = after.owner.hex()
    for delay in state.limits.delays:
        horizon = None if record is None else record.horizons.get(delay)
        seed = _seed(after, delay)
        if horizon is not None and horizon.is_predicted(UnixMs(at_ms - 1)):
            newest = horizon.newest(owner)
            is_own = newest is not None and newest.speaker is Speaker.OWNER and not newest.word.cancels
            if is_own or not refreshes(seed):
                continue
        lags = [value, *([] if record is None else record.newest_numbers(LAGS - 1))]
        row = benchmark_scenarios(lags, seed, count=state.limits.num_predictions)
        word = Word(owner, at_ms, _BENCHMARK_WORD)
        scenarios = row.astype(ROW_DTYPE).tobytes()
        yield Said(after.name, after.incarnation, delay, word, scenarios, Speaker.BENCHMARK)


def _withdraw_bankrupts(state: BookState, draft: _Draft) -> None:
    """Cancels, on each horizon, who lost there, is bankrupt after everything that this publication moved, and stands
    below -1 on it. The cancellation waits out quarantine like anybody's."""
    balance, level, moved = state.tallies.balance, state.level, draft.moved
    for settled in draft.settled:
        for owner, amount in zip(settled.settlement.owners, settled.settlement.amounts_micros, strict=True):
            if amount >= 0:
                continue
            left = balance(owner) + moved[owner]
            if left >= 0 or left >= level(owner):
                continue
            if _must_withdraw(state, draft, settled, owner, amount):
                draft.said.append(_withdrawal(settled, owner))
                fields = {"name": settled.name, "delay": str(settled.delay)}
                notice = _notice(Operation.BANKRUPTCY, draft.at_ms, kind=NoticeKind.WARNING, **fields)
                draft.notices.append((owner, notice))


def _must_withdraw(state: BookState, draft: _Draft, settled: Settled, owner: str, amount: Micros) -> bool:
    horizon = state.horizon(settled.name, settled.delay)
    newest = None if horizon is None else horizon.newest(owner)
    if newest is None or newest.word.cancels:
        return False
    balance = Micros(state.tallies.balance(owner) + draft.moved[owner])
    standing = Micros((state.tallies.standing(owner, settled.name, settled.delay) or 0) + amount)
    return must_withdraw(balance, state.letters.get(owner, 0), standing)


def _withdrawal(settled: Settled, owner: str) -> Said:
    word = Word(owner, settled.at_ms, LAST_WORD, cancels=True)
    return Said(settled.name, settled.incarnation, settled.delay, word, speaker=Speaker.VALIDATOR)


def _check_set(offers: Sequence[Offer]) -> None:
    if not 1 <= len(offers) <= MAX_SET:
        raise InvalidRequest(f"a set has 1 to {MAX_SET} streams", field="names", limit=MAX_SET)
    if len({check_plain_name(offer.name) for offer in offers}) != len(offers):
        raise InvalidRequest("a set names each stream once", field="names")


def _check_letters(state: BookState, owner: Hotkey, *, with_copulas: bool) -> None:
    needed = required_difficulty(Action.PUBLISH, state.limits, with_copulas=with_copulas)
    if state.letters.get(owner.hex(), 0) < needed:
        raise InvalidRequest(f"this takes a key whose name has {needed} letters", field="difficulty", limit=needed)


def _check_may_create(state: BookState, owner: Hotkey, before: Stream | None, now_ms: UnixMs) -> None:
    """A bankrupt key creates nothing: what bounds the names that one key can take."""
    if state_of(before, now_ms, state.limits) is StreamState.FREE:
        level = state.level(owner.hex())
        if state.tallies.balance(owner.hex()) < level:
            raise InvalidRequest("a bankrupt key creates no stream", reason="bankrupt", limit=level)


def _rule(state: BookState, offer: Offer, after: Stream) -> str:
    """The rule of a stream's pots, which is chosen when it is created and never again."""
    record = state.record(offer.name)
    if record is not None and record.stream.incarnation == after.incarnation:
        if offer.rule not in (None, record.rule):
            raise InvalidRequest(f"{offer.name} settles by {record.rule} since it was created", field="rule")
        return record.rule
    rule = DEFAULT_RULE if offer.rule is None else offer.rule
    if rule not in RULES:
        raise InvalidRequest(f"no rule of settlement is called {rule[:64]!r}", field="rule", limit=sorted(RULES))
    return rule


def _request(
    offers: Sequence[Offer], owner: Hotkey, sequence: int, *, with_percentiles: bool, with_copulas: bool
) -> Request:
    """Known again by who publishes what under which number, to the last character."""
    said = repr((sequence, with_percentiles, with_copulas, list(offers)))
    first = min((offer.name for offer in offers), default="")
    return Request("publish", f"{owner.hex()} {first}", f"{sequence}/{hashlib.sha256(said.encode()).hexdigest()}")


def _notice(operation: Operation, at_ms: UnixMs, *, kind: NoticeKind = NoticeKind.CONFIRM, **fields: str) -> Notice:
    return Notice(kind, operation, at_ms, tuple(fields.items()))


def _seed(stream: Stream, delay: int) -> Digest:
    return seed_of(stream.owner, stream.name, incarnation=stream.incarnation, sequence=stream.sequence, delay=delay)
