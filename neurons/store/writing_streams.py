"""Rows of open streams into their tables, run by the one writer inside its open transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from neurons.store import schema_streams as schema
from neurons.store.names import Names
from neurons.store.sides import pack
from neurons.store.statements import add_up, insert_once, upsert
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
from protocol.rules.succession import Succession
from protocol.units import DAY_MS, Hotkey

Tuples = list[tuple[Any, ...]]

WRITE: Final = {
    "streams": upsert(schema.streams),
    "values": insert_once(schema.stream_values),
    "words": insert_once(schema.stream_words),
    "names": upsert(schema.key_names),
    "successions": insert_once(schema.successions),
    "links": upsert(schema.stream_links),
    "subscriptions": upsert(schema.subscriptions),
    "letters": upsert(schema.letters),
    "notices": insert_once(schema.notices),
    "evidence": insert_once(schema.stream_evidence),
}
SETTLE: Final = insert_once(schema.settlements)
COUNT: Final = add_up(schema.stream_days, "amount_micros", "moved_micros")


def _one(name: str) -> tuple[str]:
    return (name,)


class StreamWriter:
    """Writes changes of open streams into one connection's open transaction. Raises what the driver raises."""

    def __init__(self, connection: sqlite3.Connection, hotkeys: Names[Hotkey]) -> None:
        self._connection = connection
        self._hotkeys = hotkeys
        self.names = Names[str](connection, schema.stream_names, "name", values_of=_one)
        self._encoders: dict[str, Callable[[Iterable[Any]], Tuples]] = {
            "streams": self._streams,
            "values": self._values,
            "words": self._words,
            "names": self._key_names,
            "successions": self._successions,
            "links": self._links,
            "subscriptions": self._subscriptions,
            "letters": self._letters,
            "notices": self._notices,
            "evidence": self._evidence,
        }

    def write(self, changes: Sequence[StreamChange]) -> None:
        """All rows of all changes, table by table; within a table in the order they came."""
        for table, encode in self._encoders.items():
            rows = [row for change in changes for row in getattr(change, table)]
            if rows:
                self._connection.executemany(WRITE[table], encode(rows))
        for change in changes:
            for settled in change.settlements:
                self._settle(settled)

    def _settle(self, row: SettlementRow) -> None:
        """Keeps a settlement, and adds it to the sums of its day unless it was kept before."""
        s, stream, sponsor = row.settlement, self.names.id(row.name), self._hotkeys.id(row.sponsor)
        owners = [self._hotkeys.id(Hotkey(bytes.fromhex(owner))) for owner in s.owners]
        cursor = self._connection.execute(
            SETTLE,
            (
                stream, row.incarnation, row.sequence, row.delay, sponsor, row.at_ms, s.rule, s.value, s.budget_micros,
                s.count, s.winners, s.window, s.reserve_micros, s.subsidy_micros, s.reason, pack(owners, s),
            ),
        )  # fmt: skip
        if cursor.rowcount == 0:
            return
        day = row.at_ms // DAY_MS
        self._connection.executemany(
            COUNT,
            [
                (day, stream, row.delay, sponsor, owner, amount, abs(amount), 0, 0)
                for owner, amount in zip(owners, s.amounts_micros, strict=True)
                if amount != 0
            ],
        )

    def _streams(self, rows: Iterable[StreamRow]) -> Tuples:
        return [
            (
                self.names.id(s.name), self._hotkeys.id(s.owner), s.incarnation, s.created_at_ms, s.budget_micros,
                s.sequence, s.value_at_ms, s.alive_until_ms, int(s.deleted), row.rule,
            )
            for row in rows
            if (s := row.stream)
        ]  # fmt: skip

    def _values(self, rows: Iterable[StreamValueRow]) -> Tuples:
        return [
            (self.names.id(r.name), r.incarnation, r.sequence, r.at_ms, r.text, int(r.has_lags), r.evidence)
            for r in rows
        ]

    def _words(self, rows: Iterable[WordRow]) -> Tuples:
        return [
            (
                self.names.id(r.name), r.incarnation, r.delay, self._hotkeys.id(r.owner), r.received_at_ms, r.sequence,
                r.speaker, int(r.cancels), r.scenarios, r.evidence,
            )
            for r in rows
        ]  # fmt: skip

    def _key_names(self, rows: Iterable[NameRow]) -> Tuples:
        return [(self._hotkeys.id(r.hotkey), r.nonce, r.letters) for r in rows]

    def _successions(self, rows: Iterable[Succession]) -> Tuples:
        return [(self._hotkeys.id(r.before), r.network, r.after, r.issued_at_ms, r.consent, r.acceptance) for r in rows]

    def _links(self, rows: Iterable[LinkRow]) -> Tuples:
        named = self.names.id
        return [(named(r.link.name), r.link.delay, named(r.link.target), int(r.standing)) for r in rows]

    def _subscriptions(self, rows: Iterable[SubscriptionRow]) -> Tuples:
        named = self.names.id
        return [(named(r.subscription.subscriber), named(r.subscription.source), int(r.standing)) for r in rows]

    def _letters(self, rows: Iterable[LetterRow]) -> Tuples:
        named = self.names.id
        return [(named(r.mailbox), r.incarnation, named(r.sender), r.text, r.at_ms) for r in rows]

    def _notices(self, rows: Iterable[NoticeRow]) -> Tuples:
        return [
            (self._hotkeys.id(row.hotkey), n.at_ms, n.kind.value, n.operation.value, json.dumps(n.fields))
            for row in rows
            if (n := row.notice)
        ]

    def _evidence(self, rows: Iterable[EvidenceRow]) -> Tuples:
        return [(r.sha256, self._hotkeys.id(r.hotkey), r.received_at_ms, r.kept_until_ms, r.raw) for r in rows]
