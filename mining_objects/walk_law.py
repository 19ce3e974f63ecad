"""Where a series may stand some steps ahead: laws of a walk, of noise about a level, and of a chain of states.

All take a series oldest first, of shape (n,), n >= 2, in a unit of its own in which the newest value is 0 and no other
lies beyond 1; callers shift and scale. Nothing is drawn.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mining_objects.causal import recursive_sum
from mining_objects.laws import student_t_quantile, weighted_quantile

Floats = NDArray[np.float64]

HALF_LIVES: Final = (5.0, 20.0, 80.0, 320.0)
"""In steps, of the averages of squared moves whose mean is today's variance; chosen on KuCoin's closes of February and
of late March 2023, not on those that the benchmark shows."""
CALMS_IN: Final = 240.0
"""Steps in which half of what today's variance has over the long one is gone."""
_MOST_DEGREES: Final = 200.0
_PRIOR_MOVES: Final = 30
_TAILS_OVER: Final = 8
"""Moves over more steps are too few to show their tails; they are taken to be those over so many."""
_WARM: Final = 30
_OWN_SHAPE_AT: Final = 100
"""So many moves apart from each other make their own shape count as much as Student's."""
_DRIFT_STANDS_OUT: Final = 3.0
_PRIOR_VISITS: Final = 1.0
_LEAST_SIZE: Final = 1e-6
_LARGEST_SIZE: Final = 10.0


def walk_ahead(series: Floats, steps: int, levels: Floats) -> Floats:
    """Quantiles of a walk's value `steps` ahead, shape (levels,): a drift, a size and a shape.

    Drift: the mean move, as far as it stands out of its error. Size: squared moves average over several half-lives (as
    in a HAR model, Corsi (2009), doi:10.1093/jjfinec/nbp001) and calm down to the long mean. Shape: Student's t with
    the tails of the moves over the size known before each, mixed with the quantiles of such moves over `steps` steps,
    which count as much as there are of them.
    """
    moves = np.diff(series)
    drift = _drift(moves)
    free = moves - drift
    variances = running_variances(free**2)
    size = deviation_ahead(variances, steps)
    if not size[-1] > 0:
        return np.full(len(levels), drift * steps)
    warm, least = min(_WARM, len(moves) // 2), float(size.max()) * _LEAST_SIZE
    few = min(steps, _TAILS_OVER)
    degrees = tail_degrees(standardised(free, deviation_ahead(variances, few), few, warm, least), few)
    shape = student_t_quantile(levels, degrees) / np.sqrt(degrees / (degrees - 2.0))
    seen = standardised(free, size, steps, warm, least)
    if len(seen) >= steps:
        trust = len(seen) / (len(seen) + _OWN_SHAPE_AT * steps)
        own = weighted_quantile(seen - seen.mean(), np.ones(len(seen)), levels)
        shape = trust * own + (1.0 - trust) * shape
    return np.asarray(drift * steps + float(size[-1]) * shape)


def standardised(moves: Floats, deviation: Floats, steps: int, warm: int, least: float) -> Floats:
    """The sums of `steps` moves over the deviation known before each, from move `warm` on: shape (n - warm - steps,).

    deviation: of such sums, as known after each of the n moves; counts as `least` where it is smaller. Cut at +-10: the
    first move after a long calm says no more than that it was large. Empty where there are too few moves.
    """
    reached = np.cumsum(moves)
    sizes = (reached[warm + steps :] - reached[warm:-steps]) / np.maximum(deviation[warm:-steps], least)
    return np.clip(sizes, -_LARGEST_SIZE, _LARGEST_SIZE)


class RunningVariances(NamedTuple):
    """Known after each of n moves: the variance of today's moves and that of all so far. Shape (n,) each."""

    today: Floats
    long: Floats


def running_variances(squares: Floats) -> RunningVariances:
    """From n squared moves: the mean of averages over `HALF_LIVES`, and the plain mean."""
    ones, today = np.ones(len(squares)), np.zeros(len(squares))
    for half_life in HALF_LIVES:
        keep = 0.5 ** (1.0 / half_life)
        today += recursive_sum(squares, keep) / recursive_sum(ones, keep)
    return RunningVariances(today / len(HALF_LIVES), np.cumsum(squares) / np.arange(1, len(squares) + 1))


def deviation_ahead(variances: RunningVariances, steps: int) -> Floats:
    """Deviation of the sum of the next `steps` moves, as known after each move, while today calms down: shape (n,)."""
    keep = 0.5 ** (1.0 / CALMS_IN)
    lasting = (1.0 - keep**steps) / (1.0 - keep)
    variance = variances.long * steps + (variances.today - variances.long) * lasting
    deviation: Floats = np.sqrt(np.maximum(variance, 0.0))
    return deviation


def tail_degrees(standardised: Floats, steps: int = 1) -> float:
    """Degrees of freedom of a Student-t law with these moves' kurtosis k: 4 + 6 / (k - 3), to a tenth, at most 200.

    Moves over several steps overlap, so that many count as one. A few prove no tails: the kurtosis of n is drawn
    towards 6, of 6 degrees, as if 30 more had shown it.
    """
    squares, count = standardised**2, len(standardised) / steps
    mean = float(squares.mean()) if len(squares) else 0.0
    seen = float((squares**2).mean()) / mean**2 if mean > 0 else 0.0
    kurtosis = (count * seen + _PRIOR_MOVES * 6.0) / (count + _PRIOR_MOVES)
    return round(min(_MOST_DEGREES, 4.0 + 6.0 / max(kurtosis - 3.0, 1e-6)), 1)


def noise_ahead(series: Floats, steps: int, levels: Floats) -> Floats:
    """Quantiles, `steps` ahead, of a series that comes back to a level, shape (levels,).

    The newest value's distance from the mean shrinks by the correlation of values so many steps apart: 0 where it does
    not stand out of its error, or where the series is not four times as long. Around that lie the quantiles of what
    was left over.
    """
    level = float(series.mean())
    rest, keeps = series - level, 0.0
    if len(series) >= 4 * (steps + 1):
        before, after = rest[:-steps], rest[steps:]
        correlation = float(before @ after) / float(before @ before)
        if correlation > 2.0 / len(before) ** 0.5:
            keeps = min(correlation, 1.0)
            rest = after - keeps * before
    ahead = level + keeps * (series[-1] - level) + weighted_quantile(rest, np.ones(len(rest)), levels)
    return np.asarray(ahead)


def states_ahead(series: Floats, steps: int) -> Floats:
    """How much each value of a chain of states weighs as its state `steps` ahead: shape (n,).

    One for what followed the present state after so many steps; what is seen overall counts as one such visit more.
    """
    weights = np.full(len(series), _PRIOR_VISITS / len(series))
    if len(series) > steps:
        weights[steps:] += np.isclose(series[:-steps], series[-1], rtol=0.0, atol=1e-9)
    return weights


def _drift(moves: Floats) -> float:
    """The mean move, less what chance alone explains: nothing within three standard errors."""
    mean, error = float(moves.mean()), float(moves.std()) / np.sqrt(len(moves))
    surplus = 1.0 - (_DRIFT_STANDS_OUT * error / abs(mean)) ** 2 if abs(mean) > 0 else 0.0
    return mean * max(0.0, surplus)
