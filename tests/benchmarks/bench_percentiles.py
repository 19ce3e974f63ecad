"""What one value's percentile, its z-streams and a pool's distribution cost beside 1,000 owners' 225 scenarios.

    python -m tests.benchmarks.bench_percentiles

One thread; generated numbers. The floors are one pass (`numpy.count_nonzero` of a comparison) and one `numpy.sort` of
the same numbers, each owner's row sorted already, as they are kept. The original's two percentiles are asked twice: of
forecasts a spread of 1 wide, and of ones so narrow that all 225,000 lie near the value. Cases take turns; a figure is
the median of the turns, with the fastest and the slowest.

Then how wide the z-scores of 2,000 values are, where 40 owners each answer the calibrated law of their own noisy signal
(generated): 1 is what one calibrated forecaster has.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from fractions import Fraction
from statistics import NormalDist
from typing import Final

import numpy as np

from protocol.rules.cdfs import SmoothCdf, cdf_2021, cdf_2023, empirical_cdf
from protocol.rules.derived_streams import derived_values
from protocol.rules.normal_law import normal_quantile_nano
from protocol.rules.percentiles import percentile, percentile_2021, percentile_2023, z_score_nano
from protocol.units import MICRO, NANO, Micros

OWNERS, SCENARIOS = 1_000, 225
POINTS: Final = np.linspace(-2.5, 2.5, 25).tolist()


def cases() -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    rng = np.random.default_rng(1)
    wide = np.sort(rng.standard_normal((OWNERS, SCENARIOS)), axis=1)
    narrow = wide * 1e-4
    owners = [rng.bytes(16).hex() for _ in range(OWNERS)]
    names = [f"s{n}.json" for n in range(10)]
    fell = {name: {delay: Fraction(2 * n + 1, 21) for delay in (70, 3555)} for n, name in enumerate(names)}
    budgets = dict.fromkeys(names, Micros(MICRO))

    def z_of_a_value() -> object:
        normal_quantile_nano.cache_clear()
        return z_score_nano(percentile(wide, 0.3))

    def z_streams_of_ten() -> object:
        normal_quantile_nano.cache_clear()
        return derived_values(fell, budgets, with_copulas=True)

    return {
        "one pass of numpy": lambda: np.count_nonzero(wide < 0.3),
        "numpy.sort": lambda: np.sort(wide, axis=None),
        "percentile and its z in nano": z_of_a_value,
        "percentile_2021": lambda: percentile_2021(owners, wide, 0.3),
        "percentile_2023": lambda: percentile_2023(owners, wide, 0.3),
        "percentile_2021, all near": lambda: percentile_2021(owners, narrow, 3e-5),
        "percentile_2023, all near": lambda: percentile_2023(owners, narrow, 3e-5),
        "empirical_cdf, 50 points": lambda: empirical_cdf(wide),
        "SmoothCdf and its median": lambda: SmoothCdf.of(wide).median(),
        "cdf_2021, 25 points": lambda: cdf_2021(owners, wide, POINTS, included=owners[:10]),
        "cdf_2023, 50 points": lambda: cdf_2023(wide),
        "350 z-streams of a set of ten": z_streams_of_ten,
    }


def widths_of_z(values: int = 2_000, owners: int = 40) -> dict[str, float]:
    """Standard deviations of z: of the pool's own rank, and of the mean of every owner's own score.

    A value is a common part plus noise of equal variance, 1 together; an owner sees the common part with an error of
    variance 0.49 and answers the exact law of the value given that.
    """
    rng = np.random.default_rng(4)
    quantiles = np.array([NormalDist().inv_cdf((k + 0.5) / SCENARIOS) for k in range(SCENARIOS)])
    trust = 0.5 / (0.5 + 0.49)
    sigma = (0.5 + 0.5 * (1 - trust)) ** 0.5
    pooled, averaged = [], []
    for _ in range(values):
        common, noise = rng.normal(scale=0.5**0.5, size=2)
        means = trust * (common + rng.normal(scale=0.7, size=owners))
        pooled.append(z_score_nano(percentile(means[:, None] + sigma * quantiles, common + noise)) / NANO)
        averaged.append(float(np.mean((common + noise - means) / sigma)))
    return {"rank in the pool": float(np.std(pooled)), "mean of own scores": float(np.std(averaged))}


def main() -> None:
    parser = argparse.ArgumentParser(description="time percentiles, distributions and z-streams")
    parser.add_argument("--rounds", type=int, default=15, help="turns of every case")
    rounds = parser.parse_args().rounds
    timed = cases()
    taken_ms: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, function in timed.items():
            started = time.perf_counter()
            function()
            taken_ms[name].append((time.perf_counter() - started) * 1e3)
    print(f"{OWNERS:,} owners x {SCENARIOS}, {rounds} interleaved rounds, generated numbers")
    print(f"{'':32}{'median ms':>10}{'min..max':>18}")
    for name, taken in taken_ms.items():
        print(f"{name:32}{statistics.median(taken):10.2f}{f'{min(taken):.2f}..{max(taken):.2f}':>18}")
    print("standard deviation of z where owners know different things:")
    for name, width in widths_of_z().items():
        print(f"{name:32}{width:10.3f}")


if __name__ == "__main__":
    main()
