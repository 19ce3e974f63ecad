"""One value of a stream against 1,000 owners' 225 scenarios, and what each rule of settlement rewards.

    python -m tests.benchmarks.bench_pot

First the time of a whole settlement on one thread: checks, CRPS, log scores, amounts and the ledger's transaction. The
floor is one `numpy.sort` of the same numbers, sorted already, as they are kept. Cases take turns; a figure is the
median of the turns, with the fastest and the slowest, and CPU time, which other work on the machine hardly changes.

Then what an owner earns a value against five others (generated numbers): each of them drew 225 numbers from the law of
the value, a normal one four recent spreads wide, or from one twice as wide. The owner answers the law's quantiles, or
distorts them; what a distortion earns is told by its difference, value by value, from the honest answer.

Last what `logpool` pays for an answer too narrow or too wide, by exact expectation over 400 equally likely values:
above 0 it would pay to distort.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from protocol.rules.points import settlement_transaction
from protocol.rules.pot import RULES, settle
from protocol.rules.pot_scores import best_points_nano, log_points_nano, worst_points_nano
from protocol.units import MICRO, UnixMs

OWNERS, SCENARIOS = 1_000, 225
QUANTILES: Final = np.array([NormalDist().inv_cdf((k + 0.5) / SCENARIOS) for k in range(SCENARIOS)])
WIDTH: Final = 4.0
OTHERS: Final = {"others right": 1.0, "others too wide": 2.0}
ANSWERS: Final[dict[str, NDArray[np.float64]]] = {
    "honest: quantiles": QUANTILES,
    "half as wide": QUANTILES * 0.5,
    "0.9 as wide": QUANTILES * 0.9,
    "1.1 as wide": QUANTILES * 1.1,
    "twice as wide": QUANTILES * 2.0,
    "moved by a quarter": QUANTILES + 0.25,
    "225 times the mean": QUANTILES * 0.0,
}


def time_settlements(rounds: int) -> Table:
    rng = np.random.default_rng(1)
    rows = np.sort(rng.standard_normal((OWNERS, SCENARIOS)), axis=1)
    owners = [rng.bytes(32).hex() for _ in range(OWNERS)]

    def settled(rule: str) -> Callable[[], object]:
        def once() -> object:
            done = settle(owners, rows, 0.3, rule=rule, spread=0.95)
            return settlement_transaction(done, publisher="p", stream="a.json", delay=70, sequence=1, at_ms=UnixMs(0))

        return once

    timed: dict[str, Callable[[], object]] = {"numpy.sort": lambda: np.sort(rows, axis=1)}
    timed |= {rule: settled(rule) for rule in RULES}
    wall: dict[str, list[float]] = {name: [] for name in timed}
    cpu: dict[str, list[float]] = {name: [] for name in timed}
    for turn in range(1 + rounds):
        for name, once in timed.items():
            started, burnt = time.perf_counter(), time.thread_time()
            once()
            if turn:
                wall[name].append(1e3 * (time.perf_counter() - started))
                cpu[name].append(1e3 * (time.thread_time() - burnt))
    title = f"one value, {OWNERS:,} owners x {SCENARIOS}, {rounds} turns, load average {os.getloadavg()[0]:.1f}"
    table = Table(title=title)
    for heading in ("", "ms", "min..max", "CPU ms", "CPU / sort"):
        table.add_column(heading, justify="left" if not heading else "right")
    floor = float(np.median(cpu["numpy.sort"]))
    for name in timed:
        middle = float(np.median(cpu[name]))
        extremes = f"{min(wall[name]):.2f}..{max(wall[name]):.2f}"
        table.add_row(name, f"{np.median(wall[name]):.2f}", extremes, f"{middle:.2f}", f"{middle / floor:.1f}")
    return table


def compare_answers(values: int) -> Table:
    title = f"points a value against five others, {values} generated values; below the first line less the first line's"
    table = Table(title=title)
    table.add_column("answer")
    for rule in RULES:
        for others in OTHERS:
            table.add_column(f"{rule}\n{others}", justify="right")
    rng = np.random.default_rng(5)
    games = [(rng.standard_normal((5, SCENARIOS)) * WIDTH, rng.standard_normal() * WIDTH) for _ in range(values)]
    earned = {
        (name, rule, others): np.array([_earned(answer * WIDTH, drawn * by, value, rule) for drawn, value in games])
        for name, answer in ANSWERS.items()
        for rule in RULES
        for others, by in OTHERS.items()
    }
    honest = next(iter(ANSWERS))
    for name in ANSWERS:
        cells = []
        for rule in RULES:
            for others in OTHERS:
                points = earned[name, rule, others] - (earned[honest, rule, others] if name != honest else 0.0)
                cells.append(f"{points.mean():+.3f} ± {points.std() / values**0.5:.3f}")
        table.add_row(name, *cells)
    return table


def _earned(answer: NDArray[np.float64], others: NDArray[np.float64], value: float, rule: str) -> float:
    return settle("abcdef", [*others, answer], value, rule=rule, spread=1.0).amounts_micros[5] / MICRO


def gains_by_stretching() -> Table:
    stretches, widths = (0.7, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25), (0.3, 1.0, 3.0, 10.0, 30.0)
    values = [NormalDist().inv_cdf((k + 0.5) / 400) for k in range(400)]
    table = Table(title="logpool: gain of an answer so many times as wide as the law, as a part of the stake")
    table.add_column("law's width in spreads")
    for stretch in stretches:
        table.add_column(f"x {stretch}", justify="right")
    for width in widths:
        columns = np.ascontiguousarray(np.stack([QUANTILES * width * one for one in (1.0, *stretches)], axis=1))
        points = sum(log_points_nano(columns, value * width, 1.0) for value in values)
        shares = points / len(values) / (best_points_nano(SCENARIOS) - worst_points_nano(SCENARIOS))
        table.add_row(f"{width:g}", *(f"{share - shares[0]:+.5f}" for share in shares[1:]))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=200, help="turns of each timed case (default %(default)s)")
    parser.add_argument("--values", type=int, default=1_000, help="values of each game (default %(default)s)")
    options = parser.parse_args()
    console = Console(width=160)
    console.print(time_settlements(options.rounds))
    console.print(compare_answers(options.values))
    console.print(gains_by_stretching())


if __name__ == "__main__":
    main()
