"""Who is let in, from where, and what ends it: lists, dial-backs, private addresses, suspension."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurons.telemetry import Event, Registered, Telemetry
from neurons.validating.handlers import Doorkeeping, is_private
from neurons.validating.registry import Registry
from protocol.answers import answer_of
from protocol.envelope import open_reply, seal
from protocol.errors import AuguryError
from protocol.messages import NONCE_BYTES, RegisterRequest, RoundsRequest
from protocol.params import MAIN
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS, UnixMs
from tests.support.brisk import ANCHOR, BRISK, PATHS, POINT, outcome_of, rows_of
from tests.support.memory_network import Faults
from tests.support.world import Answering, Guessing, quiet_telemetry, run_world, signing_key

VALIDATOR, ALICE, BOB = (signing_key(name) for name in ("validator", "alice", "bob"))


async def ask(world, message, *, key=ALICE, nonce=b"1"):
    now = world.clock.now_ms()
    request = seal(
        message,
        key=key,
        params=BRISK,
        recipient=VALIDATOR.hotkey,
        nonce=nonce * NONCE_BYTES,
        issued_at_ms=now,
        deadline_ms=now + 20 * SECOND_MS,
    )
    raw = await world.validator.answer(message.PURPOSE, request.raw, peer="192.0.2.1")
    return open_reply(raw, request=request, params=BRISK, now_ms=world.clock.now_ms()).message


async def refused(world, message, **how):
    """The code of the refusal, once it is sure that nobody was registered for it."""
    before = rows_of(world.validator_store)
    with pytest.raises(AuguryError) as error:
        await ask(world, message, **how)
    after = rows_of(world.validator_store)
    assert before["miners"] == after["miners"]
    return error.value.code


def test_an_endpoint_that_another_key_answers_at_registers_nobody():
    async def scenario(world):
        await world.miner("bob", register=False)
        assert "wrong-recipient" == await refused(world, RegisterRequest("bob:1", (POINT,)))

    run_world(scenario, params=BRISK)


def test_an_endpoint_at_which_nobody_answers_registers_nobody():
    async def scenario(world):
        await world.miner("alice", register=False)
        assert "not-found" == await refused(world, RegisterRequest("nobody:1", (POINT,)), nonce=b"2")
        world.network.faults["alice:1"] = Faults(silent=True)
        assert "not-found" == await refused(world, RegisterRequest("alice:1", (POINT,)), nonce=b"3")
        assert await ask(world, RoundsRequest())

    run_world(scenario, params=BRISK)


@pytest.mark.parametrize(
    "challenges", [(), ("closes.moon",), (POINT, "samples")], ids=["none", "unknown", "one unknown"]
)
def test_a_registration_for_challenges_that_do_not_exist_is_refused(challenges):
    async def scenario(world):
        await world.miner("alice", register=False)
        assert "invalid-request" == await refused(world, RegisterRequest("alice:1", challenges))

    run_world(scenario, params=BRISK)


def test_who_is_not_on_the_list_is_not_even_dialled():
    async def scenario(world):
        calls = []
        await world.stop_validator()
        world.door = Doorkeeping(allowed=frozenset({BOB.hotkey}), allow_private_endpoints=True)
        await world.start_validator()
        await world.miner("alice", register=False)
        world.network.faults["alice:1"] = Faults(tamper_request=lambda raw: calls.append(raw) or raw)
        assert "unknown-sender" == await refused(world, RegisterRequest("alice:1", (POINT,)))
        assert [] == calls
        await world.miner("bob")
        assert [BOB.hotkey] == [row.hotkey for row in await world.validator_store.miners()]

    run_world(scenario, params=BRISK)


PRIVATE = (
    "127.0.0.1:1", "localhost:1", "LOCALHOST:1", "localhost.:1", "sub.localhost:1", "10.1.2.3:1", "192.168.0.1:1",
    "172.16.9.9:1", "169.254.169.254:80", "0.0.0.0:1", "100.64.0.1:1", "[::1]:1", "[fe80::1]:1", "[fc00::1]:1",
    "[::ffff:127.0.0.1]:1", "[::ffff:10.0.0.1]:1", "[64:ff9b::7f00:1]:1", "[2002:7f00:1::]:1", "127.1:1",
    "2130706433:1", "0x7f.0.0.1:1", "0177.0.0.1:1", "[::]:1", "224.0.0.1:1",
)  # fmt: skip


@pytest.mark.parametrize("endpoint", PRIVATE)
def test_no_way_to_write_a_private_address_passes_for_a_public_one(endpoint):
    assert is_private(endpoint)


@pytest.mark.parametrize("endpoint", ["8.8.8.8:1", "miner.example.org:1", "[2606:4700::1111]:1", "0xaugury.org:1"])
def test_public_addresses_and_names_are_not_called_private(endpoint):
    assert not is_private(endpoint)


def test_a_private_address_is_dialled_only_by_a_validator_that_was_told_to():
    async def scenario(world):
        calls = []
        await world.stop_validator()
        world.door = replace(world.door, allow_private_endpoints=False)
        await world.start_validator()
        alice = await world.miner("alice", register=False)
        world.network.host("127.0.0.1:9", alice.node)
        world.network.faults["127.0.0.1:9"] = Faults(tamper_request=lambda raw: calls.append(raw) or raw)
        assert "invalid-request" == await refused(world, RegisterRequest("127.0.0.1:9", (POINT,)))
        assert [] == calls

    run_world(scenario, params=BRISK)


def test_a_miner_that_moves_and_moves_back_is_asked_where_it_last_said():
    async def scenario(world):
        alice = await world.miner("alice")
        world.network.host("alice:2", alice.node)
        for nonce, endpoint in ((b"a", "alice:1"), (b"b", "alice:2"), (b"c", "alice:1")):
            await ask(world, RegisterRequest(endpoint, (POINT, PATHS)), nonce=nonce)
            assert [endpoint] == [row.endpoint for row in await world.validator_store.miners()]

    run_world(scenario, params=BRISK)


def test_a_miner_cannot_slip_out_of_the_rounds_that_it_does_not_answer():
    """Who signs off between the commit window and the scoring, and on again, would leave no silent rounds behind."""

    async def scenario(world):
        await world.miner("alice", Guessing(1))
        world.network.faults["alice:1"] = Faults(silent=True)
        await world.until(ANCHOR + MINUTE_MS)
        world.network.faults.clear()
        await ask(world, RegisterRequest("alice:1", (PATHS,)))
        await world.until(ANCHOR + 90 * MINUTE_MS)
        outcome = await outcome_of(world.validator_store)
        scored = [row for row in outcome.rounds if row.challenge == POINT and row.baseline_loss_nano is not None]
        assert outcome.statuses("alice")["silent"] >= 3
        assert outcome.statuses("alice").total() == len(scored)

    run_world(scenario, params=BRISK)


def test_repeated_offences_suspend_a_miner_which_is_then_silent_and_comes_back():
    async def scenario(world):
        await world.miner("alice", Guessing(1))
        unsound = Answering(
            lambda opening: answer_of(np.full((opening.asked_paths, opening.steps), np.nan, np.float32))
        )
        await world.miner("bob", unsound)
        while True:
            await world.until(world.clock.now_ms() + MINUTE_MS)
            [bob] = [row for row in await world.validator_store.miners() if row.hotkey == BOB.hotkey]
            if bob.suspended_until_ms:
                break
        assert MAIN.standing.offences_forgiven < bob.offences
        with pytest.raises(AuguryError) as error:
            await ask(world, RoundsRequest(), key=BOB)
        assert "standing-too-low" == error.value.code
        assert (
            world.clock.now_ms()
            < bob.suspended_until_ms
            <= world.clock.now_ms() + 2 * MAIN.standing.first_suspension_ms
        )

        suspended_at = world.clock.now_ms()
        await world.stop_validator()
        await world.start_validator()
        await world.miner("bob", Guessing(2), register=False)
        await world.until(bob.suspended_until_ms + 10 * MINUTE_MS)
        assert await ask(world, RoundsRequest(), key=BOB, nonce=b"9")
        await world.until(suspended_at + 3 * HOUR_MS)
        outcome = await outcome_of(world.validator_store)
        by_round = {score.round_id: score.status for score in outcome.scores[BOB.hotkey] if score.challenge == POINT}
        told = [(row.anchor_at_ms, by_round[row.round_id]) for row in outcome.rounds if row.round_id in by_round]
        away = [
            status for at, status in told if suspended_at < at - MINUTE_MS and at - MINUTE_MS < bob.suspended_until_ms
        ]
        back = [status for at, status in told if at - MINUTE_MS >= bob.suspended_until_ms]
        assert {"silent"} == set(away)
        assert {"valid"} == set(back)
        assert {"valid"} == set(outcome.statuses("alice"))

    run_world(scenario, params=BRISK)


def test_every_further_offence_doubles_the_suspension_up_to_a_day():
    registry = Registry()
    registry.register(BOB.hotkey, "bob:1", (POINT,), now_ms=UnixMs(0))
    ends = [registry.offend(BOB.hotkey, now_ms=UnixMs(1_000)).suspended_until_ms - 1_000 for _ in range(16)]

    assert [-1_000] * 4 == ends[:4]
    assert [10 * MINUTE_MS, 20 * MINUTE_MS, 40 * MINUTE_MS] == ends[4:7]
    assert 24 * HOUR_MS == ends[-1]
    assert registry.offend(ALICE.hotkey, now_ms=UnixMs(0)) is None


class Heard(Telemetry):
    """Keeps what was recorded."""

    def __init__(self, quiet: Telemetry) -> None:
        super().__init__(log=quiet.log, metrics=quiet.metrics)
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)
        super().record(event)


def test_a_miner_says_once_that_it_is_registered_and_again_after_it_was_not():
    async def scenario(world):
        heard, begins = Heard(quiet_telemetry(world.clock)), world.clock.now_ms()

        def told():
            return [event for event in heard.events if isinstance(event, Registered)]

        miner = await world.miner("alice", register=False, telemetry=heard)
        await world.stop_validator()
        world.run_beside("registering", miner.node.keep_registered(world.known_validator))
        await world.until(begins + MINUTE_MS)
        assert [] == told()

        await world.start_validator()
        await world.until(begins + 10 * MINUTE_MS)
        assert [Registered(validator=VALIDATOR.hotkey, peer="validator:1")] == told()
        assert "info" == Registered.level

        await world.stop_validator()
        await world.until(begins + 6 * HOUR_MS)
        await world.start_validator()
        await world.until(begins + 6 * HOUR_MS + 10 * MINUTE_MS)
        await world.stop_validator()
        assert 1 == len(told())
        assert 2 == sum(getattr(event, "outcome", "") == "ok" for event in heard.events)

        await world.until(begins + 12 * HOUR_MS + 10 * MINUTE_MS)
        await world.start_validator()
        await world.until(begins + 12 * HOUR_MS + 20 * MINUTE_MS)
        assert 2 == len(told())

    run_world(scenario, params=BRISK)
