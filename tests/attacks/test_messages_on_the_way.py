"""Somebody sits between validator and miner and alters, swaps or repeats what passes: nothing of it is acted on."""

from __future__ import annotations

import pytest

from protocol.messages import Purpose
from protocol.rules.ledger import balance_account
from tests.support.brisk import ANCHOR, MINUTE_MS, Oracle, only, play, rows_of, with_section_flipped
from tests.support.memory_network import Faults
from tests.support.world import Guessing, signing_key

SECTIONS = {"header": 0, "signature": 1, "body": 2}


async def two_miners(world):
    await world.miner("alice", Oracle(world.market))
    await world.miner("bob", Guessing(1))


async def with_bob_behind(world, faults):
    await two_miners(world)
    world.network.faults["bob:1"] = faults


@pytest.fixture(scope="module")
def undisturbed():
    return play(two_miners)


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS)
def test_an_altered_question_is_not_answered_and_costs_the_miner_only_that_round(undisturbed, section):
    async def scenario(world):
        await with_bob_behind(world, Faults(tamper_request=with_section_flipped(section)))
        before = rows_of(world.miners["bob"].store)
        await world.until(ANCHOR)
        assert before == rows_of(world.miners["bob"].store)

    outcome = play(scenario)

    assert {("silent", 0)} == outcome.gains("bob")
    assert outcome.of("alice") == undisturbed.of("alice")
    assert 0 == outcome.offences[signing_key("bob").hotkey]
    assert outcome.refused("bob").total() > 0


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS)
@pytest.mark.parametrize("purpose", [Purpose.COMMIT_REPLY, Purpose.REVEAL_REPLY], ids=["commit", "reveal"])
def test_an_altered_reply_is_no_reply_and_nobody_is_blamed_for_it(undisturbed, purpose, section):
    async def scenario(world):
        await with_bob_behind(world, Faults(tamper_reply=only(purpose, with_section_flipped(section))))

    outcome = play(scenario)

    want = ("silent", 0) if purpose is Purpose.COMMIT_REPLY else ("unrevealed", -2)
    assert {want} == outcome.gains("bob")
    assert outcome.of("alice") == undisturbed.of("alice")
    assert 0 == outcome.offences[signing_key("bob").hotkey]
    assert not [row for row in outcome.submissions if row.hotkey == signing_key("bob").hotkey]


def test_a_reply_that_was_altered_once_is_asked_for_again_while_the_window_is_open(undisturbed):
    async def scenario(world):
        times = {}

        def first_time(raw):
            seen = times[world.clock.now_ms() // MINUTE_MS] = times.get(world.clock.now_ms() // MINUTE_MS, 0) + 1
            return with_section_flipped(1)(raw) if seen == 1 else raw

        await with_bob_behind(world, Faults(tamper_reply=only(Purpose.REVEAL_REPLY, first_time)))

    outcome = play(scenario)

    assert outcome.of("bob") == undisturbed.of("bob")
    assert outcome.of("alice") == undisturbed.of("alice")


@pytest.mark.parametrize("purpose", [Purpose.COMMIT_REPLY, Purpose.REVEAL_REPLY], ids=["commit", "reveal"])
def test_another_miners_reply_handed_over_in_its_place_is_refused(undisturbed, purpose):
    async def scenario(world):
        heard = {}
        await with_bob_behind(world, Faults(tamper_reply=only(purpose, lambda raw: heard.get("alice", raw))))
        world.network.faults["alice:1"] = Faults(
            tamper_reply=only(purpose, lambda raw: heard.setdefault("alice", raw) and raw)
        )
        world.network.faults["bob:1"].delay_ms = 100

    outcome = play(scenario)

    want = ("silent", 0) if purpose is Purpose.COMMIT_REPLY else ("unrevealed", -2)
    assert {want} == outcome.gains("bob")
    assert {"not-in-reply"} == set(outcome.refused("bob"))
    assert outcome.of("alice") == undisturbed.of("alice")
    assert 0 == outcome.balances.get((balance_account(signing_key("bob").hotkey), "aug"), 0)


@pytest.mark.parametrize("purpose", [Purpose.COMMIT_REPLY, Purpose.REVEAL_REPLY], ids=["commit", "reveal"])
def test_a_miners_own_reply_of_an_earlier_round_is_refused(undisturbed, purpose):
    async def scenario(world):
        told = []

        def earlier(raw):
            told.append(raw)
            return told[0]

        await with_bob_behind(world, Faults(tamper_reply=only(purpose, earlier)))

    outcome = play(scenario)

    assert "not-in-reply" in outcome.refused("bob")
    assert outcome.statuses("bob")["valid"] <= 1
    assert outcome.of("alice") == undisturbed.of("alice")
