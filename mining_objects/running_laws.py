"""Laws that learn one value at a time: kept between a stream's values, asked for quantiles when a forecast is due.

    law.update(value) ...    law.quantile(levels) ...    quantile_sample(law.quantile) or walk_sample(law, ...)

A law of values is asked for its quantiles; of a series that wanders a law learns the moves, and `walk_sample` adds as
many draws as there are steps ahead. Values are finite; a law that has seen none raises TooLittleHistory.
Source: microprediction's distribution machines (`univariate/`), which took quantiles one probability at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mining_objects.laws import evenly_spaced
from mining_objects.models.garch import lowest
from mining_objects.spread_law import normal_scores
from protocol.errors import TooLittleHistory
from protocol.rules.scenarios import SCENARIOS

Floats = NDArray[np.float64]

_GRID: Final = 2_001
_NORMAL_DEVIATIONS: Final = 8.0
_EXPONENTIAL_MEANS: Final = 16.0
_LARGEST_SKEWNESS: Final = 0.99
"""A skew-normal law has none of 0.9953 or more."""
_EVALUATIONS: Final = 300
_ROOT_TWO: Final = math.sqrt(2.0)


class RunningLaw(Protocol):
    """What a crawler keeps of a stream."""

    def update(self, value: float) -> None:
        """Learns the next value."""

    def quantile(self, probabilities: ArrayLike) -> Floats:
        """Quantiles of the next value, of the probabilities' shape, each in (0, 1)."""


def walk_sample(
    law: RunningLaw, newest: float, steps: int, chance: np.random.Generator, *, num: int = SCENARIOS
) -> Floats:
    """The newest value plus `steps` moves drawn from a law of moves: `num` ascending scenarios.

    Each step's moves are the law's `num` evenly spaced quantiles in random order, so every step has the law's own
    mean and spread. Source: microprediction `SequentialStreamCrawler` (independent draws); McKay, Beckman & Conover
    (1979), doi:10.2307/1268522 (Latin hypercube sampling).
    """
    moves = law.quantile(evenly_spaced(num))
    return np.sort(newest + sum(chance.permutation(moves) for _ in range(steps)))


@dataclass(slots=True)
class RunningNormal:
    """A normal law with the mean and deviation of all values, or of recent ones.

    half_life: in values; inf weighs all alike. Source: West (1979), doi:10.1145/359146.359153 (weighted updates).
    """

    half_life: float = math.inf
    weight: float = 0.0
    mean: float = 0.0
    square: float = 0.0
    """Weighted sum of squares about the mean."""

    def update(self, value: float) -> None:
        keep = 0.5 ** (1.0 / self.half_life)
        self.weight = keep * self.weight + 1.0
        surprise = value - self.mean
        self.mean += surprise / self.weight
        self.square = keep * self.square + surprise * (value - self.mean)

    @property
    def deviation(self) -> float:
        """Of the weighted values themselves, 0 before the second."""
        return math.sqrt(self.square / self.weight) if self.weight > 0 else 0.0

    def quantile(self, probabilities: ArrayLike) -> Floats:
        _refuse_unseen(self.weight)
        levels = np.asarray(probabilities, dtype=np.float64)
        return self.mean + self.deviation * np.interp(levels, *_normal_law())


@dataclass(slots=True)
class RecentQuantiles:
    """The empirical law of the newest `capacity` values.

    The original's t-digest never forgot; here values leave in the order in which they came, and quantiles are exact.
    """

    capacity: int = 1_000
    _values: list[float] = field(default_factory=list)
    _seen: int = 0

    def update(self, value: float) -> None:
        if len(self._values) < self.capacity:
            self._values.append(value)
        else:
            self._values[self._seen % self.capacity] = value
        self._seen += 1

    def quantile(self, probabilities: ArrayLike) -> Floats:
        _refuse_unseen(self._seen)
        return np.asarray(np.quantile(self._values, np.asarray(probabilities, dtype=np.float64), method="hazen"))


@dataclass(slots=True)
class RunningSkewNormal:
    """The skew-normal law with the mean, deviation and skewness of all values; skewness is cut at 0.99.

    Sources: Azzalini (1985), Scandinavian Journal of Statistics 12, 171-178 (the law and its moments); Pebay (2008),
    SAND2008-6212 (running moments). The original fitted an F law by constants found in simulations.
    """

    count: int = 0
    mean: float = 0.0
    square: float = 0.0
    cube: float = 0.0
    """Sums of squares and of cubes about the mean."""

    def update(self, value: float) -> None:
        before = self.count
        self.count += 1
        surprise = value - self.mean
        part = surprise / self.count
        self.cube += surprise * part**2 * before * (before - 1) - 3.0 * part * self.square
        self.square += surprise * part * before
        self.mean += part

    @property
    def skewness(self) -> float:
        """Third standardised moment, 0 without spread."""
        return self.cube / self.count / (self.square / self.count) ** 1.5 if self.square > 0 else 0.0

    def quantile(self, probabilities: ArrayLike) -> Floats:
        _refuse_unseen(self.count)
        cut = min(max(self.skewness, -_LARGEST_SKEWNESS), _LARGEST_SKEWNESS)
        part = abs(2.0 * cut / (4.0 - math.pi)) ** (2.0 / 3.0)  # (m / s)**2 of the standard law's mean and deviation
        delta = math.copysign(math.sqrt(math.pi / 2.0 * part / (1.0 + part)), cut)
        middle = delta * math.sqrt(2.0 / math.pi)
        slant = delta / math.sqrt(1.0 - delta**2)
        z = np.linspace(-_NORMAL_DEVIATIONS, _NORMAL_DEVIATIONS, _GRID)
        quantiles = _inverted(z, np.exp(-0.5 * z**2 + _log_normal_cdf(slant * z)), probabilities)
        return self.mean + math.sqrt(self.square / self.count / (1.0 - middle**2)) * (quantiles - middle)


@dataclass(slots=True)
class AnchoredLaw:
    """A law about an anchor that follows the values: each surprise e moves it by m tanh(g e / m).

    Around the anchor lies, half each, shift + scale * (Z + K E) and its mirror image, Z normal and E exponential of
    mean 1: a symmetric law with a normal middle and tails that fall exponentially.
    gain: g, 0 to 1.  largest_move: m > 0.  tail: K > 0.  scale > 0; all but gain and tail in the values' unit.
    Source: microprediction `univariate/expnormdist.py`; Grushka (1972), doi:10.1021/ac60319a011 (the density).
    """

    gain: float = 0.5
    largest_move: float = 5.0
    tail: float = math.exp(-2.0)
    shift: float = 0.0
    scale: float = 1.0
    anchor: float | None = None

    def update(self, value: float) -> None:
        if self.anchor is None:
            self.anchor = value
        else:
            self.anchor += self.largest_move * math.tanh(self.gain * (value - self.anchor) / self.largest_move)

    def log_density(self, surprises: ArrayLike) -> Floats:
        """Of values so far above the anchor."""
        apart = np.asarray(surprises, dtype=np.float64)
        sides = (self._log_one_side(side * apart) for side in (1.0, -1.0))
        return np.asarray(np.logaddexp(*sides) - math.log(2.0))

    def quantile(self, probabilities: ArrayLike) -> Floats:
        if self.anchor is None:
            raise TooLittleHistory("a law that has seen no value has no quantiles", limit=1)
        reach = abs(self.shift) + self.scale * (_NORMAL_DEVIATIONS + _EXPONENTIAL_MEANS * self.tail)
        apart = np.linspace(-reach, reach, _GRID)
        return self.anchor + _inverted(apart, np.exp(self.log_density(apart)), probabilities)

    def log_likelihood(self, chronological: Sequence[float]) -> float:
        """Sum of the log-densities of all values but the first, each before the law learns it; from no anchor on."""
        law, surprises = replace(self, anchor=None), []
        for value in chronological:
            surprises.append(value - law.anchor if law.anchor is not None else 0.0)
            law.update(value)
        return float(law.log_density(surprises[1:]).sum())

    def fitted_to(self, chronological: Sequence[float]) -> AnchoredLaw:
        """The law that finds these values (oldest first, two or more) likelier, or this one; it has learnt them all.

        Searched by Nelder & Mead's simplex, 300 likelihoods, from this law and from one of the values' own size.
        """
        values = [float(value) for value in chronological]
        size = float(np.abs(np.diff(values)).mean()) if len(values) > 1 else 0.0
        best: AnchoredLaw = self
        if size > 0:
            start = np.array([0.0, math.log(4.0 * size), -1.0, 0.0, math.log(size)])

            def of_free(free: Floats) -> AnchoredLaw:
                g, m, tail, shift, scale = np.clip(free, start - 12.0, start + 12.0).tolist()
                gain = 1.0 / (1.0 + math.exp(-g))
                return replace(
                    self,
                    gain=gain,
                    largest_move=math.exp(m),
                    tail=math.exp(min(tail, 1.0)),
                    shift=size * shift,
                    scale=math.exp(scale),
                )

            found = of_free(lowest(lambda free: -of_free(free).log_likelihood(values), start, _EVALUATIONS))
            best = max((self, found), key=lambda law: law.log_likelihood(values))
        best = replace(best, anchor=None)
        for value in values:
            best.update(value)
        return best

    def _log_one_side(self, apart: Floats) -> Floats:
        """Log-density of shift + scale * (Z + tail * E)."""
        u, rate = (apart - self.shift) / self.scale, 1.0 / self.tail
        return rate * (0.5 * rate - u) + _log_normal_cdf(u - rate) - math.log(self.tail * self.scale)


def _normal_law() -> tuple[Floats, Floats]:
    """Levels and normal scores, as fine as a deviation's hundredth."""
    return evenly_spaced(_GRID), normal_scores(_GRID)


def _inverted(grid: Floats, density: Floats, probabilities: ArrayLike) -> Floats:
    """Quantiles of a density given on an even grid: trapezoids, read backwards."""
    below = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return np.interp(np.asarray(probabilities, dtype=np.float64), below / below[-1], grid)


def _log_normal_cdf(z: Floats) -> Floats:
    """ln Phi(z), also far below 0, where Phi is no float: there by its asymptotic series.

    Source: Abramowitz & Stegun (1964), 26.2.12, three terms below -30, good to 1e-9.
    """
    near = np.maximum(z, -30.0)
    phi = np.array([0.5 * math.erfc(-one / _ROOT_TWO) for one in near.tolist()])
    far = np.minimum(z, -30.0)
    series = -1.0 / far**2 + 3.0 / far**4 - 15.0 / far**6
    tail = -0.5 * far**2 - np.log(-far * math.sqrt(2.0 * math.pi)) + np.log1p(series)
    return np.asarray(np.where(z > -30.0, np.log(phi), tail))


def _refuse_unseen(seen: float) -> None:
    if not seen > 0:
        raise TooLittleHistory("a law that has seen no value has no quantiles", limit=1)
