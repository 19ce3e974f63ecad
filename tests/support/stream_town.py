"""Open streams that lived for some minutes in virtual time, and then a real validator over their store on loopback.

`ann` publishes cop.json every 30 s, `near` and `far` predict it at 70 s and 310 s. The keys lie in files, with their
names beside them, so that commands can go on from there.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from click.testing import Result

from neurons.clock import ScaledClock
from neurons.entropy import SystemEntropy
from neurons.keystore import create_key_file
from neurons.name_files import NameSearch, name_path, write_name_file
from neurons.store.memory import MemoryStore
from neurons.transport.client import GrpcCaller
from neurons.transport.server import serving
from neurons.validating.handlers import Doorkeeping
from neurons.validating.node import ValidatorNode
from protocol.rules.memorable import name_of
from protocol.rules.name_search import Found
from protocol.units import SECOND_MS
from tests.support.named_keys import name_nonce
from tests.support.sample_database import QUICK
from tests.support.stream_writers import stream_writer
from tests.support.world import SERIES, World, quiet_telemetry, run_world, signing_key

PARAMS = replace(
    QUICK, streams=replace(QUICK.streams, letters_given=7), wire=replace(QUICK.wire, call_timeout_ms=4 * SECOND_MS)
)
LETTERS = 6
PEOPLE = ("ann", "near", "far")
VALUES = 8
EVERY_MS = 30 * SECOND_MS

Ask = Callable[..., Awaitable[Result]]
"""A command as somebody: `await ask("ann", "publish", "cop", "1.5")`."""


@dataclass(frozen=True)
class Town:
    """What the streams left: the validator's store, and when the play ended."""

    store: MemoryStore
    ends_at_ms: int


def play_town() -> Town:
    """Plays the minutes."""
    made: list[Town] = []

    async def scenario(world: World) -> None:
        ann, near, far = (stream_writer(world, name) for name in PEOPLE)
        for turn in range(VALUES):
            await ann.publish("cop.json", 10.0 + 0.25 * turn, with_percentiles=turn == VALUES - 1)
            for one, centre in ((near, 11.0), (far, 14.0)):
                scenarios = np.random.default_rng(turn).normal(centre, 1.0, 225)
                assert () == await one.submit({("cop.json", delay): scenarios for delay in (70, 310)})
            await world.until(world.clock.now_ms() + EVERY_MS)
        await near.submit({("nowhere.json", 70): np.arange(225.0)})
        store = world.validator_store
        assert isinstance(store, MemoryStore)
        made.append(Town(store, world.clock.now_ms()))

    run_world(scenario, params=PARAMS)
    return made[0]


def write_keys(folder: Path) -> None:
    """A key file and a name file for everybody, and the validator's address is added by `serve_town`."""
    for name in PEOPLE:
        path, seed = folder / f"{name}.json", hashlib.sha256(name.encode()).digest()
        key = create_key_file(path, entropy=lambda _, seed=seed: seed, passphrase=None)
        nonce = name_nonce(key, LETTERS)
        found = name_of(key.hotkey, nonce)
        assert found is not None
        write_name_file(name_path(path), NameSearch(key.hotkey, nonce + 1, Found(nonce, found)))


async def serve_town(
    town: Town, folder: Path, run: Callable[..., Result], scenario: Callable[[ValidatorNode, Ask], Awaitable[None]]
) -> None:
    """The validator goes on, on loopback, by a clock that begins where the play ended; `run` is a whole command."""
    clock = ScaledClock(sim_origin_ms=town.ends_at_ms, wall_origin_ms=time.time_ns() // 1_000_000, scale=1)
    caller = GrpcCaller(clock, PARAMS.wire)
    node = await ValidatorNode.open(
        key=signing_key("validator"),
        params=PARAMS,
        series=[SERIES],
        clock=clock,
        entropy=SystemEntropy(),
        store=town.store,
        caller=caller,
        telemetry=quiet_telemetry(clock),
        door=Doorkeeping(allowed=None, allow_private_endpoints=True),
    )
    keeping = asyncio.create_task(node.keeper.run())
    async with serving(node, "127.0.0.1", 0, wire=PARAMS.wire) as address:
        (folder / "validators.txt").write_text(f"{signing_key('validator').hotkey.hex()} {address}\n")
        (folder / "config.toml").write_text(
            f'allow_unencrypted_key = true\nvalidators_file = "{folder / "validators.txt"}"\n'
            f"[clock]\nsim_origin_ms = {clock.sim_origin_ms}\nwall_origin_ms = {clock.wall_origin_ms}\n"
        )

        async def ask(who: str, *words: str) -> Result:
            options = ("--config", str(folder / "config.toml"), "--key-file", str(folder / f"{who}.json"))
            place = words.index("--") if "--" in words else len(words)
            return await asyncio.to_thread(run, *words[:place], *options, *words[place:])

        await scenario(node, ask)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    await caller.aclose()
