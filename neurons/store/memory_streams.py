"""The memory twin's tables of open streams: rows by their keys, in the order in which they first came."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, NamedTuple

from neurons.store.checking import check_rows
from neurons.store.retention_streams import Published, spent_notices, spent_values, spent_words
from neurons.stream_records import (
    DaySumRow,
    EvidenceRow,
    NoticeRow,
    SettlementRow,
    StreamChange,
    StreamValueRow,
    WordRow,
)
from protocol.rules.ledger import Account, Transaction
from protocol.rules.points import day_transaction, settlement_id
from protocol.rules.quarantine import Word
from protocol.rules.stream_records import Notice, NoticeKind
from protocol.units import DAY_MS, Digest, Hotkey, Micros, UnixMs

KEY_OF: Final[Mapping[str, Callable[[Any], Hashable]]] = {
    "streams": lambda row: row.stream.name,
    "values": lambda row: (row.name, row.incarnation, row.sequence),
    "words": lambda row: (
        row.name, row.incarnation, row.delay, row.owner, row.received_at_ms, row.sequence, row.speaker,
    ),
    "settlements": lambda row: (row.name, row.incarnation, row.sequence, row.delay),
    "names": lambda row: row.hotkey,
    "successions": lambda row: row.before,
    "links": lambda row: row.link,
    "subscriptions": lambda row: row.subscription,
    "letters": lambda row: (row.mailbox, row.incarnation, row.sender),
    "notices": lambda row: row,
    "evidence": lambda row: row.sha256,
}  # fmt: skip
UPSERTS: Final = frozenset({"streams", "names", "links", "subscriptions", "letters"})
TABLES: Final = tuple(field.name for field in fields(StreamChange))
Day = tuple[int, str, int, Hotkey, Hotkey]


class _Sum(NamedTuple):
    """The figures of a `DaySumRow`."""

    amount: int = 0
    moved: int = 0
    folded: int = 0
    folded_amount: int = 0


class MemoryStreams:
    """The part of the Store port that is about open streams, over dicts."""

    _transactions: dict[str, Transaction]

    def __init__(self) -> None:
        self._of_streams: dict[str, dict[Hashable, Any]] = {table: {} for table in TABLES}
        self._days: dict[Day, _Sum] = {}

    def check_streams(self, change: StreamChange) -> None:
        """Raises RowRefused for a row that cannot be kept."""
        for table in TABLES:
            if rows := getattr(change, table):
                check_rows(rows)

    def write_streams(self, change: StreamChange) -> None:
        """Keeps every row, and adds each settlement that is new to its day."""
        for table in TABLES:
            kept, key_of = self._of_streams[table], KEY_OF[table]
            for row in getattr(change, table):
                key = key_of(row)
                if table in UPSERTS:
                    kept[key] = row
                elif key not in kept:
                    kept[key] = row
                    if table == "settlements":
                        self._count(row)

    def _count(self, row: SettlementRow) -> None:
        for key, amount in _moved(row):
            total, moved, *folded = self._days.get(key, _Sum())
            self._days[key] = _Sum(total + amount, moved + abs(amount), *folded)

    def _fold(self, row: SettlementRow) -> int:
        """Adds a settlement that is let go to its day's booking and sums: how many bookings it had."""
        for key, amount in _moved(row):
            total, moved, folded, folded_amount = self._days[key]
            self._days[key] = _Sum(total, moved, folded + 1, folded_amount + amount)
        publisher, day = row.sponsor.hex(), row.at_ms // DAY_MS
        single = self._transactions.pop(settlement_id(publisher, row.name, row.delay, row.sequence), None)
        if single is None:
            return 0
        whole = day_transaction({}, publisher=publisher, stream=row.name, delay=row.delay, day=day)
        so_far = self._transactions.get(whole.id, whole)
        sums: dict[Account, Micros] = {}
        for posting in (*so_far.postings, *single.postings):
            sums[posting.account] = Micros(sums.get(posting.account, 0) + posting.amount_micros)
        self._transactions[whole.id] = day_transaction(
            sums, publisher=publisher, stream=row.name, delay=row.delay, day=day
        )
        return 1

    def _standing(self, name: str) -> int:
        """The incarnation that a stream has now, 0 for none."""
        row = self._of_streams["streams"].get(name)
        return 0 if row is None or row.stream.deleted else row.stream.incarnation

    def _is_over(self, name: str, incarnation: int) -> bool:
        """Whether a stream that is known has another incarnation now, or none."""
        return name in self._of_streams["streams"] and incarnation != self._standing(name)

    def _rows_of(self, table: str, key: Callable[[Any], Any]) -> tuple[Any, ...]:
        return tuple(sorted(self._of_streams[table].values(), key=key))

    async def standing_streams(self) -> AsyncIterator[StreamChange]:
        return self._standing_streams()

    async def _standing_streams(self) -> AsyncIterator[StreamChange]:
        links = self._rows_of("links", lambda row: row.link)
        subscriptions = self._rows_of("subscriptions", lambda row: row.subscription)
        letters = self._rows_of("letters", lambda row: (row.mailbox, row.sender))
        yield StreamChange(
            streams=self._rows_of("streams", lambda row: row.stream.name),
            names=self._rows_of("names", lambda row: row.hotkey),
            successions=self._rows_of("successions", lambda row: row.before),
            links=tuple(row for row in links if row.standing),
            subscriptions=tuple(row for row in subscriptions if row.standing),
            letters=tuple(row for row in letters if row.incarnation == self._standing(row.mailbox)),
        )
        for table in ("values", "words"):
            rows = [row for row in self._of_streams[table].values() if row.incarnation == self._standing(row.name)]
            if rows:
                yield StreamChange(**{table: tuple(rows)})

    async def day_sums(self, *, after_day: int | None = None) -> Sequence[DaySumRow]:
        if after_day is not None:
            day = min((key[0] for key in self._days if key[0] > after_day), default=None)
            return [_day_row(*one) for one in sorted(self._days.items()) if one[0][0] == day]
        return [_day_row(*one) for one in sorted(self._days.items())]

    async def folded_days(
        self, owner: Hotkey, *, before_ms: int | None = None, limit: int = 100
    ) -> Sequence[DaySumRow]:
        rows = [
            _day_row(key, sums)
            for key, sums in self._days.items()
            if key[-1] == owner and sums.folded and (before_ms is None or key[0] * DAY_MS < before_ms)
        ]
        return sorted(rows, key=lambda row: (-row.day, row.name, row.delay, row.sponsor))[:limit]

    async def settlements(
        self, *, name: str = "", owner: Hotkey | None = None, before_ms: int | None = None, limit: int = 100
    ) -> Sequence[SettlementRow]:
        found = [
            row
            for row in self._of_streams["settlements"].values()
            if name in {"", row.name}
            and (before_ms is None or row.at_ms < before_ms)
            and (owner is None or any(key[-1] == owner for key, _ in _moved(row)))
        ]
        return sorted(found, key=lambda row: (-row.at_ms, row.name, row.delay, -row.sequence))[:limit]

    async def settled_of(
        self, owner: Hotkey, *, before_ms: int | None = None, limit: int = 100
    ) -> tuple[Sequence[SettlementRow], Sequence[DaySumRow]]:
        rows = await self.settlements(owner=owner, before_ms=before_ms, limit=limit)
        return rows, await self.folded_days(owner, before_ms=before_ms, limit=limit)

    async def notices(self, hotkey: Hotkey, kind: NoticeKind, *, limit: int = 100) -> Sequence[NoticeRow]:
        found = [
            row for row in self._of_streams["notices"].values() if row.hotkey == hotkey and row.notice.kind is kind
        ]
        return sorted(found, key=lambda row: (-row.notice.at_ms, row.notice.operation, row.notice.fields))[:limit]

    async def stream_evidence(self, sha256: Digest) -> EvidenceRow | None:
        row: EvidenceRow | None = self._of_streams["evidence"].get(sha256)
        return row

    async def prune_streams(self, *, now_ms: UnixMs, settled_before_ms: int) -> Mapping[str, int]:
        touched: Counter[str] = Counter()
        for table, name, is_over in (
            ("evidence", "stream_evidence", lambda row: row.kept_until_ms <= now_ms),
            ("links", "stream_links", lambda row: not row.standing),
            ("subscriptions", "subscriptions", lambda row: not row.standing),
            ("letters", "letters", lambda row: self._is_over(row.mailbox, row.incarnation)),
        ):
            touched[name] += self._drop(table, [key for key, row in self._of_streams[table].items() if is_over(row)])
        settled = {key: row for key, row in self._of_streams["settlements"].items() if row.at_ms < settled_before_ms}
        touched["transactions"] += sum(self._fold(row) for row in settled.values())
        touched["settlements"] += self._drop("settlements", settled)
        touched["stream_values"] += self._drop("values", self._spent_values(now_ms))
        touched["stream_words"] += self._drop("words", self._spent_words(now_ms))
        touched["notices"] += self._drop("notices", self._spent_notices(now_ms))
        return {table: rows for table, rows in touched.items() if rows}

    def _drop(self, table: str, keys: Iterable[Hashable]) -> int:
        dropped = [self._of_streams[table].pop(key) for key in keys]
        return len(dropped)

    def _spent_values(self, now_ms: UnixMs) -> list[Hashable]:
        spent: list[Hashable] = []
        current: dict[str, list[Published]] = {}
        rows: dict[Hashable, StreamValueRow] = self._of_streams["values"]
        for key, row in sorted(rows.items(), key=lambda pair: -pair[1].sequence):
            if self._is_over(row.name, row.incarnation):
                spent.append(key)
            elif row.name in self._of_streams["streams"]:
                size = len(row.text.encode())
                current.setdefault(row.name, []).append(Published(key, row.at_ms, row.has_lags, size))
        for values in current.values():
            spent += spent_values(values, now_ms=now_ms)
        return spent

    def _spent_words(self, now_ms: UnixMs) -> list[Hashable]:
        spent: list[Hashable] = []
        horizons: dict[tuple[str, int], dict[Hashable, Word]] = {}
        rows: dict[Hashable, WordRow] = self._of_streams["words"]
        for key, row in rows.items():
            if self._is_over(row.name, row.incarnation):
                spent.append(key)
            elif row.name in self._of_streams["streams"]:
                word = Word(row.owner.hex(), row.received_at_ms, row.sequence, row.cancels)
                horizons.setdefault((row.name, row.delay), {})[key] = word
        for (_, delay), words in horizons.items():
            spent += spent_words(words, delay=delay, now_ms=now_ms)
        return spent

    def _spent_notices(self, now_ms: UnixMs) -> list[Hashable]:
        logs: dict[Hotkey, list[Notice]] = {}
        for row in self._of_streams["notices"].values():
            logs.setdefault(row.hotkey, []).append(row.notice)
        return [
            NoticeRow(hotkey, notice) for hotkey, log in logs.items() for notice in spent_notices(log, now_ms=now_ms)
        ]


def _moved(row: SettlementRow) -> list[tuple[Day, int]]:
    """(the sum of a day that it counts in, amount) of every owner whose points a settlement moved."""
    settled, horizon = row.settlement, (row.at_ms // DAY_MS, row.name, row.delay, row.sponsor)
    pairs = zip(settled.owners, settled.amounts_micros, strict=True)
    return [((*horizon, Hotkey(bytes.fromhex(owner))), amount) for owner, amount in pairs if amount != 0]


def _day_row(key: Day, sums: _Sum) -> DaySumRow:
    day, name, delay, sponsor, owner = key
    return DaySumRow(
        name,
        delay,
        sponsor,
        owner,
        day,
        Micros(sums.amount),
        Micros(sums.moved),
        sums.folded,
        Micros(sums.folded_amount),
    )
