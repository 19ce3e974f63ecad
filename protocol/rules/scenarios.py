"""Scenarios: the equally likely numbers by which an owner says how a stream's next value is distributed.

    what an owner sends --sorted_scenarios--> one row --gather--> a Pool: every owner's row beside a new value

The count of a stream is a setting, 225 by default. Equal numbers are welcome: 225 times one is a point forecast.
Two submissions of one instant are two rows; the order in which they came is nowhere kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocol.errors import InvalidAnswer, InvalidRequest
from protocol.params import MAIN

SCENARIOS: Final = MAIN.streams.num_predictions
"""Scenarios of a submission, where a stream does not say otherwise."""

MAX_SCENARIOS: Final = 1_000
MAX_ABS_VALUE: Final = 1e300
"""The largest magnitude of a scenario or a value: the difference of any two is still a finite float64."""

_AT_ONCE: Final = 128
"""Owners copied together, so that what is copied stays in the cache."""

Columns = NDArray[np.float64]
"""One column an owner, one row a rank, each column ascending and rows contiguous, so that whole ranks of owners are
compared at once: rank k of m stands for (k + 0.5) / m."""


def sorted_scenarios(values: ArrayLike, *, count: int = SCENARIOS) -> NDArray[np.float64]:
    """A submission as it is kept: float64, ascending, shape (count,); -0.0 becomes 0.0.

    Raises InvalidAnswer (the owner's fault) for another count, for what is no number, not finite or beyond 1e300;
    fields: count and limit, or position (as it was sent) and value.
    """
    row = _floats(values)
    if row.shape != (count,):
        raise InvalidAnswer(f"want {count} scenarios, were {list(row.shape)}", count=row.size, limit=count)
    _refuse_beyond(row)
    return np.sort(row) + 0.0


def settled_value(value: float) -> float:
    """A value that a stream published, as settlement takes it: a finite float64 within 1e300.

    Raises InvalidRequest (the publisher's fault) for anything else; fields: value, limit.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= MAX_ABS_VALUE:
        raise InvalidRequest(
            f"want one finite value within {MAX_ABS_VALUE:g}, was {value!r:.40}",
            value=f"{value!r:.40}",
            limit=MAX_ABS_VALUE,
        )
    return number + 0.0


@dataclass(frozen=True, slots=True)
class Pool:
    """Everybody whose scenarios meet one value: owners in ascending order, and a column for each."""

    owners: tuple[str, ...]
    columns: Columns

    @property
    def count(self) -> int:
        """Scenarios of each owner."""
        return int(self.columns.shape[0])


def gather(owners: Sequence[str], scenarios: ArrayLike) -> Pool:
    """Owners and their scenarios as a pool; the order in which they are given does not matter.

    scenarios: shape (owners, m), 1 <= m <= 1000; rows that are not sorted are.
    Raises InvalidAnswer for another shape, and for the first row with a number that is not finite or beyond 1e300;
    fields: owner, position, value. ValueError (ours) when an owner is named twice.
    """
    rows = _floats(scenarios)
    if not owners and rows.size == 0:
        return Pool((), np.empty((SCENARIOS, 0)))
    if rows.ndim != 2 or rows.shape[0] != len(owners) or not 1 <= rows.shape[1] <= MAX_SCENARIOS:
        raise InvalidAnswer(
            f"want scenarios of shape ({len(owners)}, 1 to {MAX_SCENARIOS}), were {rows.shape}", limit=MAX_SCENARIOS
        )
    _refuse_beyond(rows, owners)
    order = sorted(range(len(owners)), key=owners.__getitem__)
    names = tuple(owners[place] for place in order)
    if len(set(names)) != len(names):
        raise ValueError("an owner has one set of scenarios in a pool, and one was named twice")
    columns = np.empty(rows.shape[::-1])
    for start in range(0, len(order), _AT_ONCE):
        columns[:, start : start + _AT_ONCE] = rows[order[start : start + _AT_ONCE]].T
    return Pool(names, columns if (columns[1:] >= columns[:-1]).all() else np.sort(columns, axis=0))


def _floats(values: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidAnswer("want numbers, all rows of one length") from error


def _refuse_beyond(numbers: NDArray[np.float64], owners: Sequence[str] = ()) -> None:
    """Raises InvalidAnswer for the first number not finite or too large; a comparison with NaN is never true."""
    if numbers.size == 0 or (numbers.min() >= -MAX_ABS_VALUE and numbers.max() <= MAX_ABS_VALUE):
        return
    position = tuple(np.argwhere(~(np.abs(numbers) <= MAX_ABS_VALUE))[0].tolist())
    value, owner = float(numbers[position]), owners[position[0]] if owners else ""
    of = f" of {owner}" if owner else ""
    raise InvalidAnswer(
        f"scenario {position[-1]}{of} is no finite number within {MAX_ABS_VALUE:g}: {value!r}",
        position=position[-1],
        value=repr(value),
        limit=MAX_ABS_VALUE,
        owner=owner,
    )
