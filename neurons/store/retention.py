"""What is let go, as jobs for the writer: small ones, so that answers that come in meanwhile never wait long."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Final

from neurons.store.columns import metadata
from neurons.store.sharing import SPENT

ROUNDS_A_JOB: Final = 4

EXPIRED: Final = {
    "nonces": "DELETE FROM nonces WHERE expires_at_ms <= :now_ms",
    "replies": "DELETE FROM replies WHERE expires_at_ms <= :now_ms",
    "drafts": "DELETE FROM drafts WHERE anchor_at_ms < :before_ms",
}
OLD_ROUNDS: Final = (
    "SELECT holding.round FROM holding JOIN rounds USING (round) WHERE rounds.anchor_at_ms < ? "
    "ORDER BY holding.round LIMIT ?"
)
HELD: Final = {
    "commitments": "evidence != x''",
    "submissions": "(evidence != x'' OR answer IS NOT NULL OR salt != x'')",
    "pays": "detail != ''",
}
"""What a row still holds of what is let go."""
LET_GO: Final = {
    "commitments": {"evidence": "x''", "form": "NULL"},
    "submissions": {"evidence": "x''", "form": "NULL", "answer": "NULL", "salt": "x''"},
    "pays": {"detail": "''"},
}
FORGET: Final = "DELETE FROM holding WHERE round = ?"


def _shortening(name: str) -> tuple[str, str, str]:
    """How a table's rows of a round are read as they will be, taken out, and put back where they were."""
    table, held = metadata.tables[name], f"round = ? AND {HELD[name]}"
    columns = [column.name for column in table.columns]
    if table.dialect_options["sqlite"]["with_rowid"]:
        columns.insert(0, "rowid")
    values = ", ".join(LET_GO[name].get(column, column) for column in columns)
    holes = ", ".join("?" * len(columns))
    return (
        f"SELECT {values} FROM {name} WHERE {held} ORDER BY {columns[0]}, hotkey",
        f"DELETE FROM {name} WHERE {held}",
        f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({holes})",
    )


SHORTEN: Final = {name: _shortening(name) for name in HELD}

Job = Callable[[sqlite3.Connection], Mapping[str, int]]


def expire(now_ms: int, before_ms: int) -> Job:
    """Drops what has an expiry: rows dropped by table."""

    def job(connection: sqlite3.Connection) -> Mapping[str, int]:
        moment = {"now_ms": now_ms, "before_ms": before_ms}
        return {table: connection.execute(sql, moment).rowcount for table, sql in EXPIRED.items()}

    return job


def drop_spent_sums(sharing_before_ms: int, superseded_before_ms: int) -> Job:
    """Drops sums of the sharing window that no restart and no re-score begins with any more."""

    def job(connection: sqlite3.Connection) -> Mapping[str, int]:
        moments = {"sharing_before_ms": sharing_before_ms, "superseded_before_ms": superseded_before_ms}
        return {"sharing": connection.execute(SPENT, moments).rowcount}

    return job


def drop_evidence(before_ms: int) -> Job:
    """Drops what is held of a few rounds anchored earlier: rows touched by table, empty when none was left.

    Rows are taken out and put back short: one that is shortened in its place leaves its page as full of holes as it
    is, and the file would go on growing.
    """

    def job(connection: sqlite3.Connection) -> Mapping[str, int]:
        rounds = [row[0] for row in connection.execute(OLD_ROUNDS, (before_ms, ROUNDS_A_JOB))]
        if not rounds:
            return {}
        touched = {table: sum(_shorten(connection, table, round_) for round_ in rounds) for table in HELD}
        connection.executemany(FORGET, [(round_,) for round_ in rounds])
        return touched

    return job


def _shorten(connection: sqlite3.Connection, table: str, round_: int) -> int:
    take, delete, put = SHORTEN[table]
    rows = connection.execute(take, (round_,)).fetchall()
    connection.execute(delete, (round_,))
    connection.executemany(put, rows)
    return len(rows)
