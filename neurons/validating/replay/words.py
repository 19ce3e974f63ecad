"""Rounds and instants in the words that a report shows."""

from __future__ import annotations

from datetime import UTC, datetime

from neurons.records import RoundRow


def instant(at_ms: int) -> str:
    """An instant in UTC, to the minute."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")


def round_words(row: RoundRow) -> str:
    """A round by its question and anchor."""
    return f"{row.series} {row.challenge} {instant(row.anchor_at_ms)}"
