"""SIGKILL between the values of open streams: a publisher and a predictor go on, and nothing is lost or paid twice."""

from __future__ import annotations

import asyncio
import signal

import numpy as np
import pytest

from neurons.client import StreamWriter
from neurons.clock import ScaledClock
from neurons.peers_file import ListedValidator
from protocol.keys import SigningKey
from protocol.params import DEMO
from protocol.rules.points import POINTS
from protocol.units import SECOND_MS
from runnable.demo.market import GENERATED_NOW_MS
from tests.support.eventful import findings_of
from tests.support.named_keys import name_nonce
from tests.support.processes import SLOW, Town

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

VALUES = 8
KILLED_AFTER = (2, 5)
APART_MS = 75 * SECOND_MS


def writer(town: Town, seed: int) -> StreamWriter:
    key = SigningKey(bytes([seed]) * 32)
    clock = ScaledClock(sim_origin_ms=GENERATED_NOW_MS, wall_origin_ms=town.wall_origin_ms, scale=town.scale)
    validator = ListedValidator(town.cast.validator_key.hotkey, f"127.0.0.1:{town.cast.validator_port}")
    return StreamWriter(validator, key, params=DEMO, clock=clock, name_nonce=name_nonce(key, 6))


async def publish_and_predict(town: Town) -> list[float]:
    """The values that were acknowledged, while the validator is killed beside two of them."""
    rng, acknowledged = np.random.default_rng(1), []
    clock = writer(town, 0)._clock
    async with writer(town, 1) as ann, writer(town, 2) as bob:
        for turn in range(VALUES):
            killing = asyncio.create_task(asyncio.to_thread(kill_and_start, town)) if turn in KILLED_AFTER else None
            await ann.publish("cop.json", turn + 0.5, with_percentiles=True)
            acknowledged.append(turn + 0.5)
            assert () == await bob.submit({("cop.json", 70): rng.normal(turn + 1.5, 1.0, 225)})
            if killing is not None:
                await killing
            await clock.sleep_until(clock.now_ms() + APART_MS)
        assert list(reversed(acknowledged)) == await ann.lagged_values("cop.json")
    return acknowledged


def kill_and_start(town: Town) -> None:
    town.programs["validator"].end(signal.SIGKILL)
    town.start_validator().ready()


def test_a_validator_killed_between_values_settles_each_once(found_town):
    town = found_town(scale=SLOW)
    town.start_venues()
    town.start_validator()
    town.ready()

    acknowledged = asyncio.run(publish_and_predict(town))

    assert VALUES == len(acknowledged)
    town.programs["validator"].end(signal.SIGTERM)
    settled = town.validator.ask(lambda store: store.settlements(name="cop.json", limit=1_000))
    at_70 = [row.sequence for row in settled if row.delay == 70]
    assert len(at_70) == len(set(at_70)) == VALUES - 1
    balances = town.validator.ask(lambda store: store.balances())
    assert 0 == sum(amount for (_, unit), amount in balances.items() if unit == POINTS)
    assert [] == findings_of(town.cast.database).differences
