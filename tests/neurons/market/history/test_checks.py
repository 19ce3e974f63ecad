"""Gaps, outliers and disagreement are found where they were put, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurons.market.candles import CandleArrays
from neurons.market.history.checks import Apart, Hole, distances_of, holes_of, outliers_of
from neurons.market.recorded import read_recording
from protocol.units import DAY_MS
from tests.support.recordings import recordings_or_skip

STEP_MS = 300_000
START_MS = 1_672_531_200_000
STEPS = 3 * 288


def walk(seed: int = 1, *, basis_bp: float = 0.0, noise_bp: float = 0.5) -> CandleArrays:
    """Three days of one market's candles; another basis or noise is another venue of it."""
    moves = np.random.default_rng(seed).normal(0, 5e-4, STEPS)
    noise = np.random.default_rng(int(basis_bp * 10) + 77).normal(0, noise_bp * 1e-4, STEPS)
    close = np.rint(2.3e12 * np.exp(np.cumsum(moves) + noise + basis_bp * 1e-4)).astype(np.int64)
    return CandleArrays(START_MS + STEP_MS * np.arange(STEPS), np.stack([close] * 4), np.ones(STEPS))


def moved(candles: CandleArrays, rows: slice, bp: float) -> CandleArrays:
    prices = candles.prices_e8.copy()
    prices[:, rows] = np.rint(prices[:, rows] * np.exp(bp * 1e-4)).astype(np.int64)
    return replace(candles, prices_e8=prices)


def without(candles: CandleArrays, *rows: int) -> CandleArrays:
    keep = np.ones(len(candles), dtype=bool)
    keep[list(rows)] = False
    return candles.take(keep)


def test_every_run_of_missing_candles_is_a_hole_those_at_the_ends_too():
    candles = without(walk(), 0, 1, 5, 400, 401, 402, STEPS - 1)
    expected = [Hole(START_MS + row * STEP_MS, missing) for row, missing in ((0, 2), (5, 1), (400, 3), (STEPS - 1, 1))]
    until_ms = START_MS + STEPS * STEP_MS

    assert expected == holes_of(candles, from_ms=START_MS, until_ms=until_ms, step_ms=STEP_MS)
    assert [] == holes_of(walk(), from_ms=START_MS, until_ms=until_ms, step_ms=STEP_MS)


def test_a_venue_without_any_candle_is_one_hole():
    nothing = walk().rows(0, 0)
    assert [Hole(START_MS, 288)] == holes_of(nothing, from_ms=START_MS, until_ms=START_MS + DAY_MS, step_ms=STEP_MS)


def test_a_bad_print_is_an_outlier_and_a_jump_of_the_market_is_none():
    jumped = moved(walk(), slice(500, None), 300)
    assert [] == outliers_of(jumped, step_ms=STEP_MS)

    (outlier,) = outliers_of(moved(jumped, slice(300, 301), -150), step_ms=STEP_MS)
    assert START_MS + 300 * STEP_MS == outlier.open_time_ms
    assert 120 < outlier.distance_bp < 180


def test_a_close_beside_a_gap_is_not_judged():
    assert [] == outliers_of(without(moved(walk(), slice(300, 301), -150), 299), step_ms=STEP_MS)
    assert [] == outliers_of(walk().rows(0, 2), step_ms=STEP_MS)


def test_a_steady_basis_is_no_disagreement_and_a_departure_from_it_is():
    venues = {"a": walk(basis_bp=0), "b": walk(basis_bp=3), "c": moved(walk(basis_bp=60), slice(100, 103), 80)}
    distances = distances_of(venues, step_ms=STEP_MS)

    assert ((), ()) == (distances["a"].apart, distances["b"].apart)
    (run,) = distances["c"].apart
    assert Apart(START_MS + 100 * STEP_MS, 3, run.largest_bp) == run
    assert 75 < run.largest_bp < 85
    assert 55 < distances["c"].median_bp < 59
    assert START_MS + 101 * STEP_MS - distances["c"].largest_at_ms in (-STEP_MS, 0, STEP_MS)


def test_only_shared_candles_are_compared():
    assert {} == distances_of({"a": walk()}, step_ms=STEP_MS)
    assert {} == distances_of({"a": walk().rows(0, 100), "b": walk(basis_bp=1).rows(100, 200)}, step_ms=STEP_MS)
    late = {"a": walk(), "b": walk(basis_bp=1).rows(200, STEPS)}
    assert {"a": STEPS - 200, "b": STEPS - 200} == {
        name: distance.shared for name, distance in distances_of(late, step_ms=STEP_MS).items()
    }


def test_of_a_real_market_the_known_halt_is_found_and_few_closes_stick_out():
    recorded = read_recording(recordings_or_skip() / "candles" / "binance_spot_BTCUSDT_5m.parquet")
    candles = recorded.candles(recorded.first_ms, recorded.end_ms)
    halt = Hole(1_679_661_600_000, 16)  # 2023-03-24 12:40 UTC

    assert [halt] == holes_of(candles, from_ms=recorded.first_ms, until_ms=recorded.end_ms, step_ms=STEP_MS)
    assert len(outliers_of(candles, step_ms=STEP_MS)) < len(candles) / 5_000
