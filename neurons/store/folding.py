"""Settlements of open streams that are old enough become one booking a horizon and day, in small jobs for the writer.

    a settlement and its booking  --one transaction-->  its day's booking, its owners' sums of that day; itself gone

What an account has is the sum of its postings before, between and after: a job moves postings from transaction to
transaction and makes none. Whatever instant it is stopped at, a job has happened or it has not, and the next pass
begins with what is left. A day's booking grows while its settlements are let go one after the other.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from neurons.store.sides import unpack
from protocol.rules.points import day_transaction, settlement_id
from protocol.units import DAY_MS

A_PASS: Final = 20_000
"""Settlements that are looked up at once, so that those of one horizon are folded together: ten minutes of them at
500 streams with a value a minute."""
BYTES_A_JOB: Final = 80_000
"""Packed sides that one job folds, of some 4,000 owners; a settlement with more is a job by itself."""

DUE: Final = (
    "SELECT rowid, size FROM (SELECT rowid, stream, delay, length(sides) AS size FROM settlements WHERE at_ms < ? "
    "ORDER BY at_ms LIMIT ?) ORDER BY stream, delay, rowid"
)
SETTLED: Final = (
    "SELECT settlements.stream, sponsor, delay, at_ms, sequence, sides, name, hotkey FROM settlements "
    "JOIN stream_names ON stream_names.id = settlements.stream JOIN hotkeys ON hotkeys.id = sponsor "
    "WHERE settlements.rowid = ? AND at_ms < ?"
)
FIND: Final = "SELECT id FROM transactions WHERE transaction_id = ?"
OPEN: Final = (
    "INSERT INTO transactions (transaction_id, at_ms, kind, memo) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (transaction_id) DO NOTHING"
)
LEGS: Final = 'SELECT account, amount_micros FROM postings WHERE "transaction" = ?'
ADD: Final = (
    'INSERT INTO postings ("transaction", place, account, amount_micros) VALUES (?, ?, ?, ?) '
    'ON CONFLICT ("transaction", place) DO UPDATE SET amount_micros = amount_micros + excluded.amount_micros'
)
LEVEL: Final = 'DELETE FROM postings WHERE "transaction" = ? AND amount_micros = 0'
UNPOST: Final = 'DELETE FROM postings WHERE "transaction" = ?'
UNBOOK: Final = "DELETE FROM transactions WHERE id = ?"
COUNT: Final = (
    "UPDATE stream_days SET folded = folded + ?, folded_micros = folded_micros + ? "
    "WHERE day = ? AND stream = ? AND delay = ? AND sponsor = ? AND owner = ?"
)
FORGET: Final = "DELETE FROM settlements WHERE rowid = ?"

Job = Callable[[sqlite3.Connection], Any]


class _Day(NamedTuple):
    """Whose settlements have one booking. stream, sponsor: integers of their names."""

    stream: int
    sponsor: int
    delay: int
    day: int
    name: str
    publisher: bytes


class _Settled(NamedTuple):
    rowid: int
    sequence: int
    sides: bytes


def due(before_ms: int) -> Job:
    """The oldest settlements of before that instant, as what `fold` takes: a list of rowids for each job."""

    def job(connection: sqlite3.Connection) -> Sequence[Sequence[int]]:
        return list(_jobs(connection.execute(DUE, (before_ms, A_PASS)).fetchall()))

    return job


def _jobs(found: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    job: list[int] = []
    size = 0
    for rowid, length in found:
        if job and size + length > BYTES_A_JOB:
            yield job
            job, size = [], 0
        job.append(rowid)
        size += length
    if job:
        yield job


def fold(rowids: Sequence[int], before_ms: int) -> Job:
    """Adds these settlements to their days and lets go of them one by one: rows dropped by table.

    Those that are gone, or not of before that instant, are passed over.
    """

    def job(connection: sqlite3.Connection) -> Mapping[str, int]:
        days: defaultdict[_Day, list[_Settled]] = defaultdict(list)
        for rowid in rowids:
            for stream, sponsor, delay, at_ms, sequence, sides, name, hotkey in connection.execute(
                SETTLED, (rowid, before_ms)
            ):
                key = _Day(stream, sponsor, delay, at_ms // DAY_MS, name, hotkey)
                days[key].append(_Settled(rowid, sequence, sides))
        dropped: Counter[str] = Counter()
        for day, settled in days.items():
            dropped["transactions"] += _rebook(connection, day, settled)
            _count(connection, day, settled)
            connection.executemany(FORGET, [(one.rowid,) for one in settled])
            dropped["settlements"] += len(settled)
        return dropped

    return job


def _rebook(connection: sqlite3.Connection, day: _Day, settled: Sequence[_Settled]) -> int:
    """Moves the postings of single bookings to the day's one, and answers how many bookings there were."""
    publisher = day.publisher.hex()
    ids = [settlement_id(publisher, day.name, day.delay, one.sequence) for one in settled]
    single = [row for id_ in ids for row in connection.execute(FIND, (id_,)).fetchall()]
    if not single:
        return 0
    whole = day_transaction({}, publisher=publisher, stream=day.name, delay=day.delay, day=day.day)
    connection.execute(OPEN, (whole.id, whole.at_ms, whole.kind, whole.memo))
    [(booking,)] = connection.execute(FIND, (whole.id,)).fetchall()
    moved: Counter[int] = Counter()
    for one in single:
        for account, amount in connection.execute(LEGS, one):
            moved[account] += amount
    # An account stands once in a day's booking, so its own integer is its place there.
    connection.executemany(ADD, [(booking, account, account, amount) for account, amount in moved.items()])
    connection.execute(LEVEL, (booking,))
    connection.executemany(UNPOST, single)
    connection.executemany(UNBOOK, single)
    return len(single)


def _count(connection: sqlite3.Connection, day: _Day, settled: Sequence[_Settled]) -> None:
    """Says in each owner's sum of the day how many of its settlements are only there now, and what they moved."""
    how_many: Counter[int] = Counter()
    moved: Counter[int] = Counter()
    for one in settled:
        sides = unpack(one.sides)
        for owner, amount in zip(sides.owners, sides.amounts_micros, strict=True):
            if amount:
                how_many[owner] += 1
                moved[owner] += amount
    key = (day.day, day.stream, day.delay, day.sponsor)
    connection.executemany(COUNT, [(number, moved[owner], *key, owner) for owner, number in how_many.items()])
