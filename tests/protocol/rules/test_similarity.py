import json
from dataclasses import replace
from math import isqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.params import SharingParams
from protocol.rules.similarity import (
    GENERATIONS,
    DeviationWindow,
    RoundDeviations,
    cosines_nano,
    sharing_divisors,
)
from protocol.units import NANO

STEP_MS = 300_000
SHARING = SharingParams()
STEPS = 20
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "sharing.json").read_text())


def key(i):
    return bytes([i]) * 32


def round_of(at, answers):
    """at: in steps. answers: miner -> a row of deviations, or None for a silent one."""
    rows = {key(i): np.array(row, dtype=np.int16).reshape(-1, 1) for i, row in answers.items() if row is not None}
    return RoundDeviations(at * STEP_MS, rows)


def window_of(rounds, sharing=SHARING):
    window = DeviationWindow(sharing, step_ms=STEP_MS)
    for one in rounds:
        window.add(one)
    return window


def some_rounds(seed, *, miners=4, count=12, silent=0.2):
    draws = np.random.default_rng(seed)
    return [
        round_of(at, {m: None if draws.random() < silent else draws.integers(-400, 400, STEPS) for m in range(miners)})
        for at in range(count)
    ]


def keys(count):
    return [key(i) for i in range(count)]


@pytest.mark.parametrize("vector", VECTORS["windows"], ids=lambda vector: vector["name"])
def test_rho_is_the_one_computed_independently_in_fractions(vector):
    sharing = replace(SHARING, lags_steps=tuple(vector["lags_steps"]))
    rounds = [
        RoundDeviations(
            one["at_step"] * STEP_MS,
            {key(int(m)): np.array(rows, dtype=np.int16) for m, rows in one["answers"].items()},
        )
        for one in vector["rounds"]
    ]

    assert vector["rho_nano"] == window_of(rounds, sharing).rho_nano(keys(len(vector["rho_nano"])))


@pytest.mark.parametrize("vector", VECTORS["divisors"], ids=lambda vector: vector["name"])
def test_divisors_are_those_worked_by_hand(vector):
    assert vector["divisors_nano"] == sharing_divisors(vector["rho_nano"], vector["skills_nano"])


@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_in_which_rounds_resolve_does_not_matter(seed, random):
    rounds = some_rounds(seed)
    shuffled = list(rounds)
    random.shuffle(shuffled)

    assert window_of(rounds).rho_nano(keys(4)) == window_of(shuffled).rho_nano(keys(4))


@given(st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_rho_is_symmetric_between_nothing_and_one_and_one_with_oneself(seed):
    rho = window_of(some_rounds(seed, silent=0.5)).rho_nano(keys(4))

    assert all(rho[i][j] == rho[j][i] and 0 <= rho[i][j] <= NANO for i in range(4) for j in range(4))
    assert all(rho[i][i] == NANO for i in range(4))


def test_rounds_that_are_left_behind_leave_no_trace():
    sharing = replace(SHARING, window_ms=GENERATIONS * 10 * STEP_MS)
    rounds = some_rounds(5, count=90)
    window = window_of(rounds, sharing)

    # The newest round is in generation 8, so generations 5 to 8 count: anchors 50 to 89. A lagged comparison belongs
    # to the later of its rounds, so those at the edge still see the rounds just before it.
    assert tuple(at * STEP_MS for at in range(50, 90)) == window.anchors_at_ms
    alone = window_of(rounds[50:], replace(sharing, lags_steps=(0,)))
    assert alone.rho_nano(keys(4)) == window_of(rounds, replace(sharing, lags_steps=(0,))).rho_nano(keys(4))


def test_a_place_that_is_let_go_is_used_again_by_somebody_else():
    sharing = replace(SHARING, window_ms=GENERATIONS * STEP_MS, lags_steps=(0,))
    row = list(range(1, STEPS + 1))
    window = window_of([round_of(at, dict.fromkeys(range(at, at + 5), row)) for at in range(0, 200, 5)], sharing)

    assert 32 >= len(window._place_of) + len(window._free)
    assert [[NANO, 0], [0, NANO]] == window.rho_nano([key(0), key(199)])


def test_a_round_is_taken_in_once():
    window = window_of(some_rounds(1))
    with pytest.raises(ValueError, match="already"):
        window.add(some_rounds(1)[0])


def test_a_round_nobody_answered_changes_nothing():
    rounds = some_rounds(2)

    assert window_of(rounds).rho_nano(keys(4)) == window_of([*rounds, round_of(50, {})]).rho_nano(keys(4))


def test_answers_without_any_deviation_count_as_one_and_as_nobody_elses():
    flat, bet = [0] * STEPS, [100] * STEPS
    rho = window_of([round_of(at, {0: flat, 1: flat, 2: bet}) for at in range(5)]).rho_nano(keys(3))

    assert [[NANO, NANO, 0], [NANO, NANO, 0], [0, 0, NANO]] == rho


def test_answers_that_lean_opposite_ways_share_nothing():
    row = np.arange(STEPS) + 1
    rho = window_of([round_of(at, {0: row, 1: -row}) for at in range(0, 200, 40)]).rho_nano(keys(2))

    assert [[NANO, 0], [0, NANO]] == rho


def test_too_few_common_rounds_share_nothing():
    row = list(range(STEPS))
    rounds = [round_of(40 * at, {0: row, 1: row if at < 2 else None}) for at in range(6)]

    assert 0 == window_of(rounds).rho_nano(keys(2))[0][1]


@pytest.mark.parametrize("lag", [lag for lag in SHARING.lags_steps if lag])
def test_a_late_copy_anchored_again_is_found_out_at_its_lag(lag):
    draws = np.random.default_rng(11)
    beliefs = np.cumsum(draws.normal(0, 300, 200))
    roots = np.sqrt(np.arange(1, STEPS + 1))
    # One believes in a single long path and answers it every 2 * lag rounds, noise else; the other gives, lag rounds
    # after each of these answers, what is left of it, anchored at its value then.
    answers = {at: (beliefs[at + 1 : at + 1 + STEPS] - beliefs[at]) / roots for at in range(100)}
    noise = {at: draws.normal(0, 300, STEPS).cumsum() / roots for at in range(100)}
    rounds = [
        round_of(
            at,
            {
                0: answers[at] if at % (2 * lag) == 0 else noise[at],
                1: answers[at] if at % (2 * lag) == lag else None,
            },
        )
        for at in range(100)
    ]

    assert 0.9 * NANO < window_of(rounds).rho_nano(keys(2))[0][1]
    assert 0.7 * NANO > window_of(rounds, replace(SHARING, lags_steps=(0,))).rho_nano(keys(2))[0][1]


def test_a_lag_as_long_as_the_answers_is_refused():
    long = replace(SHARING, lags_steps=(0, STEPS))

    with pytest.raises(ValueError, match="20 steps later"):
        window_of(some_rounds(1, count=STEPS + 1, silent=0), long)


def worked_in_integers(dot, now, earlier):
    """The smallest c with c * sqrt(now * earlier) >= dot * 10**9."""
    if dot == now == earlier == 0:
        return NANO
    if dot <= 0 or now == 0 or earlier == 0:
        return 0
    square, norms = (dot * NANO) ** 2, now * earlier
    root = isqrt(square // norms)
    return root if root * root * norms >= square else root + 1


@st.composite
def dots_and_norms(draw):
    """Products of real vectors, of which many stand at a cosine of 1, at 1/2, or a hair beside a whole nano."""
    kind = draw(st.sampled_from(["any", "same", "half", "near", "flat"]))
    now = draw(st.integers(1, 2 ** draw(st.integers(1, 53)) - 1))
    if kind == "same":
        earlier, dot = now, now
    elif kind == "half":
        now = min(now, 2**50)
        scale = draw(st.integers(1, max(1, isqrt(2**53 // 4 // now))))
        dot, earlier = now * scale // 2 * 2 // 2, now * scale * scale
    elif kind == "near":
        earlier = draw(st.integers(1, 2**53 - 1))
        cosine = draw(st.integers(1, NANO - 1))
        dot = isqrt(now * earlier * cosine**2) // NANO + draw(st.integers(-1, 1))
    else:
        earlier = draw(st.integers(1, 2**53 - 1)) if kind == "any" else 0
        dot = draw(st.integers(-(2**53) + 1, 2**53 - 1)) if kind == "any" else 0
        now = 0 if kind == "flat" and draw(st.booleans()) else now
    reach = isqrt(now * earlier)
    return max(-reach, min(reach, dot)), now, earlier


@given(st.lists(dots_and_norms(), min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_cosines_are_the_ones_worked_in_integers(several):
    columns = (np.array(column, dtype=np.float64) for column in zip(*several, strict=True))

    assert [worked_in_integers(*one) for one in several] == cosines_nano(*columns).tolist()


def test_a_cosine_that_is_a_whole_nano_is_not_rounded_up():
    dot = np.array([1.0, 1.0, 3.0, 2.0**52, 1.0])
    now = np.array([1.0, 1.0, 5.0, 2.0**52, 2.0**52])
    earlier = np.array([4.0, 16.0, 5.0, 2.0**52, 2.0**52])

    assert [500_000_000, 250_000_000, 600_000_000, NANO, 1] == cosines_nano(dot, now, earlier).tolist()


skills = st.lists(st.integers(0, 60_000_000), min_size=1, max_size=8)


@given(st.integers(1, 60_000_000), st.integers(1, 30))
@settings(max_examples=100, deadline=None)
def test_k_equal_clones_earn_together_what_one_would(skill, k):
    divisors = sharing_divisors([[NANO] * k] * k, [skill] * k)

    together = sum(skill * NANO // divisor for divisor in divisors)
    assert skill - k <= together <= skill


@given(skills)
@settings(max_examples=200, deadline=None)
def test_clones_of_any_skills_earn_together_no_more_than_the_best_of_them(owned):
    divisors = sharing_divisors([[NANO] * len(owned)] * len(owned), owned)

    assert max(owned) >= sum(skill * NANO // divisor for skill, divisor in zip(owned, divisors, strict=True))


@given(skills, st.data())
@settings(max_examples=100, deadline=None)
def test_a_key_that_proves_nothing_costs_nobody_anything(owned, data):
    size = len(owned) + 1
    rho = [[NANO if i == j else data.draw(st.integers(0, NANO)) for j in range(size)] for i in range(size)]

    assert sharing_divisors([row[:-1] for row in rho[:-1]], owned) == sharing_divisors(rho, [*owned, 0])[:-1]


@given(skills, st.integers(0, NANO))
@settings(max_examples=100, deadline=None)
def test_nobody_is_ever_paid_for_more_than_its_own_skill(owned, rho):
    matrix = [[NANO if i == j else rho for j in range(len(owned))] for i in range(len(owned))]

    assert all(divisor >= NANO for divisor in sharing_divisors(matrix, owned))
