"""A gateway over loopback in front of a validator without sockets: real pages, a real node, a clock that tests move."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from neurons.client import StreamReader, StreamWriter
from neurons.gateway_settings import GatewaySettings
from neurons.keystore import create_key_file
from neurons.peers_file import ListedValidator
from neurons.settings import ListenSettings
from neurons.store.memory import MemoryStore
from neurons.telemetry import Event
from neurons.validating.handlers import Doorkeeping
from neurons.validating.node import ValidatorNode
from neurons.web.door import Admission, Door, searched_name
from neurons.web.pages import Pages
from neurons.web.parts import GatewayParts, Listing
from neurons.web.serving import serving_pages
from neurons.web.write_keys import WriteKeyEntry, WriteKeys, write_key_digest
from protocol.params import DEMO
from protocol.units import SECOND_MS
from tests.support.memory_network import Faults, MemoryCaller, MemoryNetwork
from tests.support.stepped_clock import SteppedClock
from tests.support.virtual_time import START_MS
from tests.support.world import SERIES, SeededEntropy, quiet_telemetry, signing_key

ENDPOINT = "validator:1"
NAME, HOME = "cop.json", "home"
SCENARIOS = [2.0 + k / 1_000 for k in range(225)]
VALUES = ",".join(map(str, SCENARIOS))
ADA, BEN = "ada's-write-key", "ben's-write-key"
MEMORABLE = "0000000000000000000000000001cfa3"
"""A write key whose code begins with an animal; whose, nobody has said."""
_FOUND: dict[bytes, int] = {}
"""Names are searched once: a seed makes the same keys in every test."""


@dataclass
class Answer:
    """An HTTP answer. told: its JSON."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def told(self) -> Any:
        return json.loads(self.text)


@dataclass
class GatewayWorld:
    """Everybody of one test."""

    folder: Path
    clock: SteppedClock
    network: MemoryNetwork
    node: ValidatorNode
    table: WriteKeys
    parts: GatewayParts
    address: str = ""
    http: aiohttp.ClientSession | None = None
    events: list[Event] = field(default_factory=list)

    async def ask(self, method: str, path: str, **fields: object) -> Answer:
        """A request with these fields in its body, as the clients send them."""
        body = aiohttp.FormData({name: str(value) for name, value in fields.items()})() if fields else None
        return await self.send(method, path, data=body)

    async def send(self, method: str, path: str, **more: Any) -> Answer:
        assert self.http is not None
        async with self.http.request(method, self.address + path, **more) as reply:
            return Answer(reply.status, await reply.text(), dict(reply.headers))

    async def later(self, seconds: float) -> None:
        """Time passes."""
        self.clock.move_to(self.clock.now_ms() + int(seconds * SECOND_MS))

    async def known(self, write_key: str) -> None:
        """A hotkey with a name for a write key, in the table."""
        path = self.folder / f"{write_key_digest(write_key)[:8]}.json"
        key = create_key_file(path, entropy=SeededEntropy(write_key).bytes, passphrase=None)
        if key.hotkey not in _FOUND:
            _FOUND[key.hotkey] = await searched_name(key.hotkey, 6)
        self.table.add(WriteKeyEntry(write_key_digest(write_key), path, _FOUND[key.hotkey], "a test's"))

    async def publish(self, *values: float, name: str = NAME, write_key: str = ADA) -> None:
        """Values a second apart."""
        for value in values:
            await self.later(1)
            answer = await self.ask("PUT", f"/live/{name}", write_key=write_key, value=value)
            assert 200 == answer.status, answer.text

    def cut_off(self) -> None:
        """Nobody reaches the validator any more."""
        self.network.faults[ENDPOINT] = Faults(unreachable=True)


@asynccontextmanager
async def gateway_world(folder: Path, **set_: Any) -> AsyncIterator[GatewayWorld]:
    """A world within the block; Ada and Ben are in the table. set_: settings of the gateway."""
    clock, network = SteppedClock(START_MS), MemoryNetwork()
    wire = MemoryCaller(network, clock, DEMO.wire)
    key = signing_key("validator")
    node = await ValidatorNode.open(
        key=key,
        params=DEMO,
        series=[SERIES],
        clock=clock,
        entropy=SeededEntropy("validator"),
        store=MemoryStore(),
        caller=wire,
        telemetry=quiet_telemetry(clock),  # type: ignore[arg-type]
        door=Doorkeeping(allowed=None, allow_private_endpoints=True),
    )
    network.host(ENDPOINT, node)
    settings = GatewaySettings(data_dir=folder, listen=ListenSettings(port=0), **set_)
    peer, entropy = ListedValidator(key.hotkey, ENDPOINT), SeededEntropy("gateway")

    def writer(own: Any, nonce: int | None) -> StreamWriter:
        return StreamWriter(peer, own, params=DEMO, clock=clock, entropy=entropy, wire=wire, name_nonce=nonce)

    table = WriteKeys(settings.table_path, most=settings.most_write_keys)
    admission = Admission(
        is_open=settings.admit_write_keys,
        difficulty=settings.admit_difficulty,
        name_letters=settings.name_letters,
        key_folder=folder / "keys",
        passphrase=None,
        allow_unencrypted=True,
    )
    reader = StreamReader(peer, signing_key("gateway"), params=DEMO, clock=clock, entropy=entropy, wire=wire)
    door = Door(table, admission, writer, clock=clock, entropy=entropy)
    parts = GatewayParts(reader, door, Listing(reader, clock), DEMO, clock, entropy, settings.cdf_form)
    world = GatewayWorld(folder, clock, network, node, table, parts)
    pages = Pages(parts, world.events.append, at_once=settings.requests_at_once, timeout_s=settings.request_timeout_s)
    keeping = asyncio.create_task(node.keeper.run())
    try:
        for write_key in (ADA, BEN):
            await world.known(write_key)
        async with serving_pages(settings, pages.application()) as address, aiohttp.ClientSession() as http:
            world.address, world.http = address, http
            yield world
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


def played(scenario: Callable[[GatewayWorld], Awaitable[None]], folder: Path, **settings: Any) -> None:
    """Plays a scenario in a world with these settings of the gateway."""

    async def main() -> None:
        async with gateway_world(folder, **settings) as world:
            await scenario(world)

    asyncio.run(main())
