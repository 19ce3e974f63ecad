"""What a bad answer costs its miner, exactly, and that it costs nobody else one unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from protocol.answers import answer_of
from protocol.messages import Purpose
from protocol.units import HOUR_MS, MINUTE_MS
from tests.support.brisk import ANCHOR, PATHS, Oracle, play, resigned
from tests.support.memory_network import Faults
from tests.support.world import Answering, Guessing, signing_key

MALLORY = signing_key("mallory").hotkey
UNTIL = ANCHOR + 3 * HOUR_MS


def filled(value, dtype=np.float32):
    return lambda opening: answer_of(np.full((opening.asked_paths, opening.steps), value, dtype))


def one_bad_number(value):
    def make(opening):
        answer = np.zeros((opening.asked_paths, opening.steps), np.float32)
        answer[-1, -1] = value
        return answer_of(answer)

    return make


UNSOUND = {
    "nan": filled(np.nan),
    "infinite": filled(np.inf),
    "one nan": one_bad_number(np.nan),
    "one minus infinity": one_bad_number(-np.inf),
    "beyond two": filled(2.0000002),
    "huge": filled(3e38),
    "float64": filled(0.0, np.float64),
    "a step short": lambda opening: answer_of(np.zeros((opening.asked_paths, opening.steps - 1), np.float32)),
    "too many paths": lambda opening: answer_of(np.zeros((opening.max_paths + 1, opening.steps), np.float32)),
    "too few paths": lambda opening: answer_of(
        np.zeros((1 if opening.min_paths > 1 else 2, opening.steps), np.float32)
    ),
    "transposed": lambda opening: answer_of(np.zeros((opening.steps, opening.asked_paths), np.float32)),
    "flat": lambda opening: answer_of(np.zeros(opening.steps * opening.asked_paths, np.float32)),
    "cubed": lambda opening: answer_of(np.zeros((1, opening.asked_paths, opening.steps), np.float32)),
}


async def honest(world):
    await world.miner("alice", Oracle(world.market))
    await world.miner("bob", Guessing(1))


def with_mallory(make):
    async def scenario(world):
        await honest(world)
        await world.miner("mallory", Answering(make))

    return scenario


@pytest.fixture(scope="module")
def without():
    return play(honest, until_ms=UNTIL)


def check_that_nobody_else_was_touched(without, outcome):
    for name in ("alice", "bob"):
        assert without.of(name) == outcome.of(name)
    emitted = sum(amount for (account, _), amount in outcome.balances.items() if account.startswith("emission"))
    assert emitted == sum(amount for (account, _), amount in without.balances.items() if account.startswith("emission"))


@pytest.mark.parametrize("make", UNSOUND.values(), ids=UNSOUND)
def test_an_unsound_answer_takes_the_cap_and_costs_standing_and_nobody_else_anything(without, make):
    outcome = play(with_mallory(make), until_ms=UNTIL)

    check_that_nobody_else_was_touched(without, outcome)
    statuses = outcome.statuses("mallory") + outcome.statuses("mallory", PATHS)
    assert {"invalid-answer", "silent", "unrevealed"} >= set(statuses)
    assert statuses["invalid-answer"] >= 5
    for status, gain in outcome.gains("mallory"):
        assert {"invalid-answer": -2, "unrevealed": -2, "silent": 0}[status] == gain
    assert 0 == outcome.accrued("mallory")
    assert outcome.offences[MALLORY] == statuses["invalid-answer"] >= 5


def test_an_answer_at_the_very_limit_is_sound_and_takes_the_cap_for_being_wrong(without):
    outcome = play(with_mallory(filled(2.0)), until_ms=UNTIL)

    assert {"valid"} == set(outcome.statuses("mallory"))
    assert {("valid", -2)} == outcome.gains("mallory")
    assert without.of("alice")[0] == outcome.of("alice")[0]
    assert 0 == outcome.offences[MALLORY]


def test_a_body_over_the_limit_is_never_read_and_counts_as_an_answer_kept_back(without):
    def make(opening):
        return answer_of(np.zeros((4, 100_000), np.float32))

    outcome = play(with_mallory(make), until_ms=UNTIL)

    check_that_nobody_else_was_touched(without, outcome)
    assert {("unrevealed", -2)} == outcome.gains("mallory")
    assert "malformed" in outcome.refused("mallory")


def test_a_miner_that_reveals_something_else_than_it_committed_to_takes_the_cap(without):
    async def scenario(world):
        await honest(world)
        await world.miner("mallory", Guessing(5))
        another = resigned(
            signing_key("mallory"),
            Purpose.REVEAL_REPLY,
            lambda told: replace(told, answer=answer_of(np.zeros(told.answer.shape, np.float32))),
        )
        world.network.faults["mallory:1"] = Faults(tamper_reply=another)

    outcome = play(scenario, until_ms=UNTIL)

    check_that_nobody_else_was_touched(without, outcome)
    assert outcome.statuses("mallory")["commitment-mismatch"] >= 5
    assert ("commitment-mismatch", -2) in outcome.gains("mallory")
    assert ("valid", 0) not in outcome.gains("mallory")


@pytest.mark.parametrize(
    ("faults", "gains"),
    [
        (Faults(unreachable=True), {("silent", 0)}),
        (Faults(silent=True), {("silent", 0)}),
        (Faults(drop_replies=True), {("silent", 0)}),
        (Faults(delay_ms=11_000), {("silent", 0)}),
    ],
    ids=["unreachable", "silent", "deaf", "slower than a call may take"],
)
def test_a_miner_that_cannot_be_heard_is_silent_in_those_rounds_alone(without, faults, gains):
    async def scenario(world):
        await honest(world)
        await world.miner("mallory", Guessing(5))
        world.network.faults["mallory:1"] = faults

    outcome = play(scenario, until_ms=UNTIL)

    check_that_nobody_else_was_touched(without, outcome)
    assert gains == outcome.gains("mallory")
    assert 0 == outcome.offences[MALLORY]
    assert 0 == outcome.accrued("mallory")


def test_a_miner_that_commits_and_keeps_its_answer_back_takes_the_cap(without):
    async def scenario(world):
        await honest(world)
        await world.miner("mallory", Guessing(5))
        while world.clock.now_ms() < UNTIL - 5 * MINUTE_MS:
            into = world.clock.now_ms() % (5 * MINUTE_MS)
            world.network.faults["mallory:1"] = Faults(silent=into < 4 * MINUTE_MS)
            await world.until(world.clock.now_ms() - into + (4 if into < 4 * MINUTE_MS else 5) * MINUTE_MS)

    outcome = play(scenario, until_ms=UNTIL)

    check_that_nobody_else_was_touched(without, outcome)
    assert outcome.statuses("mallory")["unrevealed"] > 10
    assert ("unrevealed", -2) in outcome.gains("mallory")
    assert 0 == outcome.accrued("mallory")
