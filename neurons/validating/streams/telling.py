"""What a validator says unasked about open streams: each value that came, and what each horizon paid for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from protocol.messages import (
    ALL_STREAMS,
    MAX_ROWS,
    BalanceNews,
    Message,
    Moved,
    Percentile,
    SettlementNews,
    StreamNews,
    points_topic,
    stream_topic,
)
from protocol.rules.points import points_account
from protocol.rules.stream_book.effects import Effects, Settled, Taken
from protocol.rules.stream_book.tallies import Tallies
from protocol.units import HOTKEY_BYTES, Hotkey, UnixMs

OF_OWNER: Final = points_account("")
"""How the accounts of owners begin."""


def news_of(effects: Effects) -> Iterator[tuple[str, Message]]:
    """(topic, broadcast) of everything in these effects that others hear of: values first, then settlements."""
    for taken in effects.taken:
        yield from _on_both(taken.stream.name, value_news(taken))
    for settled in effects.settled:
        for news in settlement_news(settled):
            yield from _on_both(settled.name, news)


def balance_news(many: Iterable[Effects], tallies: Tallies) -> Iterator[tuple[str, Message]]:
    """(topic, broadcast) of every key whose points a turn has moved: what it has after all of it."""
    moved: dict[str, UnixMs] = {}
    for effects in many:
        for transaction in effects.transactions:
            owners = (posting.account.removeprefix(OF_OWNER) for posting in transaction.postings)
            moved |= dict.fromkeys((owner for owner in owners if len(owner) == 2 * HOTKEY_BYTES), effects.at_ms)
    for owner, at_ms in moved.items():
        hotkey = Hotkey(bytes.fromhex(owner))
        yield points_topic(hotkey), BalanceNews(hotkey, at_ms, tallies.balance(owner))


def value_news(taken: Taken) -> StreamNews:
    """A value that a stream took, and where it fell."""
    stream = taken.stream
    return StreamNews(
        name=stream.name,
        owner=stream.owner,
        incarnation=stream.incarnation,
        sequence=stream.sequence,
        at_ms=taken.at_ms,
        value=taken.value.text.encode(),
        budget_micros=stream.budget_micros,
        percentiles=tuple(Percentile(stream.name, delay, float(fell)) for delay, fell in taken.percentiles),
    )


def settlement_news(settled: Settled) -> Iterator[SettlementNews]:
    """What one horizon paid, at most 1,000 owners at a time; one message where nothing moved."""
    settlement = settled.settlement
    pairs = zip(settlement.owners, settlement.amounts_micros, strict=True)
    moved = [Moved(Hotkey(bytes.fromhex(owner)), amount) for owner, amount in pairs if amount != 0]
    for start in range(0, max(1, len(moved)), MAX_ROWS):
        yield SettlementNews(
            name=settled.name,
            incarnation=settled.incarnation,
            sequence=settled.sequence,
            delay=settled.delay,
            at_ms=settled.at_ms,
            value=settlement.value,
            rule=settlement.rule,
            budget_micros=settlement.budget_micros,
            moved=tuple(moved[start : start + MAX_ROWS]),
        )


def _on_both(name: str, message: Message) -> Iterator[tuple[str, Message]]:
    yield ALL_STREAMS, message
    yield stream_topic(name), message
