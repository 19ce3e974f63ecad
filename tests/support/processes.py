"""Real processes over loopback: three venues, a validator and miners, each killed at the end whatever happened.

    def test_...(town):
        town.start_venues()
        town.start_validator()
        town.start_miner("ewma")
        town.ready()
        town.until(lambda: town.validator.rounds(state="resolved"), "a round resolves")

Everybody's database comes prepared (`prepare`): nine hours of rounds went through the same nodes before, so that rounds
open at once and the oldest of them resolve within seconds. Prices are generated.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neurons.keystore import create_key_file
from neurons.market.generated import THREE_VENUES
from neurons.ports import StoreReader
from neurons.records import Change
from neurons.store.sqlite import ReadOnlySqlite, SqliteStore
from protocol.keys import SigningKey
from protocol.params import DEMO
from protocol.units import HOUR_MS
from runnable.demo.cast import ROLES, SERIES, Cast, Player, free_ports
from runnable.demo.fast_forward import FastForward
from runnable.demo.market import GENERATED_NOW_MS, generated

ROOT = Path(__file__).parents[2]
MINERS = ("flat", "ewma")
VENUES = tuple(venue.name for venue in THREE_VENUES)
SEED = 7
BEFORE_MS = 9 * HOUR_MS
LOOK_EVERY_S = 0.05
FAST = 900
"""Five minutes in a third of a second; a commit window lasts two seconds."""
SLOW = 240
"""Five minutes in five quarters of a second; a process can be killed and be back within one window."""


@dataclass
class Program:
    """One process in a group of its own. `errors`: what it printed on standard error, all of it."""

    name: str
    process: subprocess.Popen[str]
    log: Path
    announced: str = ""

    @classmethod
    def start(cls, name: str, command: Sequence[str], folder: Path, **environment: str) -> Program:
        log = folder / f"{name}.log"
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | environment,
                start_new_session=True,
            )
        return cls(name, process, log)

    def ready(self) -> str:
        """Its first line, when it serves. Fails with what it said when it ended instead."""
        if not self.announced:
            assert self.process.stdout is not None
            self.announced = self.process.stdout.readline().strip()
            assert self.announced, f"{self.name} did not come up: {self.errors()[-2_000:]}"
        return self.announced

    @property
    def metrics(self) -> str:
        """The address of its metrics page, from its announcement."""
        return self.ready().split("metrics ")[1].split(";")[0]

    def page(self, path: str) -> tuple[int, str]:
        """(HTTP status, text) of its page at a path."""
        try:
            with urllib.request.urlopen(self.metrics + path, timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def errors(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """The JSON objects of its log."""
        return [json.loads(line) for line in self.errors().splitlines() if line.startswith("{") and line.endswith("}")]

    def signal(self, which: signal.Signals) -> None:
        os.kill(self.process.pid, which)

    def end(self, which: signal.Signals, *, within_s: float = 15) -> int:
        """Sends a signal and waits for the exit code."""
        self.signal(which)
        return self.process.wait(within_s)

    def kill_all(self) -> None:
        """Whatever of its group is left ends now."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


@dataclass
class Ledger:
    """What a node's database says, read while the node writes it."""

    path: Path

    def ask(self, question: Callable[[StoreReader], Any]) -> Any:
        """The answer of one reading coroutine."""

        async def look() -> Any:
            async with ReadOnlySqlite.open(self.path) as store:
                return await question(store)

        return asyncio.run(look())

    def rounds(self, **which: Any) -> list[Any]:
        return list(self.ask(lambda store: store.rounds(limit=1_000, **which)))

    def state_of(self, round_id: bytes) -> str:
        return str(self.ask(lambda store: store.round(round_id)).state)

    def commitments(self, round_id: bytes) -> dict[bytes, Any]:
        return {row.hotkey: row for row in self.ask(lambda store: store.commitments(round_id))}

    def submissions(self, round_id: bytes) -> dict[bytes, Any]:
        return {row.hotkey: row for row in self.ask(lambda store: store.submissions(round_id))}

    def transactions(self) -> list[Any]:
        async def all_of(store: StoreReader) -> list[Any]:
            return [transaction async for transaction in await store.transactions()]

        return list(self.ask(all_of))


@dataclass
class Town:
    """Everybody of one test, on one clock."""

    cast: Cast
    scale: int
    wall_origin_ms: int
    venue_ports: dict[str, int] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)

    @property
    def validator(self) -> Ledger:
        return Ledger(self.cast.database)

    def miner(self, name: str) -> Ledger:
        return Ledger(self.player(name).folder / "augury.sqlite")

    def player(self, name: str) -> Player:
        return next(player for player in self.cast.players if player.role.name == name)

    def hotkey(self, name: str) -> bytes:
        return self.player(name).key.hotkey

    def now_ms(self) -> int:
        return GENERATED_NOW_MS + int((time.time() * 1_000 - self.wall_origin_ms) * self.scale)

    # Starting

    def start_venues(self) -> None:
        for name in VENUES:
            self.start_venue(name)

    def start_venue(self, name: str) -> Program:
        times = ["--sim-origin-ms", str(GENERATED_NOW_MS), "--wall-origin-ms", str(self.wall_origin_ms)]
        return self.start(
            name,
            ["runnable/price_venue.py", "--generated", str(SEED), "--venue", name, "--controllable",
             "--port", str(self.venue_ports[name]), "--scale", str(self.scale), *times],
        )  # fmt: skip

    def start_validator(self, *flags: str) -> Program:
        return self.start("validator", self.validator_command(*flags))

    def start_miner(self, name: str, *flags: str) -> Program:
        return self.start(name, self.miner_command(name, *flags))

    def validator_command(self, *flags: str) -> list[str]:
        return [
            "neurons/validator.py", "--data_dir", str(self.cast.validator_folder),
            "--listen.port", str(self.cast.validator_port), "--admit", "open", "--allow_private_endpoints",
            *self.common_flags(), *flags,
        ]  # fmt: skip

    def miner_command(self, name: str, *flags: str) -> list[str]:
        player = self.player(name)
        return [
            "neurons/miner.py", "--base_model", player.role.kind, "--data_dir", str(player.folder),
            "--listen.port", str(player.port), "--validators_file", str(self.cast.validators_file),
            *self.common_flags(), *flags,
        ]  # fmt: skip

    def common_flags(self) -> list[str]:
        venues = [
            {"exchange": "binance", "symbol": "BTC/USDT", "name": name, "base_url": f"http://127.0.0.1:{port}"}
            for name, port in self.venue_ports.items()
        ]
        return [
            "--params", "demo", "--allow_unencrypted_key", "--metrics.port", "0",
            "--series", json.dumps([{"name": SERIES, "venues": venues}]),
            "--clock.scale", str(self.scale), "--clock.sim_origin_ms", str(GENERATED_NOW_MS),
            "--clock.wall_origin_ms", str(self.wall_origin_ms),
        ]  # fmt: skip

    def start(self, name: str, command: Sequence[str], **environment: str) -> Program:
        if name in self.programs:
            self.programs[name].kill_all()
        program = Program.start(name, command, self.cast.folder, **environment)
        self.programs[name] = program
        return program

    def start_everybody(self) -> None:
        """Three venues, the validator and the miners, all serving when this returns."""
        self.start_venues()
        self.start_validator()
        for name in MINERS:
            self.start_miner(name)
        self.ready()

    def ready(self) -> None:
        for program in self.programs.values():
            program.ready()

    # Looking

    def until(self, condition: Callable[[], Any], what: str, *, within_s: float = 40) -> Any:
        """The first true value of the condition. Fails when it does not come, or a process ends meanwhile."""
        deadline = time.monotonic() + within_s
        while not (found := condition()):
            for program in self.programs.values():
                code = program.process.poll()
                assert code in (None, -signal.SIGKILL), f"{program.name} ended with {code}: {program.errors()[-2_000:]}"
            assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
            time.sleep(LOOK_EVERY_S)
        return found

    def spoil(self, venue: str, **faults: object) -> None:
        """Makes a venue misbehave; without faults it behaves again."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.venue_ports[venue]}/control/faults", json.dumps(faults).encode(), method="PUT"
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            assert 200 == reply.status

    def close(self) -> None:
        for program in self.programs.values():
            program.kill_all()


def prepare(folder: Path) -> Cast:
    """Makes keys for everybody and lets them live through the hours before; their databases lie below `folder`."""
    ports = free_ports(1 + len(MINERS))
    roles = [role for role in ROLES if role.name in MINERS]
    players = tuple(
        Player(role, _key(folder / role.name), folder / role.name, port)
        for role, port in zip(roles, ports[1:], strict=True)
    )
    cast = Cast(folder, _key(folder / "validator"), ports[0], players)
    FastForward(cast, generated(SEED), DEMO, BEFORE_MS, lambda _: None).run()
    return cast


def settle(prepared: Cast, folder: Path, *, scale: int, start_in_s: float) -> Town:
    """A copy of what was prepared, on free ports; the clock passes the end of the hours before in `start_in_s`."""
    shutil.copytree(prepared.folder, folder, dirs_exist_ok=True)
    ports = free_ports(1 + len(prepared.players) + len(VENUES))
    players = tuple(
        replace(player, folder=folder / player.role.name, port=port)
        for player, port in zip(prepared.players, ports[1:], strict=False)
    )
    cast = replace(prepared, folder=folder, validator_port=ports[0], players=players)
    cast.validators_file.write_text(f"{cast.validator_key.hotkey.hex()} 127.0.0.1:{ports[0]}\n")
    asyncio.run(_move_house(cast))
    wall_origin_ms = int(time.time() * 1_000 + start_in_s * 1_000)
    return Town(cast, scale, wall_origin_ms, dict(zip(VENUES, ports[-len(VENUES) :], strict=True)))


async def _move_house(cast: Cast) -> None:
    """Tells the validator's database where its miners listen now."""
    endpoints = {player.key.hotkey: player.endpoint for player in cast.players}
    async with await SqliteStore.open(cast.database) as store:
        moved = tuple(replace(row, endpoint=endpoints[row.hotkey]) for row in await store.miners())
        await store.apply(Change(miners=moved))


def _key(folder: Path) -> SigningKey:
    return create_key_file(folder / "hotkey.json", entropy=os.urandom, passphrase=None)


def listener(port: int) -> socket.socket:
    """A socket that takes connections and never says a word."""
    return socket.create_server(("127.0.0.1", port), backlog=64)
