"""Closes and what corrected them, as one statement each: a close has a row for each of its revisions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select

from neurons.store.schema import closes


def newest_closes(series: str, *, from_ms: int, to_ms: int) -> Select[Any]:
    """The newest revision of each close of that span, by time."""
    newer = closes.alias("newer")
    newest = (
        select(func.max(newer.c.revision))
        .where(newer.c.series == closes.c.series, newer.c.close_at_ms == closes.c.close_at_ms)
        .scalar_subquery()
    )
    return (
        select(closes)
        .where(closes.c.series == series, closes.c.close_at_ms.between(from_ms, to_ms))
        .where(closes.c.revision == newest)
        .order_by(closes.c.close_at_ms)
    )


def revisions_of(series: str, close_at_ms: int) -> Select[Any]:
    """Every revision of one close, the first one first."""
    return (
        select(closes).where(closes.c.series == series, closes.c.close_at_ms == close_at_ms).order_by(closes.c.revision)
    )
