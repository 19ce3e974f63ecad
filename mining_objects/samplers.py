"""Scenarios for open streams: from a stream's lags to `num` equally likely numbers for a later value.

    lagged values, times, delay --default_sampler--> 225 ascending scenarios --StreamWriter.submit--> the network

`default_sampler` looks at the lags and picks; the others are what it is made of, what the original's crawlers used,
and pieces for your own. Lags come newest first. Every sampler returns float64 of shape (num,), ascending, finite,
within 1e300; those that draw take their chance as a `numpy.random.Generator`, the others' arguments say it all.
No sampler invents a spread: of lags that are all equal every scenario is that value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mining_objects.lattices import implied_lattice
from mining_objects.laws import (
    evenly_spaced,
    recency_weights,
    student_t_quantile,
    weighted_atoms,
    weighted_quantile,
)
from mining_objects.series_kinds import SeriesKind, kind_of, steps_ahead
from mining_objects.spread_law import normal_scores
from mining_objects.walk_law import noise_ahead, states_ahead, walk_ahead
from protocol.errors import TooLittleHistory
from protocol.rules.scenarios import MAX_ABS_VALUE, SCENARIOS

Floats = NDArray[np.float64]

LAGS: Final = 1_000
"""The newest lags that `default_sampler` looks at; older ones change nothing."""
DECAY: Final = 0.005
"""A lag that is k values old weighs exp(-0.005 k), as in the original's benchmark."""


def default_sampler(
    lagged_values: ArrayLike, lagged_times: ArrayLike, delay: float, *, age: float = 0.0, num: int = SCENARIOS
) -> Floats:
    """Scenarios for the first value that comes at least `delay` seconds from now, by what the lags look like.

    lagged_values, lagged_times: shape (n,), newest first, times in epoch seconds.  age: seconds since the newest came.

    | lags | scenarios |
    | --- | --- |
    | one value | that value |
    | few values, often the present one | what followed the present value, so many steps later |
    | wandering | the present value and a Student-t move whose size is today's, grown with the steps ahead |
    | coming back | the present value drawn towards the level, as far as it was after so many steps |

    The last two are moved onto the lattice of a series that has one. Draws nothing: equal lags give equal scenarios.
    Raises TooLittleHistory without lags, ValueError for lags that are not finite numbers within 1e300.
    """
    lags = _checked(lagged_values)[:LAGS]
    steps = steps_ahead(np.asarray(lagged_times, dtype=np.float64)[:LAGS], delay, age=age)
    levels = evenly_spaced(num)
    newest, unit = lags[0], _unit_of(lags)
    scaled = (lags / unit - newest / unit) if unit > 0 else np.zeros(len(lags))
    kind = kind_of(scaled)
    if kind is SeriesKind.CONSTANT:
        return np.full(num, newest)
    if kind is SeriesKind.DISCRETE:
        return _finished(weighted_atoms(lags, states_ahead(scaled[::-1], steps)[::-1], levels))
    ahead = walk_ahead if kind is SeriesKind.PROCESS else noise_ahead
    return snapped(np.clip(newest + unit * ahead(scaled[::-1], steps, levels), -MAX_ABS_VALUE, MAX_ABS_VALUE), lags)


def independent_bootstrap(
    lagged_values: ArrayLike, chance: np.random.Generator, *, num: int = SCENARIOS, decay: float = DECAY
) -> Floats:
    """Lags drawn with replacement, the k-th newest with weight exp(-decay k): for values without memory.

    Source: microprediction `samplers.independent_bootstrap`. It moved draws a little apart (earlier versions by noise
    of `decay` in the stream's unit); equal scenarios are welcome here, and `kernel_sample` spreads them by a bandwidth.
    """
    lags = _checked(lagged_values)
    return _finished(chance.choice(lags, size=_count(num), p=recency_weights(len(lags), decay)))


def differenced_bootstrap(
    lagged_values: ArrayLike,
    chance: np.random.Generator,
    *,
    steps: int = 1,
    num: int = SCENARIOS,
    decay: float = DECAY,
) -> Floats:
    """The newest value plus the sum of `steps` drawn differences, newer ones oftener: for values that wander.

    Source: microprediction `samplers.differenced_bootstrap` and `SequentialStreamCrawler`. Where ours differs:
    differences are newer minus older (theirs had the sign turned), no zeros are appended (which made the oldest value
    itself a difference), and a later horizon adds more of them.
    """
    lags = _checked(lagged_values)
    if len(lags) == 1:
        return np.full(_count(num), lags[0])
    unit = _unit_of(lags) or 1.0
    moves = lags[:-1] / unit - lags[1:] / unit
    drawn = chance.choice(moves, size=(steps, _count(num)), p=recency_weights(len(moves), decay)).sum(axis=0)
    return _finished(lags[0] + unit * drawn)


def exponential_bootstrap(
    lagged_values: ArrayLike,
    chance: np.random.Generator,
    *,
    steps: int = 1,
    num: int = SCENARIOS,
    decay: float = DECAY,
    as_process: bool | None = None,
) -> Floats:
    """`differenced_bootstrap` of lags that wander, else `independent_bootstrap`.

    as_process: says so instead of the lags; False is believed too, which in the original it was not.
    """
    lags = _checked(lagged_values)
    wanders = kind_of(lags) is SeriesKind.PROCESS if as_process is None else as_process
    if wanders:
        return differenced_bootstrap(lags, chance, steps=steps, num=num, decay=decay)
    return independent_bootstrap(lags, chance, num=num, decay=decay)


def kernel_sample(
    lagged_values: ArrayLike,
    chance: np.random.Generator,
    *,
    num: int = SCENARIOS,
    decay: float = DECAY,
    bandwidth: float | None = None,
) -> Floats:
    """`independent_bootstrap`, each draw moved by normal noise: draws from a kernel estimate of the density.

    bandwidth: the noise's deviation, in the stream's unit; by default 0.9 min(deviation, IQR / 1.349) n**(-1/5), with n
    what the weighted lags are worth. Source: Silverman (1986), Density Estimation, equation 3.31.
    """
    lags = _checked(lagged_values)
    weights = recency_weights(len(lags), decay)
    width = _silverman(lags, weights) if bandwidth is None else bandwidth
    return _finished(chance.choice(lags, size=_count(num), p=weights) + width * chance.standard_normal(num))


def recent_quantiles(lagged_values: ArrayLike, *, num: int = SCENARIOS, decay: float = DECAY) -> Floats:
    """Evenly spaced quantiles of the lags, newer ones weighing more: what `independent_bootstrap` draws at random."""
    lags = _checked(lagged_values)
    return _finished(weighted_quantile(lags, recency_weights(len(lags), decay), evenly_spaced(num)))


def recent_atoms(lagged_values: ArrayLike, *, num: int = SCENARIOS, decay: float = DECAY) -> Floats:
    """As `recent_quantiles`, always values that were seen: for dice, counts and votes without memory."""
    lags = _checked(lagged_values)
    return _finished(weighted_atoms(lags, recency_weights(len(lags), decay), evenly_spaced(num)))


def difference_quantiles(lagged_values: ArrayLike, steps: int, *, num: int = SCENARIOS) -> Floats:
    """The newest value plus evenly spaced quantiles of how the series moved over `steps` values.

    Source: microprediction `samplers.fox_sample`, which took differences of ORDER `steps` (and of 10 at least), filled
    up with whole numbers from -50 to 49; here they are differences over so many steps. A series with no more than
    `steps` lags is looked at over half of them, its moves grown with the root of the steps.
    """
    lags = _checked(lagged_values)
    if len(lags) == 1:
        return np.full(_count(num), lags[0])
    back = min(max(1, steps), max(1, len(lags) // 2))
    unit = _unit_of(lags) or 1.0
    moves = (lags[:-back] / unit - lags[back:] / unit) * np.sqrt(max(1, steps) / back)
    return _finished(lags[0] + unit * weighted_quantile(moves, np.ones(len(moves)), evenly_spaced(num)))


def normal_sample(mean: float, deviation: float, *, num: int = SCENARIOS) -> Floats:
    """Evenly spaced quantiles of a normal law. Source: microprediction `samplers.normal_sample`."""
    return _finished(mean + deviation * normal_scores(num))


def recent_normal_sample(lagged_values: ArrayLike, *, num: int = SCENARIOS, decay: float = DECAY) -> Floats:
    """A normal law with the exponentially weighted mean and deviation of the lags.

    Source: microprediction `samplers.independent_gaussian_samples`, which added +-0.01 in the stream's unit and a 0.
    """
    lags = _checked(lagged_values)
    weights, unit = recency_weights(len(lags), decay), _unit_of(lags)
    apart = (lags / unit - lags[0] / unit) if unit > 0 else np.zeros(len(lags))
    middle = float(weights @ apart)
    deviation = float(np.sqrt(weights @ (apart - middle) ** 2))
    return _finished(lags[0] + unit * normal_sample(middle, deviation, num=num))


def student_t_sample(centre: float, scale: float, degrees: float, *, num: int = SCENARIOS) -> Floats:
    """Evenly spaced quantiles of centre + scale * t, t of so many degrees of freedom (1 or more)."""
    return _finished(centre + scale * student_t_quantile(evenly_spaced(num), degrees))


def quantile_sample(inverse_cdf: Callable[[Floats], ArrayLike], *, num: int = SCENARIOS) -> Floats:
    """Evenly spaced quantiles of any law: `quantile_sample(scipy.stats.skewnorm(4).ppf)`.

    inverse_cdf: takes an array of probabilities and returns as many numbers. ValueError where they are no such.
    """
    drawn = np.asarray(inverse_cdf(evenly_spaced(num)), dtype=np.float64)
    if drawn.shape != (num,) or not np.isfinite(drawn).all():
        raise ValueError(f"want {num} finite quantiles, were {drawn.shape} with {np.isfinite(drawn).sum()} finite")
    return _finished(drawn)


def conformal_sample(point: float, past_errors: ArrayLike, *, num: int = SCENARIOS) -> Floats:
    """A point forecast as a distribution: the point plus evenly spaced quantiles of its earlier errors.

    past_errors: outcome minus forecast, shape (n,), at least one, made at the same horizon and not used in fitting.
    Source: Vovk et al. (2018), Conformal predictive distributions, doi:10.1007/s10994-018-5755-8, at its middle.
    """
    errors = _checked(past_errors)
    return _finished(point + weighted_quantile(errors, np.ones(len(errors)), evenly_spaced(num)))


def moved_and_scaled(scenarios: ArrayLike, *, mean: float | None = None, deviation: float | None = None) -> Floats:
    """Scenarios with another mean, another deviation or both; those without spread keep none.

    Source: microprediction `samplers.center_and_scale_values_list`.
    """
    given = _checked(scenarios)
    middle, spread = float(given.mean()), float(given.std())
    stretch = deviation / spread if deviation is not None and spread > 0 else 1.0
    return _finished((given - middle) * stretch + (middle if mean is None else mean))


def snapped(scenarios: ArrayLike, lagged_values: ArrayLike) -> Floats:
    """Scenarios moved onto the lattice that the lags imply; left as they are where those are continuous.

    Source: microprediction `samplers.project_on_lagged_lattice`; ours goes on beyond the values that were seen.
    """
    lattice = implied_lattice(_checked(lagged_values))
    given = _checked(scenarios)
    return _finished(lattice.snap(given) if lattice else given)


def _checked(numbers: ArrayLike) -> Floats:
    """As float64 of shape (n,). Raises TooLittleHistory for none, ValueError for what is no finite number."""
    row = np.asarray(numbers, dtype=np.float64)
    if row.size == 0:
        raise TooLittleHistory("a sampler needs at least one lag", limit=1)
    if row.ndim != 1 or not (np.abs(row) <= MAX_ABS_VALUE).all():
        raise ValueError(f"want finite numbers within {MAX_ABS_VALUE:g} of shape (n,), were {row.shape}")
    return row


def _unit_of(lags: Floats) -> float:
    """The power of two above the largest distance from the newest; 0 where all are equal.

    In this unit nothing overflows, and going there and back rounds nothing.
    """
    farthest = float(np.abs(lags - lags[0]).max())
    return math.ldexp(1.0, math.frexp(farthest)[1]) if farthest > 0 else 0.0


def _count(num: int) -> int:
    if num < 1:
        raise ValueError(f"want at least one scenario, were {num}")
    return num


def _silverman(lags: Floats, weights: Floats) -> float:
    unit = _unit_of(lags)
    if not unit > 0:
        return 0.0
    apart = lags / unit - lags[0] / unit
    deviation = float(np.sqrt(weights @ (apart - weights @ apart) ** 2))
    low, high = weighted_quantile(apart, weights, (0.25, 0.75)).tolist()
    size = min(deviation, (high - low) / 1.349) if high > low else deviation
    return float(unit * 0.9 * size * np.sum(weights**2) ** 0.2)


def _finished(drawn: Floats) -> Floats:
    """Ascending and within the limit; -0.0 becomes 0.0."""
    return np.sort(np.clip(drawn, -MAX_ABS_VALUE, MAX_ABS_VALUE)) + 0.0
