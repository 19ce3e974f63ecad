"""microprediction's own settlement, as it ran in September 2021 and from December 2022 on, defects included.

    W = the nearest scenarios at or above the value, of the first window that has one     (those below were never paid)
    owner i gets  (N / 225) * (i's scenarios in W) / |W| - 1,  times the stream's budget

Its floats are followed operation by operation (`parity_amounts`), and only then made whole (`pot.settle`). Two of its
accidents cannot happen here: participants who are not those with scenarios (nobody was paid then), and a draw of
chance inside: whether the 5% carry-over of 2021 strikes is the caller's to say.
Source: rediz 0.16.3 and 1.0.12, `_msettle`, `_game_payments` and `_set_scenarios_implementation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.errors import InvalidAnswer
from protocol.rules.scenarios import Pool

WINDOWS: Final = (1e-4, 1e-3, 1e-2)


@dataclass(frozen=True, slots=True)
class ParityRule:
    """What differed between the original's versions.

    windows: total widths, in the stream's own unit, ascending.  winners_per_side: the nearest that count.
    two_sided: whether scenarios below the value win too (in no version they did).
    subsidy: what everybody gets on top, divided by (1/2 + participants).
    """

    winners_per_side: int
    subsidy: float = 0.0
    windows: tuple[float, ...] = WINDOWS
    two_sided: bool = False


MICRO2021: Final = ParityRule(winners_per_side=10)
MICRO2023: Final = ParityRule(winners_per_side=50, subsidy=0.1)


class ParityAmounts(NamedTuple):
    """The original's figures, before the budget: one an owner, in the pool's order, and the reserve's.

    window: the width in which the winners are, the widest one without any.  winners: |W|.
    """

    amounts: NDArray[np.float64]
    reserve: float
    window: float
    winners: int


def parity_amounts(pool: Pool, value: float, rule: ParityRule, *, carry_over: bool = False) -> ParityAmounts:
    """What the original pays each owner, in units of its budget, bit for bit.

    pool: two owners or more (below that the original pays nothing, and so does `settle`).
    carry_over: when nobody is near, everybody pays 1 into the reserve; 2021 drew this with a chance of 5%.
    """
    owners = len(pool.owners)
    won, window = np.zeros(owners, dtype=np.int64), rule.windows[-1]
    for width in rule.windows:
        won = _winners(pool, value, width, rule)
        if won.any():
            window = width
            break
    winners = int(won.sum())
    if winners:
        reward = (1.0 * pool.columns.size / pool.count) / winners
        amounts = np.where(won > 0, reward * won + -1.0, -1.0)
        reserve = 0.0
    else:
        amounts = np.full(owners, -1.0 if carry_over else 0.0)
        reserve = 1.0 * pool.columns.size / pool.count if carry_over else 0.0
    if rule.subsidy:
        amounts = rule.subsidy / (0.5 + pool.columns.size / pool.count) + amounts
    return ParityAmounts(amounts, reserve, window, winners)


def _winners(pool: Pool, value: float, width: float, rule: ParityRule) -> NDArray[np.int64]:
    """How many of each owner's scenarios win in a window of this total width."""
    up = _nearest(pool.columns, value, value + 0.5 * width, rule.winners_per_side)
    if not rule.two_sided:
        return up
    # The mirror image: nearest from below, ties by rank and owner from behind; what equals the value won already.
    mirrored = -pool.columns[::-1, ::-1]
    below = np.where(mirrored == -value, np.inf, mirrored)
    return up + _nearest(below, -value, -(value - 0.5 * width), rule.winners_per_side)[::-1]


def _nearest(columns: NDArray[np.float64], low: float, high: float, most: int) -> NDArray[np.int64]:
    """How many of the `most` smallest numbers in [low, high] each column's owner has.

    columns: shape (m, owners).  Equal numbers at the limit go by rank, then by owner, as the original's
    sorted set of "rank::key" has them.
    """
    owners = columns.shape[1]
    places = np.flatnonzero((columns >= low) & (columns <= high))  # row after row: rank, then owner
    if places.size > most:
        found = columns.reshape(-1)[places]
        limit = np.partition(found, most - 1)[most - 1]
        nearer = places[found < limit]
        places = np.concatenate((nearer, places[found == limit][: most - nearer.size]))
    return np.bincount(places % owners, minlength=owners)


def jiggered2021(values: Sequence[float], draws: Sequence[float], *, count: int = 225) -> list[float]:
    """A submission as the original kept it in 2021: each value plus a draw times 0.1 / count, then sorted.

    values: ascending.  draws: standard normal, one a value (the caller's chance).
    Raises InvalidAnswer (the owner's fault, said the original) when two are equal afterwards.
    """
    return _distinct(sorted(v + n * (0.1 / count) for v, n in zip(values, draws, strict=True)))


def jiggered2023(values: Sequence[float], draws: Sequence[float]) -> list[float]:
    """A submission as the original kept it from 2022 on: noise of 1e-7, more for numbers whose mean is above 1,000.

    values: ascending.  draws: standard normal; the first of them beyond 0.1 either way are used, one a value.
    Raises InvalidAnswer when two are equal afterwards; ValueError (ours) when too few draws are beyond 0.1.
    """
    most = max(abs(v) for v in values)
    big = [v for v in values if abs(v) > 0.1 * most]
    ratio = max(1.0, float(np.mean(big)) / 1000.0) if big else 1.0
    used = [n for n in draws if abs(n) > 0.1]
    if len(used) < len(values):
        raise ValueError(f"want {len(values)} draws beyond 0.1, were {len(used)}")
    return _distinct(sorted(v + ratio * n * 1e-7 for v, n in zip(values, used, strict=False)))


def _distinct(values: list[float]) -> list[float]:
    if len(set(values)) != len(values):
        raise InvalidAnswer(f"{len(values) - len(set(values))} scenarios equal others after noise", count=len(values))
    return values
