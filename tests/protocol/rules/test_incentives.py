import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.params import PayParams
from protocol.rules.incentives import Claim, settle_round, softmax_weights
from protocol.units import NANO

PAY = PayParams()
DEMO_PAY = replace(PAY, bootstrap_share_ppm=200_000)
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "incentives.json").read_text())


def claim(i, skill, *, divisor=NANO, loss=800_000_000, is_answered=True):
    return Claim(bytes([i]) * 32, skill, divisor, loss, is_answered)


def settle(*claims, pay=PAY, pool=1_000_000):
    return settle_round(claims, slice_micros=pool, pay=pay)


@pytest.mark.parametrize("vector", VECTORS["rounds"], ids=lambda vector: vector["name"])
def test_a_round_pays_what_was_worked_by_hand(vector):
    pay = settle_round(
        [claim(i, **one) for i, one in enumerate(vector["claims"])],
        slice_micros=vector["slice_micros"],
        pay=replace(PAY, **vector["pay"]),
    )

    assert vector["parts"] == [[miner.skill_part_micros, miner.bootstrap_part_micros] for miner in pay.miners]
    assert vector["reserve"] == pay.reserve_micros


claims_of_a_round = st.lists(
    st.tuples(st.integers(0, 10**8), st.integers(NANO, 9 * NANO), st.integers(0, 3 * 10**9), st.booleans()),
    max_size=12,
).map(lambda rows: [claim(i, s, divisor=d, loss=loss, is_answered=a) for i, (s, d, loss, a) in enumerate(rows)])


@given(claims_of_a_round, st.integers(0, 10**10), st.sampled_from([0, 200_000, 10**6]))
@settings(max_examples=150, deadline=None)
def test_miners_and_reserve_get_the_slice_to_the_last_micro_and_nobody_less_than_nothing(claims, pool, bootstrap):
    pay = settle_round(claims, slice_micros=pool, pay=replace(PAY, bootstrap_share_ppm=bootstrap))

    assert pool == pay.reserve_micros + sum(miner.accrued_micros for miner in pay.miners)
    assert pay.reserve_micros >= 0
    assert all(miner.skill_part_micros >= 0 and miner.bootstrap_part_micros >= 0 for miner in pay.miners)


@given(claims_of_a_round, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_claims_does_not_matter(claims, random):
    shuffled = list(claims)
    random.shuffle(shuffled)

    assert settle(*claims, pay=DEMO_PAY) == settle(*shuffled, pay=DEMO_PAY)


def test_a_key_that_gives_no_valid_answer_is_paid_nothing_whatever_it_has_proven():
    silent, other = settle(claim(0, 10**8, is_answered=False), claim(1, 10**7), pay=DEMO_PAY).miners

    assert (0, 0, 0) == (silent.shared_skill_nano, silent.skill_part_micros, silent.bootstrap_part_micros)
    assert (160_000, 200_000) == (other.skill_part_micros, other.bootstrap_part_micros)


def test_when_nobody_answers_the_whole_slice_is_the_reserves():
    assert 1_000_000 == settle(pay=DEMO_PAY).reserve_micros
    assert 1_000_000 == settle(claim(0, 10**8, is_answered=False), pay=DEMO_PAY).reserve_micros


def test_a_better_mean_loss_is_never_paid_less_of_the_bootstrap_share():
    pay = settle(*(claim(i, 0, loss=800_000_000 + 3_000_000 * i) for i in range(6)), pay=DEMO_PAY)
    parts = [miner.bootstrap_part_micros for miner in pay.miners]

    assert parts == sorted(parts, reverse=True)
    assert 200_000 == sum(parts)


def test_softmax_weights_fall_by_e_for_each_temperature():
    # exp(-1) and exp(-2) to 18 digits, from tables of e.
    expected = [10**18, 367_879_441_171_442_322, 135_335_283_236_612_692, 0]
    assert expected == softmax_weights([50, 60, 70, None], temperature_nano=10)


def test_a_hotkey_claims_once():
    with pytest.raises(ValueError, match="twice"):
        settle(claim(1, 5), claim(1, 5))


def test_a_divisor_below_one_or_a_negative_skill_is_refused():
    for skill, divisor in ((5, NANO - 1), (-1, NANO)):
        with pytest.raises(ValueError, match="want skill"):
            claim(0, skill, divisor=divisor)
