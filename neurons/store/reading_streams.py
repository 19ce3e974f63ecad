"""Tables of open streams into rows: what a start loads, and what is asked about settlements, notices and evidence."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, Select, and_, func, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from neurons.store import schema_streams as schema
from neurons.store.asking import Asking
from neurons.store.schema import hotkeys
from neurons.store.sides import settlement_of, unpack
from neurons.stream_records import (
    DaySumRow,
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
from protocol.rules.stream_edges import Link, Subscription
from protocol.rules.stream_records import Notice, NoticeKind, Operation
from protocol.rules.streams import Stream
from protocol.rules.succession import Succession
from protocol.units import DAY_MS, Digest, Hotkey

ROWS_A_PAGE: Final = 2_000
IDS_A_QUERY: Final = 500

names, targets = schema.stream_names, schema.stream_names.alias("targets")
owners = hotkeys.alias("owners")
VALUE_ROWID: Final[ColumnElement[int]] = literal_column("stream_values.rowid")
SETTLEMENT_ROWID: Final[ColumnElement[int]] = literal_column("settlements.rowid")
HORIZON_IN_TIME: Final = tuple_(literal_column("+settlements.stream"), literal_column("+settlements.delay"))
"""With a sign that changes nothing but keeps the planner to the index by time, which has both: pages end early."""
WORD_ROWID: Final[ColumnElement[int]] = literal_column("stream_words.rowid")

STREAMS: Final = (
    select(names.c.name, hotkeys.c.hotkey, *list(schema.streams.c)[2:])
    .join_from(schema.streams, names, schema.streams.c.stream == names.c.id)
    .join(hotkeys, schema.streams.c.owner == hotkeys.c.id)
    .order_by(names.c.name)
)


def _of_standing(table: Any) -> ColumnElement[bool]:
    """The row belongs to the incarnation that a stream has now."""
    return and_(
        schema.streams.c.stream == table.c.stream,
        schema.streams.c.incarnation == table.c.incarnation,
        schema.streams.c.deleted == 0,
    )


VALUES: Final = (
    select(VALUE_ROWID, names.c.name, *list(schema.stream_values.c)[1:])
    .join_from(schema.stream_values, schema.streams, _of_standing(schema.stream_values))
    .join(names, schema.stream_values.c.stream == names.c.id)
    .order_by(VALUE_ROWID)
    .limit(ROWS_A_PAGE)
)
WORDS: Final = (
    select(
        WORD_ROWID, names.c.name, schema.stream_words.c.incarnation, schema.stream_words.c.delay, hotkeys.c.hotkey,
        *list(schema.stream_words.c)[4:],
    )
    .join_from(schema.stream_words, schema.streams, _of_standing(schema.stream_words))
    .join(names, schema.stream_words.c.stream == names.c.id)
    .join(hotkeys, schema.stream_words.c.owner == hotkeys.c.id)
    .order_by(WORD_ROWID)
    .limit(ROWS_A_PAGE)
)  # fmt: skip
DAYS: Final = (
    select(
        names.c.name, schema.stream_days.c.delay, hotkeys.c.hotkey.label("sponsor"), owners.c.hotkey.label("owner"),
        schema.stream_days.c.day, schema.stream_days.c.amount_micros, schema.stream_days.c.moved_micros,
        schema.stream_days.c.folded, schema.stream_days.c.folded_micros,
    )
    .join_from(schema.stream_days, names, schema.stream_days.c.stream == names.c.id)
    .join(hotkeys, schema.stream_days.c.sponsor == hotkeys.c.id)
    .join(owners, schema.stream_days.c.owner == owners.c.id)
)  # fmt: skip
BY_DAY: Final = (
    schema.stream_days.c.day, names.c.name, schema.stream_days.c.delay, hotkeys.c.hotkey, owners.c.hotkey,
)  # fmt: skip
NEWEST_DAY: Final = (schema.stream_days.c.day.desc(), names.c.name, schema.stream_days.c.delay, hotkeys.c.hotkey)
KEY_NAMES: Final = (
    select(hotkeys.c.hotkey, schema.key_names.c.nonce, schema.key_names.c.letters)
    .join_from(schema.key_names, hotkeys, schema.key_names.c.hotkey == hotkeys.c.id)
    .order_by(hotkeys.c.hotkey)
)
SUCCESSIONS: Final = (
    select(hotkeys.c.hotkey, *list(schema.successions.c)[1:])
    .join_from(schema.successions, hotkeys, schema.successions.c.before == hotkeys.c.id)
    .order_by(hotkeys.c.hotkey)
)
LINKS: Final = (
    select(names.c.name, schema.stream_links.c.delay, targets.c.name.label("target"))
    .join_from(schema.stream_links, names, schema.stream_links.c.stream == names.c.id)
    .join(targets, schema.stream_links.c.target == targets.c.id)
    .where(schema.stream_links.c.standing == 1)
    .order_by(names.c.name, schema.stream_links.c.delay, targets.c.name)
)
SUBSCRIPTIONS: Final = (
    select(names.c.name, targets.c.name.label("source"))
    .join_from(schema.subscriptions, names, schema.subscriptions.c.subscriber == names.c.id)
    .join(targets, schema.subscriptions.c.source == targets.c.id)
    .where(schema.subscriptions.c.standing == 1)
    .order_by(names.c.name, targets.c.name)
)
LETTERS: Final = (
    select(
        names.c.name, schema.letters.c.incarnation, targets.c.name.label("sender"), schema.letters.c.text,
        schema.letters.c.at_ms,
    )
    .join_from(schema.letters, names, schema.letters.c.mailbox == names.c.id)
    .join(targets, schema.letters.c.sender == targets.c.id)
    .join(
        schema.streams,
        and_(
            schema.streams.c.stream == schema.letters.c.mailbox,
            schema.streams.c.incarnation == schema.letters.c.incarnation,
            schema.streams.c.deleted == 0,
        ),
    )
    .order_by(names.c.name, targets.c.name)
)  # fmt: skip
SETTLEMENTS: Final = (
    select(names.c.name, hotkeys.c.hotkey.label("sponsor_key"), schema.settlements)
    .join_from(schema.settlements, names, schema.settlements.c.stream == names.c.id)
    .join(hotkeys, schema.settlements.c.sponsor == hotkeys.c.id)
    .order_by(
        schema.settlements.c.at_ms.desc(), names.c.name, schema.settlements.c.delay,
        schema.settlements.c.sequence.desc(),
    )
)  # fmt: skip


class StreamReading(Asking):
    """The part of the reading half that is about open streams."""

    async def standing_streams(self) -> AsyncIterator[StreamChange]:
        return self._standing_streams()

    async def _standing_streams(self) -> AsyncIterator[StreamChange]:
        yield StreamChange(
            streams=tuple(_stream(row) for row in await self._rows(STREAMS)),
            names=tuple(NameRow(*row) for row in await self._rows(KEY_NAMES)),
            successions=tuple(_succession(row) for row in await self._rows(SUCCESSIONS)),
            links=tuple(LinkRow(Link(*row), standing=True) for row in await self._rows(LINKS)),
            subscriptions=tuple(
                SubscriptionRow(Subscription(*row), standing=True) for row in await self._rows(SUBSCRIPTIONS)
            ),
            letters=tuple(LetterRow(*row) for row in await self._rows(LETTERS)),
        )
        async for values in self._pages(VALUES, VALUE_ROWID, _value):
            yield StreamChange(values=values)
        async for words in self._pages(WORDS, WORD_ROWID, _word):
            yield StreamChange(words=words)

    async def _pages(
        self, query: Select[Any], rowid: ColumnElement[Any], row_of: Callable[[Any], Any]
    ) -> AsyncIterator[tuple[Any, ...]]:
        after = 0
        while page := await self._rows(query.where(rowid > after)):
            yield tuple(row_of(row) for row in page)
            after = page[-1][0]

    async def day_sums(self, *, after_day: int | None = None) -> Sequence[DaySumRow]:
        query, day = DAYS.order_by(*BY_DAY), schema.stream_days.c.day
        if after_day is not None:
            query = query.where(day == select(func.min(day)).where(day > after_day).scalar_subquery())
        return [DaySumRow(*row) for row in await self._rows(query)]

    async def folded_days(
        self, owner: Hotkey, *, before_ms: int | None = None, limit: int = 100
    ) -> Sequence[DaySumRow]:
        identity = await self._identity(owner)
        if identity is None:
            return []
        table = schema.stream_days
        query = DAYS.where(table.c.owner == identity, table.c.folded > 0).order_by(*NEWEST_DAY).limit(limit)
        if before_ms is not None:
            query = query.where(table.c.day * DAY_MS < before_ms)
        return [DaySumRow(*row) for row in await self._rows(query)]

    async def _identity(self, owner: Hotkey) -> int | None:
        known = await self._rows(select(hotkeys.c.id).where(hotkeys.c.hotkey == owner))
        return int(known[0][0]) if known else None

    async def settlements(
        self, *, name: str = "", owner: Hotkey | None = None, before_ms: int | None = None, limit: int = 100
    ) -> Sequence[SettlementRow]:
        query = SETTLEMENTS
        if name:
            query = query.where(names.c.name == name)
        if before_ms is not None:
            query = query.where(schema.settlements.c.at_ms < before_ms)
        if owner is None:
            return await self._settled(await self._rows(query.limit(limit)))
        identity = await self._identity(owner)
        if identity is None:
            return []
        found: list[Any] = []
        for day in await self._days_of(identity, before_ms):
            found += await self._moved_on(query, identity, day, limit - len(found))
            if len(found) >= limit:
                break
        return await self._settled(found)

    async def _days_of(self, owner: int, before_ms: int | None) -> list[int]:
        """The days on which an owner's points were moved by settlements that may be kept yet, newest first."""
        oldest = (await self._rows(select(func.min(schema.settlements.c.at_ms))))[0][0]
        if oldest is None:
            return []
        table = schema.stream_days
        query = select(table.c.day).distinct().where(table.c.owner == owner, table.c.day >= oldest // DAY_MS)
        if before_ms is not None:
            query = query.where(table.c.day * DAY_MS < before_ms)
        return [row.day for row in await self._rows(query.order_by(table.c.day.desc()))]

    async def _moved_on(self, query: Select[Any], owner: int, day: int, limit: int) -> list[Any]:
        """Of a day's settlements the newest that moved an owner's points: only those of its horizons are looked at."""
        table, days = schema.settlements, schema.stream_days
        newest = (await self._rows(select(func.max(SETTLEMENT_ROWID)).select_from(table)))[0][0] or 0
        horizons = select(days.c.stream, days.c.delay).where(days.c.owner == owner, days.c.day == day)
        query = query.where(
            table.c.at_ms.between(day * DAY_MS, (day + 1) * DAY_MS - 1),
            HORIZON_IN_TIME.in_(horizons),
            func.instr(table.c.sides, struct.pack("<I", owner)) > 0,
            SETTLEMENT_ROWID <= newest,  # what is settled meanwhile must not move the pages
        )
        found: list[Any] = []
        offset = 0
        while len(found) < limit and (page := await self._rows(query.limit(limit).offset(offset))):
            found += [row for row in page if _has_moved(row.sides, owner)]
            offset += len(page)
        return found[:limit]

    async def _settled(self, rows: Sequence[Any]) -> Sequence[SettlementRow]:
        wanted = sorted({owner for row in rows for owner in unpack(row.sides).owners})
        keys: dict[int, bytes] = {}
        for start in range(0, len(wanted), IDS_A_QUERY):
            some = select(hotkeys.c.id, hotkeys.c.hotkey).where(hotkeys.c.id.in_(wanted[start : start + IDS_A_QUERY]))
            keys |= {row.id: row.hotkey for row in await self._rows(some)}
        return [
            SettlementRow(
                row.name, row.incarnation, row.sequence, row.delay, row.sponsor_key, row.at_ms, settlement_of(row, keys)
            )
            for row in rows
        ]

    async def settled_of(
        self, owner: Hotkey, *, before_ms: int | None = None, limit: int = 100
    ) -> tuple[Sequence[SettlementRow], Sequence[DaySumRow]]:
        async with self._at_one_instant() as connection:
            reading = _StreamsAtOneInstant(connection)
            rows = await reading.settlements(owner=owner, before_ms=before_ms, limit=limit)
            return rows, await reading.folded_days(owner, before_ms=before_ms, limit=limit)

    async def notices(self, hotkey: Hotkey, kind: NoticeKind, *, limit: int = 100) -> Sequence[NoticeRow]:
        table = schema.notices
        query = (
            select(table.c.operation, table.c.at_ms, table.c.fields)
            .join_from(table, hotkeys, table.c.hotkey == hotkeys.c.id)
            .where(hotkeys.c.hotkey == hotkey, table.c.kind == kind.value)
            .order_by(table.c.at_ms.desc(), table.c.operation, table.c.fields)
            .limit(limit)
        )
        return [
            NoticeRow(hotkey, Notice(kind, Operation(operation), at_ms, tuple(map(tuple, json.loads(fields)))))
            for operation, at_ms, fields in await self._rows(query)
        ]

    async def stream_evidence(self, sha256: Digest) -> EvidenceRow | None:
        table = schema.stream_evidence
        query = (
            select(table.c.sha256, hotkeys.c.hotkey, table.c.received_at_ms, table.c.kept_until_ms, table.c.raw)
            .join_from(table, hotkeys, table.c.hotkey == hotkeys.c.id)
            .where(table.c.sha256 == sha256)
        )
        found = await self._rows(query)
        return EvidenceRow(*found[0]) if found else None


class _StreamsAtOneInstant(StreamReading):
    """The same questions over one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def _rows(self, statement: Executable, **values: object) -> Sequence[Any]:
        found: Sequence[Any] = (await self._connection.execute(statement, values)).all()
        return found


def _has_moved(packed: bytes, owner: int) -> bool:
    """Whether an owner stands among the sides with an amount: its four bytes may also stand across two numbers."""
    sides = unpack(packed)
    return any(one == owner and amount for one, amount in zip(sides.owners, sides.amounts_micros, strict=True))


def _stream(row: Any) -> StreamRow:
    name, owner, incarnation, created_at_ms, budget_micros, sequence, value_at_ms, alive_until_ms, deleted, rule = row
    stream = Stream(
        name, owner, incarnation, created_at_ms, budget_micros, sequence, value_at_ms, alive_until_ms, bool(deleted)
    )
    return StreamRow(stream, rule)


def _succession(row: Any) -> Succession:
    before, network, after, issued_at_ms, consent, acceptance = row
    return Succession(network, before, after, issued_at_ms, consent, acceptance)


def _value(row: Any) -> StreamValueRow:
    _, name, incarnation, sequence, at_ms, text, has_lags, evidence = row
    return StreamValueRow(name, incarnation, sequence, at_ms, text, bool(has_lags), evidence)


def _word(row: Any) -> WordRow:
    _, name, incarnation, delay, owner, received_at_ms, sequence, speaker, cancels, scenarios, evidence = row
    return WordRow(
        name, incarnation, delay, owner, received_at_ms, sequence, speaker, bool(cancels), scenarios, evidence
    )
