"""What a validator says unasked about open streams: each value that came, and what each horizon paid for it."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.messages import (
    ALL_STREAMS,
    MAX_ROWS,
    Message,
    Moved,
    Percentile,
    SettlementNews,
    StreamNews,
    stream_topic,
)
from protocol.rules.stream_book.effects import Effects, Settled, Taken
from protocol.units import Hotkey


def news_of(effects: Effects) -> Iterator[tuple[str, Message]]:
    """(topic, broadcast) of everything in these effects that others hear of: values first, then settlements."""
    for taken in effects.taken:
        yield from _on_both(taken.stream.name, value_news(taken))
    for settled in effects.settled:
        for news in settlement_news(settled):
            yield from _on_both(settled.name, news)


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
