import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.params import SkillParams
from protocol.rules.skill import (
    AT_OR_BELOW_ZERO,
    PROVEN,
    BlockSums,
    RoundSkill,
    add_rounds,
    mean_loss_nano,
    prove_skill,
)

PARAMS = SkillParams()
STEP_MS = 300_000
SPAN_MS = PARAMS.block_steps * STEP_MS
BASELINE = 800_000_000
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "skill.json").read_text())

rounds_of_miners = st.lists(
    st.builds(
        lambda at, gain: RoundSkill(at // 100, at * STEP_MS, gain, BASELINE),
        st.integers(0, 2_000),
        st.integers(-2 * BASELINE, BASELINE),
    ),
    max_size=60,
    unique_by=lambda one: one.anchor_at_ms,
)


def blocks_of(gains, *, first=0, rounds=100):
    return [BlockSums(first + i, rounds, int(gain) * rounds, BASELINE * rounds) for i, gain in enumerate(gains)]


def prove(blocks, *, at_block, params=PARAMS):
    return prove_skill(blocks, as_of_ms=at_block * SPAN_MS, params=params, step_ms=STEP_MS)


@given(rounds_of_miners, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_in_which_rounds_resolve_does_not_matter(rounds, random):
    shuffled = list(rounds)
    random.shuffle(shuffled)
    half = len(rounds) // 2

    assert add_rounds({}, rounds) == add_rounds(add_rounds({}, shuffled[:half]), shuffled[half:])
    blocks = list(add_rounds({}, rounds).values())
    assert prove(blocks, at_block=21) == prove(blocks[::-1], at_block=21)


def test_a_gain_above_the_baselines_whole_loss_is_refused():
    with pytest.raises(ValueError, match="no loss is negative"):
        RoundSkill(0, 0, BASELINE + 1, BASELINE)


@pytest.mark.parametrize("vector", VECTORS["proofs"], ids=lambda vector: vector["name"])
def test_the_proof_is_the_one_computed_independently_in_rational_arithmetic(vector):
    proof = prove_skill(
        [BlockSums(*block) for block in vector["blocks"]],
        as_of_ms=vector["as_of_ms"],
        params=replace(PARAMS, **vector["params"]),
        step_ms=STEP_MS,
    )

    for name, expected in vector["expected"].items():
        assert expected == pytest.approx(getattr(proof, name), abs=2), name


def test_seven_blocks_prove_nothing_and_say_so():
    assert "unproven: 7 of 8 blocks" == prove(blocks_of([10**8] * 7), at_block=7).reason
    assert 0 == prove(blocks_of([10**8] * 7), at_block=7).skill_nano


def test_a_gain_without_any_luck_in_it_is_proven_in_full():
    proof = prove(blocks_of([8_000_000] * 8), at_block=8)

    assert (10_000_000, PROVEN) == (proof.skill_nano, proof.reason)


def test_zero_gains_prove_nothing():
    assert (0, AT_OR_BELOW_ZERO) == (
        prove(blocks_of([0] * 40), at_block=40).skill_nano,
        prove(blocks_of([0] * 40), at_block=40).reason,
    )


def test_blocks_beyond_the_memory_are_left_out():
    old = blocks_of([10**8] * 30)
    at = 29 + PARAMS.memory_ms // SPAN_MS

    assert (1, 0) == (prove(old, at_block=at).blocks, prove(old, at_block=at + 1).blocks)
    assert 0 == prove(old, at_block=at).skill_nano


def test_a_block_of_the_future_is_refused():
    with pytest.raises(ValueError, match="opens after"):
        prove(blocks_of([1] * 9), at_block=7)


def test_silence_after_a_streak_lowers_the_skill_block_by_block():
    streak = [9_000_000, 11_000_000] * 10
    skills = [prove(blocks_of(streak + [0] * silent), at_block=20 + silent).skill_nano for silent in range(0, 120, 10)]

    assert skills == sorted(skills, reverse=True)
    assert skills[-1] < skills[0] // 10


def test_a_re_score_that_lowers_one_block_never_raises_what_steady_gains_prove():
    steady = [10_000_000] * 20

    assert (
        prove(blocks_of([*steady[:-1], 0]), at_block=20).skill_nano < prove(blocks_of(steady), at_block=20).skill_nano
    )


@pytest.mark.parametrize("carry", [0.0, 0.268])
@pytest.mark.parametrize("blocks", [8, 40])
def test_luck_is_paid_no_more_often_than_stated_even_when_neighbouring_blocks_move_together(blocks, carry):
    """carry 0.268 gives neighbours a correlation of 1/4: what overlapping rounds make of a steady bet."""
    draws = np.random.default_rng(7).standard_normal((3_000, blocks + 1))
    gains = (draws[:, 1:] + carry * draws[:, :-1]) * 1e7
    paid = sum(prove(blocks_of(row), at_block=blocks).skill_nano > 0 for row in gains)

    allowed = 0.01 + 3 * np.sqrt(0.01 * 0.99 / len(gains))
    assert paid / len(gains) <= allowed


def test_no_product_is_taken_across_a_gap():
    gains = [30_000_000, -10_000_000] * 6
    together = blocks_of(gains)
    apart = [replace(block, block=2 * block.block) for block in together]
    weightless = replace(PARAMS, half_life_ms=10**15)
    without_lag = replace(weightless, newey_west_lag=0)

    # Alternating gains have negative neighbours; across gaps there are none, and both stand on the overlap's floor.
    assert (
        prove(together, at_block=24, params=weightless).standard_error_nano
        == prove(apart, at_block=24, params=weightless).standard_error_nano
    )
    assert prove(together, at_block=24, params=without_lag).standard_error_nano == pytest.approx(
        prove(together, at_block=24, params=weightless).standard_error_nano / np.sqrt(1.5), abs=2
    )
    rising = blocks_of([10**7 * k for k in range(12)])
    rising_apart = [replace(block, block=2 * block.block) for block in rising]
    assert (
        prove(rising, at_block=24, params=weightless).standard_error_nano
        > prove(rising_apart, at_block=24, params=weightless).standard_error_nano
    )


def test_the_mean_loss_is_over_rounds_not_blocks():
    assert 600 == mean_loss_nano([BlockSums(0, 1, 100, 1_000), BlockSums(1, 3, 500, 2_000)])
