"""Open streams recomputed: what each settlement moved and booked, what a creation or a transfer cost, and sums of days.

A settlement is settled anew where the words that it met still stand, which is so for the newest of every horizon until
retention comes by; of every other one that is kept, the booking and the day's sum are recomputed from its row. What
retention let go is taken as booked, once it is sound in itself: points alone, and nothing out of nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np

from neurons.store.auditing import AuditSqlite, BookedTransaction
from neurons.stream_records import SettlementRow, StreamRow, StreamValueRow, WordRow
from neurons.validating.replay.findings import Findings
from neurons.validating.replay.ledger import ReplayedLedger
from protocol.rules.points import (
    CREATION,
    CREATION_BUDGETS,
    POINTS,
    POINTS_CREATION,
    SETTLEMENT,
    TRANSFER,
    creation_transaction,
    settlement_transaction,
)
from protocol.rules.pot import settle_pool
from protocol.rules.pot_scores import SPREAD_VALUES, recent_spread
from protocol.rules.quarantine import Word, judged
from protocol.rules.scenarios import Pool
from protocol.rules.stream_book.benchmark import carries_over, seed_of
from protocol.rules.stream_book.effects import ROW_DTYPE
from protocol.rules.stream_values import ValueKind, read_value
from protocol.units import DAY_MS, Micros

OF_STREAMS: Final = (f"{SETTLEMENT}/", f"{CREATION}/", f"{TRANSFER}/")
"""How the ids of transactions begin that follow from acts on open streams."""
LET_GO: Final = "settlements that retention let go: taken as booked, in points that sum to zero"
WORDS_GONE: Final = "settlements whose scenarios were let go since: their bookings and sums checked, not the division"
TRANSFERS: Final = "transfers of points: taken as booked, in points that sum to zero"
BEFORE_KEPT: Final = "sums of days whose settlements retention let go"

FIRST_PLACE: Final = 1
NO_DAY: Final = 2**31

_DayKey = tuple[str, int, bytes, bytes, int]


class StreamReplay:
    """One pass over the open streams of one database."""

    def __init__(self, database: AuditSqlite, ledger: ReplayedLedger, findings: Findings) -> None:
        self._database, self._ledger, self._findings = database, ledger, findings
        self._days: Counter[_DayKey] = Counter()
        self._days_from: int | None = None
        """The first day of which all settlements are kept; None before the first settlement."""

    async def run(self) -> None:
        """Settlements, their bookings, and the sums of days; other bookings come by `take_booked`."""
        newest: dict[tuple[str, int], SettlementRow] = {}
        async for place, row in self._database.kept_settlements():
            if self._days_from is None:
                self._days_from = row.at_ms // DAY_MS + (place > FIRST_PLACE)
            await self._settlement(row)
            newest[row.name, row.delay] = row
        await self._settle_anew(newest)
        await self._compare_days()

    async def take_booked(self, transaction_id: str) -> None:
        """A booking that no kept settlement has: of a creation, a transfer, or a settlement that was let go."""
        booked = await self._database.booked(transaction_id)
        if booked is None:
            return
        units = {unit for _, unit in booked.legs}
        if sum(booked.legs.values()) != 0 or units != {POINTS}:
            self._findings.differ("transactions", "open streams", transaction_id, booked.legs, "points that sum to 0")
        if booked.kind == CREATION:
            self._creation(booked)
            return
        self._findings.leave(TRANSFERS if booked.kind == TRANSFER else LET_GO, transaction_id)
        self._ledger.take(booked)

    async def _settlement(self, row: SettlementRow) -> None:
        where = _words(row)
        self._findings.checked["settlements"] += 1
        settlement = row.settlement
        wanted = settlement_transaction(
            settlement,
            publisher=row.sponsor.hex(),
            stream=row.name,
            delay=row.delay,
            sequence=row.sequence,
            at_ms=row.at_ms,
        )
        if wanted is not None:
            self._ledger.expect(wanted, await self._database.booked(wanted.id), where)
        day = row.at_ms // DAY_MS
        for owner, amount in zip(settlement.owners, settlement.amounts_micros, strict=True):
            if amount:
                self._days[row.name, row.delay, row.sponsor, bytes.fromhex(owner), day] += amount

    def _creation(self, booked: BookedTransaction) -> None:
        """A new stream costs a whole number of budgets; which budget that was, its own amount says."""
        _, owner, rest = booked.id.split("/", 2)
        stream, _, sequence = rest.rpartition("/")
        budget, left = divmod(booked.legs.get((POINTS_CREATION, POINTS), 0), CREATION_BUDGETS)
        if left or budget <= 0:
            self._findings.differ("transactions", stream, booked.id, booked.legs, f"{CREATION_BUDGETS} times a budget")
            self._ledger.take(booked)
            return
        wanted = creation_transaction(
            owner, stream=stream, budget_micros=Micros(budget), sequence=int(sequence), at_ms=booked.at_ms
        )
        self._ledger.expect(wanted, booked, f"the creation of {stream}")

    async def _settle_anew(self, newest: Mapping[tuple[str, int], SettlementRow]) -> None:
        streams: dict[str, StreamRow] = {}
        numbers: dict[str, list[tuple[int, float]]] = {}
        words: dict[tuple[str, int], list[WordRow]] = {}
        async for page in await self._database.standing_streams():
            streams |= {row.stream.name: row for row in page.streams}
            for value in page.values:
                _remember(numbers, value)
            for word in page.words:
                kept = newest.get((word.name, word.delay))
                if kept is not None and word.incarnation == kept.incarnation and word.received_at_ms <= kept.at_ms:
                    words.setdefault((word.name, word.delay), []).append(word)
        for (name, delay), row in newest.items():
            self._settle_one(row, words.get((name, delay), []), numbers.get(name, []), streams[name])

    def _settle_one(
        self, row: SettlementRow, words: list[WordRow], numbers: list[tuple[int, float]], stream: StreamRow
    ) -> None:
        pool = _pool(row, words)
        if pool.owners != row.settlement.owners or stream.stream.incarnation != row.incarnation:
            self._findings.leave(WORDS_GONE, _words(row))
            return
        seed = seed_of(row.sponsor, row.name, incarnation=row.incarnation, sequence=row.sequence, delay=row.delay)
        before = [number for sequence, number in reversed(numbers) if sequence < row.sequence]
        anew = settle_pool(
            pool,
            row.settlement.value,
            rule=stream.rule,
            budget_micros=row.settlement.budget_micros,
            spread=recent_spread(before[:SPREAD_VALUES]),
            carry_over=carries_over(seed),
        )
        self._findings.checked["pots"] += 1
        if anew != row.settlement:
            self._findings.differ("settlements", _words(row), "amounts_micros", row.settlement, anew)
        self._findings.tell({"settled": _words(row), "amounts": list(anew.amounts_micros)})

    async def _compare_days(self) -> None:
        """Sums of every day whose settlements are all kept; what comes before them cannot be recomputed."""
        kept_from = NO_DAY if self._days_from is None else self._days_from
        stored: Counter[_DayKey] = Counter()
        for day in await self._database.day_sums():
            if day.day >= kept_from:
                stored[day.name, day.delay, day.sponsor, day.owner, day.day] = day.amount_micros
                self._findings.checked["days"] += 1
            else:
                self._findings.leave(BEFORE_KEPT, f"{day.delay}::{day.name} on day {day.day}")
        wanted = {key: amount for key, amount in self._days.items() if key[4] >= kept_from}
        for key in sorted({*stored, *wanted}):
            if stored.get(key, 0) != wanted.get(key, 0):
                where = f"{key[1]}::{key[0]} on day {key[4]}"
                self._findings.differ("stream_days", where, "amount_micros", stored.get(key), wanted.get(key))


def _words(row: SettlementRow) -> str:
    return f"{row.delay}::{row.name}, value {row.sequence}"


def _remember(numbers: dict[str, list[tuple[int, float]]], row: StreamValueRow) -> None:
    value = read_value(row.text)
    if value.kind is ValueKind.SCALAR:
        numbers.setdefault(row.name, []).append((row.sequence, value.numbers[0]))


def _pool(row: SettlementRow, words: list[WordRow]) -> Pool:
    """Whose scenarios met this value, of the words that are left."""
    by_word = {
        Word(word.owner.hex(), word.received_at_ms, word.sequence, word.cancels): word.scenarios for word in words
    }
    standing = judged(by_word, at_ms=row.at_ms, delay=row.delay)
    columns = [np.frombuffer(by_word[word], dtype=ROW_DTYPE) for word in standing.values()]
    return Pool(tuple(standing), np.stack(columns, axis=1) if columns else np.empty((0, 0)))
