"""Rows of open streams to store in tests: plausible, small, and different for each number they are made from."""

from __future__ import annotations

import numpy as np

from neurons.records import Change
from neurons.stream_records import (
    EvidenceRow,
    LetterRow,
    LinkRow,
    NameRow,
    NoticeRow,
    SettlementRow,
    StreamChange,
    StreamRow,
    StreamValueRow,
    SubscriptionRow,
    WordRow,
)
from protocol.rules.points import settlement_transaction
from protocol.rules.pot import Settlement, settle
from protocol.rules.stream_edges import Link, Subscription
from protocol.rules.stream_records import Notice, NoticeKind, Operation
from protocol.rules.streams import Stream
from protocol.rules.succession import Succession
from protocol.units import DAY_MS, HOUR_MS, Digest, Micros, UnixMs
from tests.support.rows import digest_of, hotkey_of

T0 = UnixMs(20_000 * DAY_MS)


def name_of(number: int) -> str:
    return f"stream-{number}.json"


def a_stream(number: int, *, incarnation: int = 1, sequence: int = 1, deleted: bool = False) -> StreamRow:
    at_ms = UnixMs(T0 + sequence)
    alive_until_ms = UnixMs(at_ms + 96 * HOUR_MS)
    stream = Stream(
        name_of(number), hotkey_of(number), incarnation, T0, Micros(10**6 + number), sequence, at_ms, alive_until_ms,
        deleted,
    )  # fmt: skip
    return StreamRow(stream, "micro")


def a_value(
    number: int, sequence: int, *, incarnation: int = 1, text: str = "1.5", has_lags: bool = True,
    at_ms: int | None = None,
) -> StreamValueRow:  # fmt: skip
    at = UnixMs(T0 + sequence if at_ms is None else at_ms)
    evidence = Digest(digest_of("envelope", number, sequence)) if number % 2 else None
    return StreamValueRow(name_of(number), incarnation, sequence, at, text, has_lags, evidence)


def a_word(
    number: int, owner: int, sequence: int, *, delay: int = 70, incarnation: int = 1, cancels: bool = False,
    at_ms: int | None = None,
) -> WordRow:  # fmt: skip
    scenarios = np.sort(np.random.default_rng(sequence).normal(size=225)).astype("<f8").tobytes()
    return WordRow(
        name_of(number),
        incarnation,
        delay,
        hotkey_of(owner),
        UnixMs(T0 + sequence if at_ms is None else at_ms),
        sequence,
        "owner",
        cancels,
        b"" if cancels else scenarios,
        Digest(digest_of("batch", owner, sequence)),
    )


def some_pot(seed: int, owners: tuple[int, ...] = (1, 2, 3), *, spread: float | None = 1.0) -> Settlement:
    scenarios = np.sort(np.random.default_rng(seed).normal(size=(len(owners), 225)), axis=1)
    return settle([hotkey_of(owner).hex() for owner in owners], scenarios, seed / 7, spread=spread)


def a_settlement(
    number: int, sequence: int, *, delay: int = 70, day: int = 0, owners: tuple[int, ...] = (1, 2, 3),
    spread: float | None = 1.0,
) -> SettlementRow:  # fmt: skip
    at_ms = UnixMs(T0 + day * DAY_MS + sequence)
    pot = some_pot(sequence, owners, spread=spread)
    return SettlementRow(name_of(number), 1, sequence, delay, hotkey_of(number), at_ms, pot)


def booked(*rows: SettlementRow) -> Change:
    """Settlements with what they book, as a validator writes them."""
    transactions = [
        settlement_transaction(
            row.settlement,
            publisher=row.sponsor.hex(),
            stream=row.name,
            delay=row.delay,
            sequence=row.sequence,
            at_ms=row.at_ms,
        )
        for row in rows
    ]
    told = tuple(one for one in transactions if one is not None)
    return Change(transactions=told, open_streams=StreamChange(settlements=rows))


def a_name(key: int, *, letters: int = 12) -> NameRow:
    return NameRow(hotkey_of(key), digest_of("nonce", key)[:8], letters)


def a_succession(before: int, after: int) -> Succession:
    return Succession("net", hotkey_of(before), hotkey_of(after), T0, b"c" * 64, b"a" * 64)


def a_link(number: int, target: int, *, delay: int = 70, standing: bool = True) -> LinkRow:
    return LinkRow(Link(name_of(number), delay, name_of(target)), standing)


def a_subscription(number: int, source: int, *, standing: bool = True) -> SubscriptionRow:
    return SubscriptionRow(Subscription(name_of(number), name_of(source)), standing)


def a_letter(mailbox: int, sender: int, text: str, *, incarnation: int = 1) -> LetterRow:
    return LetterRow(name_of(mailbox), incarnation, name_of(sender), text, T0)


def a_notice(key: int, number: int, *, kind: NoticeKind = NoticeKind.CONFIRM) -> NoticeRow:
    fields = (("name", name_of(number)), ("value", "1.5"))
    return NoticeRow(hotkey_of(key), Notice(kind, Operation.SET, UnixMs(T0 + number), fields))


def an_evidence(number: int, *, kept_until_ms: int) -> EvidenceRow:
    raw = b"envelope %d" % number
    return EvidenceRow(Digest(digest_of("evidence", number)), hotkey_of(number), T0, UnixMs(kept_until_ms), raw)
