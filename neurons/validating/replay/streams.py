"""Open streams recomputed: what each settlement moved and booked, what a creation or a transfer cost, and sums of days.

A settlement is settled anew where the words that it met still stand, which is so for the newest of every horizon until
retention comes by; of every other one that is kept, the booking and the day's sum are recomputed from its row. What
retention folded into a day is taken as the day's booking has it, once that is sound in itself: points alone, and
nothing out of nothing. Every sum of a day is then what was folded and what is kept, and balances are the sum of both.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from neurons.store.auditing import AuditSqlite, BookedTransaction
from neurons.stream_records import DaySumRow, SettlementRow, StreamRow, StreamValueRow, WordRow
from neurons.validating.replay.findings import Findings
from neurons.validating.replay.ledger import HOTKEY_HEX, ReplayedLedger
from protocol.rules.points import (
    CREATION,
    CREATION_BUDGETS,
    POINTS,
    POINTS_CREATION,
    SETTLED_DAY,
    SETTLEMENT,
    TRANSFER,
    creation_transaction,
    day_transaction,
    points_account,
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

OF_STREAMS: Final = (f"{SETTLEMENT}/", f"{SETTLED_DAY}/", f"{CREATION}/", f"{TRANSFER}/")
"""How the ids of transactions begin that follow from acts on open streams."""
FOLDED: Final = "days of settlements that retention folded: their sums taken as booked, in points that sum to zero"
LET_GO: Final = "settlements that retention of an earlier release let go: taken as booked, in points that sum to zero"
WORDS_GONE: Final = "settlements whose scenarios were let go since: their bookings and sums checked, not the division"
TRANSFERS: Final = "transfers of points: taken as booked, in points that sum to zero"
SETTLED_IDS: Final = re.compile(rf"({SETTLEMENT}|{SETTLED_DAY})/([0-9a-f]{{64}})/(.+)/(\d+)/(\d+)")
"""(kind, publisher, stream, delay, sequence or day)."""

_OWNERS: Final = points_account("")
_DayKey = tuple[str, int, bytes, bytes, int]


class StreamReplay:
    """One pass over the open streams of one database."""

    def __init__(self, database: AuditSqlite, ledger: ReplayedLedger, findings: Findings) -> None:
        self._database, self._ledger, self._findings = database, ledger, findings
        self._days: Counter[_DayKey] = Counter()
        """What kept settlements, and bookings without one, moved."""
        self._folded: Counter[_DayKey] = Counter()
        """And how much of it days' bookings did."""
        self._folded_days: set[tuple[str, int, bytes, int]] = set()
        self._kept_from_ms: int | None = None

    async def run(self) -> None:
        """Settlements and their bookings; other bookings come by `take_booked`, then the sums of days by `finish`."""
        newest: dict[tuple[str, int], SettlementRow] = {}
        async for row in self._database.kept_settlements():
            self._kept_from_ms = min(row.at_ms, self._kept_from_ms or row.at_ms)
            await self._settlement(row)
            newest[row.name, row.delay] = row
        await self._settle_anew(newest)

    async def take_booked(self, transaction_id: str) -> None:
        """A booking that no kept settlement has: of a creation, a transfer, or settlements that were let go."""
        booked = await self._database.booked(transaction_id)
        if booked is None:
            return
        units = {unit for _, unit in booked.legs}
        if sum(booked.legs.values()) != 0 or units - {POINTS}:
            self._findings.differ("transactions", "open streams", transaction_id, booked.legs, "points that sum to 0")
        if booked.kind == CREATION:
            self._creation(booked)
            return
        if booked.id.startswith(f"{TRANSFER}/"):
            self._findings.leave(TRANSFERS, transaction_id)
            self._ledger.take(booked)
        elif (named := SETTLED_IDS.fullmatch(booked.id)) is None:
            self._findings.differ("transactions", "open streams", transaction_id, "booked", None)
        elif named[1] == SETTLED_DAY:
            self._folded_day(booked, named)
        else:
            self._let_go(booked, named)

    async def finish(self) -> None:
        """Compares the sums of days, once every booking was taken."""
        stored: dict[_DayKey, DaySumRow] = {
            (one.name, one.delay, one.sponsor, one.owner, one.day): one for one in await self._database.day_sums()
        }
        for key in sorted({*stored, *self._days}):
            self._findings.checked["days"] += 1
            self._compare_day(key, stored.get(key))

    def _let_go(self, booked: BookedTransaction, named: re.Match[str]) -> None:
        """A settlement that is booked is kept, unless it is older than all that are."""
        if self._kept_from_ms is not None and booked.at_ms >= self._kept_from_ms:
            self._findings.differ("settlements", booked.id, "sides", None, "a settlement, as it is booked")
        self._findings.leave(LET_GO, booked.id)
        self._ledger.take(booked)
        for key, amount in _moved(booked, named, booked.at_ms // DAY_MS):
            self._days[key] += amount

    def _folded_day(self, booked: BookedTransaction, named: re.Match[str]) -> None:
        """A day's booking is named after its horizon and its day, and at its instant; its legs are what was folded."""
        _, publisher, stream, delay, day = named.groups()
        legs = {account: Micros(amount) for (account, unit), amount in booked.legs.items() if unit == POINTS}
        wanted = day_transaction(
            legs if sum(legs.values()) == 0 else {}, publisher=publisher, stream=stream, delay=int(delay), day=int(day)
        )
        self._findings.leave(FOLDED, wanted.memo)
        self._ledger.expect(wanted, booked, wanted.memo)
        self._folded_days.add((stream, int(delay), bytes.fromhex(publisher), int(day)))
        for key, amount in _moved(booked, named, int(day)):
            self._days[key] += amount
            self._folded[key] += amount

    def _compare_day(self, key: _DayKey, stored: DaySumRow | None) -> None:
        name, delay, sponsor, _, day = key
        folded = self._folded[key]
        wanted = {"amount_micros": self._days[key], "folded_micros": folded}
        told = {"amount_micros": stored.amount_micros, "folded_micros": stored.folded_micros} if stored else {}
        where = f"{delay}::{name} on day {day}"
        if stored is None and not any(wanted.values()):
            return
        self._findings.compare("stream_days", where, told, wanted)
        if stored is None:
            return
        if stored.folded < (folded != 0) or (stored.folded and (name, delay, sponsor, day) not in self._folded_days):
            self._findings.differ("stream_days", where, "folded", stored.folded, "as many as are in the day's booking")
        if stored.moved_micros < abs(stored.amount_micros):
            self._findings.differ("stream_days", where, "moved_micros", stored.moved_micros, "no less than the amount")

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


def _moved(booked: BookedTransaction, named: re.Match[str], day: int) -> Iterator[tuple[_DayKey, int]]:
    """(the sum of a day, amount) of each owner in what settlements booked; reserve and subsidy count in no sum."""
    publisher, stream, delay = bytes.fromhex(named[2]), named[3], int(named[4])
    for (account, unit), amount in booked.legs.items():
        owner = account.removeprefix(_OWNERS)
        if unit == POINTS and HOTKEY_HEX.fullmatch(owner):
            yield (stream, delay, publisher, bytes.fromhex(owner), day), amount


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
