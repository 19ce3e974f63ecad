"""What is let go, as jobs for the writer: small ones, so that answers that come in meanwhile never wait long."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Final

from neurons.store.sharing import SPENT

ROUNDS_A_JOB: Final = 16

EXPIRED: Final = {
    "nonces": "DELETE FROM nonces WHERE expires_at_ms <= :now_ms",
    "replies": "DELETE FROM replies WHERE expires_at_ms <= :now_ms",
    "drafts": "DELETE FROM drafts WHERE anchor_at_ms < :before_ms",
}
OLD_ROUNDS: Final = (
    "SELECT holding.round FROM holding JOIN rounds USING (round) WHERE rounds.anchor_at_ms < ? "
    "ORDER BY holding.round LIMIT ?"
)
DROP: Final = {
    "commitments": "UPDATE commitments SET evidence = x'', form = NULL WHERE round = ? AND evidence != x''",
    "submissions": (
        "UPDATE submissions SET evidence = x'', form = NULL, answer = NULL, salt = x'' WHERE round = ? "
        "AND (evidence != x'' OR answer IS NOT NULL OR salt != x'')"
    ),
}
FORGET: Final = "DELETE FROM holding WHERE round = ?"

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
    """Drops evidence and answers of a few rounds anchored earlier: rows touched by table, empty when none was left."""

    def job(connection: sqlite3.Connection) -> Mapping[str, int]:
        rounds = [row[0] for row in connection.execute(OLD_ROUNDS, (before_ms, ROUNDS_A_JOB))]
        if not rounds:
            return {}
        touched = {
            table: sum(connection.execute(sql, (round_,)).rowcount for round_ in rounds) for table, sql in DROP.items()
        }
        connection.executemany(FORGET, [(round_,) for round_ in rounds])
        return touched

    return job
