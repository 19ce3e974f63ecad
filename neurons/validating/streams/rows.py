"""Between the stream book and the store: the rows that effects become, and the book that rows become again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from neurons.ports import StoreReader
from neurons.stream_records import (
    LetterRow,
    LinkRow,
    NoticeRow,
    SettlementRow,
    StreamChange,
    StreamRow,
    StreamValueRow,
    SubscriptionRow,
    WordRow,
)
from protocol.params import StreamLimits
from protocol.rules.points import POINTS
from protocol.rules.quarantine import Word
from protocol.rules.stream_book.book import StreamBook
from protocol.rules.stream_book.effects import Effects, Said, Settled, Speaker, Taken
from protocol.rules.stream_book.restoring import Restoring
from protocol.rules.stream_book.state import BookState
from protocol.rules.stream_edges import Link
from protocol.rules.stream_names import is_derived_name
from protocol.rules.succession import Succession
from protocol.units import Digest, Hotkey


@dataclass(frozen=True, slots=True)
class Kept:
    """What a start takes back. nonces: by hotkey, with which a key has its name."""

    book: StreamBook
    nonces: Mapping[Hotkey, bytes]
    successions: Mapping[Hotkey, Succession]


async def taken_back(store: StoreReader, limits: StreamLimits) -> Kept:
    """The book as the store has kept it. Raises StoreUnavailable."""
    restoring = Restoring(limits)
    nonces: dict[Hotkey, bytes] = {}
    successions: dict[Hotkey, Succession] = {}
    async for page in await store.standing_streams():
        for row in page.streams:
            restoring.stream(row.stream, row.rule)
        for name in page.names:
            restoring.letters(name.hotkey.hex(), name.letters)
            nonces[name.hotkey] = name.nonce
        successions |= {succession.before: succession for succession in page.successions}
        for link in page.links:
            restoring.edge(link.link)
        for subscription in page.subscriptions:
            restoring.edge(subscription.subscription)
        for letter in page.letters:
            restoring.letter(letter.mailbox, letter.sender, letter.text)
        for value in page.values:
            restoring.value(value.name, value.incarnation, value.sequence, value.text, value.at_ms)
        for word in page.words:
            restoring.word(_said(word))
    await _take_back_days(store, restoring)
    for (account, unit), amount in (await store.balances()).items():
        if unit == POINTS:
            restoring.balance(account, amount)
    return Kept(restoring.book(), nonces, successions)


async def _take_back_days(store: StoreReader, restoring: Restoring) -> None:
    """A day after the other: what is read at once does not grow with the years, and others have their turn."""
    texts: dict[Hotkey, str] = {}
    """Each owner's text once: boards keep it for every horizon and day."""
    day = -1
    while of_day := await store.day_sums(after_day=day):
        day = of_day[-1].day
        for (name, delay, sponsor), sums in groupby(of_day, key=attrgetter("name", "delay", "sponsor")):
            rows = list(sums)
            restoring.day(
                name,
                delay,
                sponsor=texts.setdefault(sponsor, sponsor.hex()),
                day=day,
                earned=[(texts.setdefault(row.owner, row.owner.hex()), row.amount_micros) for row in rows],
                moved_micros=sum(row.moved_micros for row in rows),
            )


def rows_of(effects: Effects, before: BookState, *, evidence: Digest) -> StreamChange:
    """What is stored of effects, but for their transactions.

    before: the book as it was when they were decided.  evidence: digest of the envelope that they follow from.
    """
    rules = {taken.stream.name: taken.rule for taken in effects.taken}
    incarnations = {taken.stream.name: taken.stream.incarnation for taken in effects.taken}
    return StreamChange(
        streams=(
            *(StreamRow(taken.stream, taken.rule) for taken in effects.taken),
            *(
                StreamRow(stream, rules.get(stream.name) or before.streams[stream.name].rule)
                for stream in effects.streams
            ),
        ),
        values=tuple(_value_row(taken, evidence) for taken in effects.taken),
        words=tuple(_word_row(said, evidence) for said in effects.said),
        settlements=tuple(_settlement_row(settled) for settled in effects.settled),
        links=tuple(LinkRow(edge, is_there) for edge, is_there in effects.edges if isinstance(edge, Link)),
        subscriptions=tuple(
            SubscriptionRow(edge, is_there) for edge, is_there in effects.edges if not isinstance(edge, Link)
        ),
        letters=tuple(
            LetterRow(
                message.mailbox,
                incarnations.get(message.mailbox) or before.streams[message.mailbox].stream.incarnation,
                message.sender,
                message.value,
                effects.at_ms,
            )
            for message in effects.messages
        ),
        notices=tuple(NoticeRow(_hotkey(owner), notice) for owner, notice in effects.notices),
    )


def _value_row(taken: Taken, evidence: Digest) -> StreamValueRow:
    """The row of a value; a derived stream's is said by nobody's envelope."""
    stream, value = taken.stream, taken.value
    said_by = None if is_derived_name(stream.name) else evidence
    return StreamValueRow(
        stream.name, stream.incarnation, stream.sequence, taken.at_ms, value.text, value.has_lags, said_by
    )


def _word_row(said: Said, evidence: Digest) -> WordRow:
    word = said.word
    return WordRow(
        name=said.name,
        incarnation=said.incarnation,
        delay=said.delay,
        owner=_hotkey(word.owner),
        received_at_ms=word.received_at_ms,
        sequence=word.sequence,
        speaker=said.speaker.value,
        cancels=word.cancels,
        scenarios=said.scenarios,
        evidence=evidence if said.speaker is Speaker.OWNER else None,
    )


def _said(row: WordRow) -> Said:
    word = Word(row.owner.hex(), row.received_at_ms, row.sequence, row.cancels)
    return Said(row.name, row.incarnation, row.delay, word, row.scenarios, Speaker(row.speaker))


def _settlement_row(settled: Settled) -> SettlementRow:
    return SettlementRow(
        settled.name,
        settled.incarnation,
        settled.sequence,
        settled.delay,
        _hotkey(settled.sponsor),
        settled.at_ms,
        settled.settlement,
    )


def _hotkey(owner: str) -> Hotkey:
    return Hotkey(bytes.fromhex(owner))
