"""Sums over scores as one statement each: a memory of months is millions of rows, and nobody wants them all at once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select

from neurons.store.schema import hotkeys, questions, scores


def block_sums(
    series: str, challenge: str, *, from_ms: int, block_ms: int, before_ms: int | None = None
) -> Select[Any]:
    """(hotkey, block, rounds, sum of gains, sum of baseline losses), by hotkey and block."""
    block = scores.c.anchor_at_ms // block_ms
    figures = (func.count(), func.sum(scores.c.gain_nano), func.sum(scores.c.baseline_loss_nano))
    asked = _scores(select(scores.c.hotkey, block.label("block"), *figures), series, challenge, from_ms)
    if before_ms is not None:
        asked = asked.where(scores.c.anchor_at_ms < before_ms)
    sums = asked.group_by(scores.c.hotkey, block).subquery()
    rest = [column for column in sums.c if column.name != "hotkey"]
    named = select(hotkeys.c.hotkey, *rest).join_from(sums, hotkeys, sums.c.hotkey == hotkeys.c.id)
    return named.order_by(hotkeys.c.hotkey, sums.c.block)


def tallies(series: str, challenge: str, *, valid: str, from_ms: int) -> Select[Any]:
    """(hotkey, rounds, those with the status `valid`, sum of gains), by hotkey."""
    figures = (func.count(), func.count().filter(scores.c.status == valid), func.sum(scores.c.gain_nano))
    sums = _scores(select(scores.c.hotkey, *figures), series, challenge, from_ms).group_by(scores.c.hotkey).subquery()
    rest = [column for column in sums.c if column.name != "hotkey"]
    named = select(hotkeys.c.hotkey, *rest).join_from(sums, hotkeys, sums.c.hotkey == hotkeys.c.id)
    return named.order_by(hotkeys.c.hotkey)


def _scores(query: Select[Any], series: str, challenge: str, from_ms: int) -> Select[Any]:
    """Of one challenge's rounds anchored at or after from_ms; names are looked up after the summing, once a miner."""
    asked = (questions.c.series == series, questions.c.challenge == challenge, scores.c.anchor_at_ms >= from_ms)
    return query.join(questions, scores.c.question == questions.c.id).where(*asked)
