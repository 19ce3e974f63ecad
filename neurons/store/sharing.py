"""Sums of the sharing window, kept as rows of a generation through a round: which are read back, which are spent."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import Select, func, select

from neurons.records import SharingRow
from neurons.store.schema import questions, sharing

SPENT: Final = (
    "DELETE FROM sharing WHERE through_ms < :sharing_before_ms OR EXISTS (SELECT 1 FROM sharing AS newer "
    "WHERE newer.question = sharing.question AND newer.generation = sharing.generation "
    "AND newer.through_ms > sharing.through_ms AND newer.through_ms < :superseded_before_ms)"
)


def newest_sums(series: str, challenge: str, *, from_ms: int, before_ms: int) -> Select[Any]:
    """Of each generation the newest row of that span, by generation."""
    newest = (
        select(sharing.c.question, sharing.c.generation, func.max(sharing.c.through_ms).label("through_ms"))
        .join(questions, sharing.c.question == questions.c.id)
        .where(questions.c.series == series, questions.c.challenge == challenge)
        .where(sharing.c.through_ms >= from_ms, sharing.c.through_ms < before_ms)
        .group_by(sharing.c.question, sharing.c.generation)
        .subquery()
    )
    same = [sharing.c[name] == newest.c[name] for name in ("question", "generation", "through_ms")]
    columns = (sharing.c.generation, sharing.c.through_ms, sharing.c.sums)
    return select(*columns).join(newest, same[0] & same[1] & same[2]).order_by(sharing.c.generation)


def newest_of(rows: Iterable[SharingRow], *, from_ms: int, before_ms: int) -> list[SharingRow]:
    """The same of rows of one question."""
    within = sorted((row for row in rows if from_ms <= row.through_ms < before_ms), key=lambda row: row.through_ms)
    newest = {row.generation: row for row in within}
    return [newest[generation] for generation in sorted(newest)]


def spent(rows: Collection[SharingRow], sharing_before_ms: int, superseded_before_ms: int) -> set[SharingRow]:
    """What SPENT drops of all rows there are."""
    newest: dict[tuple[str, str, int], int] = {}
    for row in rows:
        if row.through_ms < superseded_before_ms:
            of = row.series, row.challenge, row.generation
            newest[of] = max(row.through_ms, newest.get(of, row.through_ms))
    return {
        row
        for row in rows
        if row.through_ms < sharing_before_ms
        or row.through_ms < newest.get((row.series, row.challenge, row.generation), row.through_ms)
    }
