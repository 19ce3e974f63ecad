"""The benchmark draws the same everywhere, recent values oftener, and the next step of what wanders."""

from __future__ import annotations

import hashlib

import numpy as np

from protocol.rules.scenarios import MAX_ABS_VALUE
from protocol.rules.stream_book.benchmark import benchmark_scenarios, carries_over, refreshes, seed_of
from protocol.units import Hotkey

OWNER = Hotkey(bytes(range(32)))


def seed(sequence=1, name="cop.json", delay=70):
    return seed_of(OWNER, name, incarnation=1, sequence=sequence, delay=delay)


def test_a_seed_is_of_one_stream_number_and_horizon():
    assert 4 == len({seed(), seed(2), seed(name="b.json"), seed(delay=310)})
    numbers = b"".join(number.to_bytes(8, "little") for number in (1, 1, 70))
    said = b"augury/benchmark/1\0" + bytes(range(32)) + numbers + b"cop.json"
    assert hashlib.sha256(said).digest() == seed()


def test_the_same_lags_and_number_draw_the_same():
    lags = [float(one) for one in np.random.default_rng(1).standard_normal(300)]
    first = benchmark_scenarios(lags, seed())
    assert first.tobytes() == benchmark_scenarios(lags, seed()).tobytes()
    assert first.tobytes() != benchmark_scenarios(lags, seed(2)).tobytes()
    assert (225,) == first.shape
    assert (np.diff(first) >= 0).all()


def test_noise_drawn_again_looks_like_noise():
    rng = np.random.default_rng(2)
    drawn = np.concatenate([benchmark_scenarios(rng.standard_normal(300).tolist(), seed(k)) for k in range(20)])
    assert abs(drawn.mean()) < 0.1
    assert abs(drawn.std() - 1) < 0.1


def test_a_walk_goes_on_from_its_last_value_by_its_own_steps():
    steps = 1.0 + 0.1 * np.random.default_rng(3).standard_normal(300)
    wander = np.cumsum(steps * np.random.default_rng(4).choice([-1, 1], 300)) + 1_000
    drawn = benchmark_scenarios(wander[::-1].tolist(), seed())
    assert (np.abs(drawn - wander[-1]) < 2).all()
    drift = np.cumsum(np.random.default_rng(5).standard_normal(300) + 0.5)
    assert benchmark_scenarios(drift[::-1].tolist(), seed()).mean() > drift[-1]


def test_recent_values_weigh_more():
    lags = [1.0] * 113 + [0.0] * 113
    share = np.mean([np.mean(benchmark_scenarios(lags, seed(k)) > 0.5) for k in range(40)])
    assert abs(share - 1 / (1 + np.exp(-0.005 * 113))) < 0.02


def test_one_value_and_the_farthest_numbers_are_drawn_from_as_well():
    assert {7.0} == set(benchmark_scenarios([7.0], seed()).tolist())
    far = benchmark_scenarios([1e300, -1e300, 1e300, -1e300, 1e300], seed())
    assert (np.abs(far) <= MAX_ABS_VALUE).all()


def test_one_time_in_twenty_a_benchmark_is_refreshed_and_a_pot_carried_over():
    assert 40 < sum(refreshes(seed(k)) for k in range(1_200)) < 80
    assert 40 < sum(carries_over(seed(k)) for k in range(1_200)) < 80
