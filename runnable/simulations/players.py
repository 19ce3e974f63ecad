"""Players for the experiments: answers as whole arrays in nano, their chance injected and fixed by a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.units import NanoReturns, Pico
from runnable.simulations.course import STEP_MS, STEPS, Course

Floats = NDArray[np.float64]

ROOTS: Final[Floats] = np.sqrt(np.arange(1, STEPS + 1))


def chance(seed: int, i: int, stream: int = 0) -> np.random.Generator:
    """The draws of round i: asked twice, they are the same."""
    return np.random.default_rng((seed, stream, i))


def spread_nano(sigma_pico: Pico) -> Floats:
    """sigma * sqrt(k) in nano, shape (steps,)."""
    return ROOTS * (sigma_pico / 1_000)


def whole(answers: Floats) -> NanoReturns:
    return np.rint(answers).astype(np.int64)


def walks(draws: np.random.Generator, count: int, sigma_pico: Pico) -> Floats:
    """Random walks of that sigma, shape (count, steps), nano."""
    steps: Floats = draws.standard_normal((count, STEPS))
    walked: Floats = np.cumsum(steps, axis=1) * (sigma_pico / 1_000)
    return walked


def truth_nano(course: Course, i: int) -> Floats:
    """What happened, missing steps as the last known: players of experiments may know it, scores never read this."""
    known = [0.0]
    for value in course.rounds[i].truth:
        known.append(known[-1] if value is None else float(value))
    return np.array(known[1:])


def seer(course: Course, *, knows: float, seed: int) -> Callable[[int], Floats]:
    """A skilled point miner: its signal is `knows` correlated with the path to come, and it answers knows * signal.

    That is the mean of the path given the signal, when returns are Gaussian: the bet that gains most. The signal's
    noise belongs to the steps themselves, so answers to neighbouring rounds agree about the steps they share.
    """
    first = course.rounds[0].anchor_at_ms // STEP_MS
    last = course.rounds[-1].anchor_at_ms // STEP_MS
    noise_of_step = np.random.default_rng((seed, 99)).standard_normal(last - first + STEPS)

    def answer(i: int) -> Floats:
        here = course.rounds[i].anchor_at_ms // STEP_MS - first
        noise = noise_of_step[here : here + STEPS].cumsum() * (course.rounds[i].sigma_pico / 1_000)
        signal = knows * truth_nano(course, i) + np.sqrt(1 - knows**2) * noise
        bet: Floats = knows * signal
        return bet

    return answer


def volatility_seer(course: Course, *, knows: float) -> Callable[[int], float]:
    """A skilled ensemble miner's sigma as a multiple of the baseline's: realised volatility of the round to come,
    known in part (`knows` of its logarithm), held within a factor of two.
    """

    def multiple(i: int) -> float:
        steps = np.diff(truth_nano(course, i), prepend=0.0)
        realised = np.sqrt(np.mean(steps**2)) / (course.rounds[i].sigma_pico / 1_000)
        return float(np.clip(max(realised, 1e-9) ** knows, 0.5, 2.0))

    return multiple


def spaced_walk(members: int, sigma_pico: Pico, multiple: float = 1.0) -> Floats:
    """N(0, (multiple * sigma)^2 k) as evenly spaced quantiles, one path a quantile, shape (members, steps)."""
    z = np.array([NormalDist().inv_cdf((j + 0.5) / members) for j in range(members)])
    return np.outer(z * multiple, spread_nano(sigma_pico))


def drawn_walk(draws: np.random.Generator, members: int, sigma_pico: Pico, multiple: float = 1.0) -> Floats:
    """The same law, drawn at random."""
    return walks(draws, members, sigma_pico) * multiple


def paths(rows: Sequence[Floats] | Floats) -> NanoReturns:
    """Point answers, shape (players, 1, steps)."""
    return whole(np.stack(list(rows)))[:, np.newaxis, :]
