"""The exact integer CRPS of a whole round against one sort of the same numbers.

256 miners' ensembles of 225 paths at 100 steps: 25,600 ensembles. The floor is `numpy.sort` of the same int64 numbers,
laid out for it (contiguous, members last). Ours starts from the answers as they are stored, (miner, path, step), and
ends at the numerators: check of the bounds, narrowing, transposing, sorting and both sums. `properscoring` with numba
joins where both are installed; its CRPS is the biased estimator in floats.

Rounds are interleaved; a figure is the median of the rounds, with the fastest and the slowest.
Run: python tests/benchmarks/bench_crps.py
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable

import numpy as np

from protocol.rules.scores import crps_numerators, ensemble_losses
from protocol.units import NANO, Nano, Pico

MINERS, PATHS, STEPS = 256, 225, 100
ROUNDS = 15
SIGMA_PICO = Pico(1_000_000_000)


def cases() -> dict[str, Callable[[], object]]:
    """What is timed, by name. The numbers are Gaussian walks of one nano-scale sigma: generated."""
    rng = np.random.default_rng(1)
    sigma_nano = SIGMA_PICO / 1000
    walks = np.cumsum(rng.standard_normal((MINERS, PATHS, STEPS)), axis=2) * sigma_nano
    answers = np.rint(walks).astype(np.int64)
    truth = [Nano(int(y)) for y in np.cumsum(rng.standard_normal(STEPS)) * sigma_nano]
    members_last = np.ascontiguousarray(answers.transpose(0, 2, 1)).reshape(MINERS * STEPS, PATHS)
    timed: dict[str, Callable[[], object]] = {
        "numpy.sort int64": lambda: np.sort(members_last, axis=1),
        "crps_numerators (ours)": lambda: crps_numerators(answers, truth),
        "ensemble_losses (ours, to the loss)": lambda: ensemble_losses(answers, truth, SIGMA_PICO),
    }
    if all(importlib.util.find_spec(name) for name in ("properscoring", "numba")):
        import properscoring

        floats, outcomes = members_last / NANO, np.tile(np.array(truth) / NANO, MINERS)
        timed["properscoring with numba"] = lambda: properscoring.crps_ensemble(outcomes, floats)
    return timed


def main() -> None:
    timed = cases()
    taken_ms: dict[str, list[float]] = {name: [] for name in timed}
    for function in timed.values():
        function()
    for _ in range(ROUNDS):
        for name, function in timed.items():
            started = time.perf_counter()
            function()
            taken_ms[name].append((time.perf_counter() - started) * 1e3)
    floor = statistics.median(taken_ms["numpy.sort int64"])
    print(f"{MINERS * STEPS:,} ensembles of {PATHS}, {ROUNDS} interleaved rounds, generated numbers")
    print(f"{'':38}{'median ms':>10}{'min..max':>18}{'/ sort':>8}")
    for name, taken in taken_ms.items():
        median = statistics.median(taken)
        extremes = f"{min(taken):.1f}..{max(taken):.1f}"
        print(f"{name:38}{median:10.1f}{extremes:>18}{median / floor:8.2f}")


if __name__ == "__main__":
    main()
