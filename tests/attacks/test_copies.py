"""Copies and clones through whole rounds: many keys with one answer earn what one key would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from protocol.answers import answer_of
from protocol.rules.ledger import balance_account
from protocol.units import HOUR_MS
from tests.support.brisk import ANCHOR, BRISK, POINT, Oracle, play
from tests.support.world import Answering, Guessing, signing_key

UNTIL = ANCHOR + 5 * HOUR_MS
PURE = replace(BRISK, pay=replace(BRISK.pay, bootstrap_share_ppm=0))
"""Pay for proven skill alone: the bootstrap share can be farmed by many keys, and the docs say so."""


def skilled(keys, *, also=()):
    async def scenario(world):
        await world.miner("bob", Guessing(1))
        for number in range(keys):
            await world.miner(f"skilled-{number}", Oracle(world.market))
        for name, make in also:
            await world.miner(name, make(world))

    return play(scenario, until_ms=UNTIL, params=PURE)


def earned(outcome, keys):
    return sum(outcome.accrued(f"skilled-{number}") for number in range(keys))


@pytest.fixture(scope="module")
def one():
    return skilled(1)


def test_one_skilled_key_earns_so_that_there_is_something_to_multiply(one):
    assert earned(one, 1) > 10**8
    assert 0 == one.accrued("bob")


def test_ten_clones_together_earn_what_one_key_earns_to_rounding(one):
    ten = skilled(10)

    slices = len([row for row in ten.rounds if row.baseline_loss_nano is not None])
    assert abs(earned(one, 1) - earned(ten, 10)) <= 10 * slices
    paid = [ten.balances.get((balance_account(signing_key(f"skilled-{n}").hotkey), "aug"), 0) for n in range(10)]
    assert max(paid) - min(paid) <= slices
    assert one.of("bob") == ten.of("bob")


def test_answering_the_baseline_earns_nothing_and_costs_the_skilled_nothing(one):
    def flat(_):
        return Answering(lambda opening: answer_of(np.zeros((opening.asked_paths, opening.steps), np.float32)))

    outcome = skilled(1, also=[("flat", flat)])

    assert 0 == outcome.accrued("flat")
    points = [score for score in outcome.scores[signing_key("flat").hotkey] if score.challenge == POINT]
    assert {("valid", 0)} == {(score.status, score.gain_nano) for score in points}
    assert one.of("skilled-0") == outcome.of("skilled-0")
