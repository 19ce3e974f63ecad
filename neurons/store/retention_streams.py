"""What is let go of open streams: decided by the rules of streams, for both stores alike, done in small jobs.

Let go are values that neither lags nor history keep, words that no value can be held against any more, all that
belonged to an earlier incarnation, edges that do not stand, notices beyond a key's log, evidence that expired, and
settlements that are old enough, of which folding.py keeps the day. Streams, sums of days, names of keys, successions
and what balances are made of are kept for ever.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from protocol.rules.quarantine import Word, still_needed
from protocol.rules.stream_records import Notice, NoticeKind, Operation, kept_notices
from protocol.rules.stream_values import history_to_keep, lags_to_keep
from protocol.units import UnixMs

EVIDENCE_A_JOB: Final = 32
STREAMS_A_JOB: Final = 16
KEYS_A_JOB: Final = 16


class Published(NamedTuple):
    """A value as retention sees it. key: what a store finds it by."""

    key: Any
    at_ms: UnixMs
    has_lags: bool
    size_bytes: int


def spent_values(values: Sequence[Published], *, now_ms: UnixMs) -> list[Any]:
    """The keys of the values that are neither lags nor history any more. values: of one incarnation, newest first."""
    lags = [value for value in values if value.has_lags]
    history = [value for value in values if not value.has_lags]
    kept_lags = lags_to_keep([value.at_ms for value in lags], now_ms=now_ms)
    kept_history = history_to_keep([value.size_bytes for value in history])
    return [value.key for value in (*lags[kept_lags:], *history[kept_history:])]


def spent_words(words: Mapping[Any, Word], *, delay: int, now_ms: UnixMs) -> list[Any]:
    """The keys of the words that no value from now on can be held against. words: of one horizon, by key."""
    needed = set(still_needed(words.values(), at_ms=now_ms, delay=delay))
    return [key for key, word in words.items() if word not in needed]


def spent_notices(notices: Iterable[Notice], *, now_ms: UnixMs) -> list[Notice]:
    """The lines that a key's log does not hold any more; of one instant, whichever stands first goes first."""
    every = sorted(notices, key=lambda one: (one.at_ms, one.kind, one.operation, one.fields))
    kept = set(kept_notices(every, now_ms=now_ms))
    return [notice for notice in every if notice not in kept]


Job = Callable[[sqlite3.Connection], Any]

DROP: Final = {
    "stream_values": "DELETE FROM stream_values WHERE rowid = ?",
    "stream_words": "DELETE FROM stream_words WHERE rowid = ?",
    "letters": "DELETE FROM letters WHERE rowid = ?",
    "notices": "DELETE FROM notices WHERE hotkey = ? AND at_ms = ? AND kind = ? AND operation = ? AND fields = ?",
}
EXPIRED: Final = (
    "DELETE FROM stream_evidence WHERE rowid IN (SELECT rowid FROM stream_evidence WHERE kept_until_ms <= ? "
    "ORDER BY kept_until_ms LIMIT ?)"
)
STREAMS: Final = "SELECT stream, incarnation, deleted FROM streams WHERE stream > ? ORDER BY stream LIMIT ?"
VALUES: Final = (
    "SELECT rowid, incarnation, at_ms, has_lags, length(CAST(text AS BLOB)) FROM stream_values WHERE stream = ? "
    "ORDER BY incarnation DESC, sequence DESC"
)
WORDS: Final = (
    "SELECT rowid, incarnation, delay, owner, received_at_ms, sequence, cancels FROM stream_words WHERE stream = ?"
)
LETTERS: Final = "SELECT rowid, incarnation FROM letters WHERE mailbox = ?"
KEYS: Final = "SELECT DISTINCT hotkey FROM notices WHERE hotkey > ? ORDER BY hotkey LIMIT ?"
NOTICES: Final = "SELECT kind, operation, at_ms, fields FROM notices WHERE hotkey = ?"


def drop_edges() -> Job:
    """Drops links and subscriptions that stand no more: rows dropped by table."""

    def job(connection: sqlite3.Connection) -> Mapping[str, int]:
        edges = ("stream_links", "subscriptions")
        return {table: connection.execute(f"DELETE FROM {table} WHERE standing = 0").rowcount for table in edges}

    return job


def drop_evidence(now_ms: int) -> Job:
    """Drops some envelopes that expired, of up to a megabyte each: how many there were."""

    def job(connection: sqlite3.Connection) -> int:
        return connection.execute(EXPIRED, (now_ms, EVIDENCE_A_JOB)).rowcount

    return job


def drop_of_streams(after: int, now_ms: UnixMs) -> Job:
    """Drops what some streams need no more: the last of them and rows dropped by table; None when there is none."""

    def job(connection: sqlite3.Connection) -> tuple[int, Mapping[str, int]] | None:
        streams = connection.execute(STREAMS, (after, STREAMS_A_JOB)).fetchall()
        if not streams:
            return None
        dropped: dict[str, int] = {}
        for stream, incarnation, deleted in streams:
            standing = 0 if deleted else incarnation
            for table, spent in (
                ("stream_values", _values_of(connection, stream, standing, now_ms)),
                ("stream_words", _words_of(connection, stream, standing, now_ms)),
                ("letters", [row for row, of in connection.execute(LETTERS, (stream,)) if of != standing]),
            ):
                connection.executemany(DROP[table], [(row,) for row in spent])
                dropped[table] = dropped.get(table, 0) + len(spent)
        return streams[-1][0], dropped

    return job


def drop_notices(after: int, now_ms: UnixMs) -> Job:
    """Drops the lines that some keys' logs do not hold any more: as `drop_of_streams`."""

    def job(connection: sqlite3.Connection) -> tuple[int, Mapping[str, int]] | None:
        keys = [row[0] for row in connection.execute(KEYS, (after, KEYS_A_JOB))]
        if not keys:
            return None
        spent = []
        for key in keys:
            told = [_notice(*row) for row in connection.execute(NOTICES, (key,))]
            spent += [(key, one) for one in spent_notices(told, now_ms=now_ms)]
        lines = [(key, one.at_ms, one.kind.value, one.operation.value, json.dumps(one.fields)) for key, one in spent]
        connection.executemany(DROP["notices"], lines)
        return keys[-1], {"notices": len(lines)}

    return job


def _values_of(connection: sqlite3.Connection, stream: int, standing: int, now_ms: UnixMs) -> list[int]:
    rows = connection.execute(VALUES, (stream,)).fetchall()
    current = [Published(row, at_ms, bool(lags), size) for row, of, at_ms, lags, size in rows if of == standing]
    return [row for row, of, *_ in rows if of != standing] + spent_values(current, now_ms=now_ms)


def _words_of(connection: sqlite3.Connection, stream: int, standing: int, now_ms: UnixMs) -> list[int]:
    spent: list[int] = []
    by_delay: dict[int, dict[int, Word]] = {}
    for row, of, delay, owner, received_at_ms, sequence, cancels in connection.execute(WORDS, (stream,)):
        if of == standing:
            by_delay.setdefault(delay, {})[row] = Word(str(owner), received_at_ms, sequence, bool(cancels))
        else:
            spent.append(row)
    for delay, words in by_delay.items():
        spent += spent_words(words, delay=delay, now_ms=now_ms)
    return spent


def _notice(kind: str, operation: str, at_ms: UnixMs, fields: str) -> Notice:
    return Notice(NoticeKind(kind), Operation(operation), at_ms, tuple(map(tuple, json.loads(fields))))
