"""Who plays in the demo: six honest miners, two hostile ones, one validator; their keys and addresses."""

from __future__ import annotations

import os
import random
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from neurons.keystore import create_key_file, load_key_file
from protocol.errors import PortTaken
from protocol.keys import SigningKey

SERIES: Final = "BTC-USD"
OWN: Final = "own"
PORTS: Final = range(20_000, 32_768)


@dataclass(frozen=True, slots=True)
class Role:
    """One miner of the demo. kind: an honest model's name, OWN for that of `runnable/own_model.py`, or what a hostile
    one does."""

    name: str
    kind: str
    hostile: bool
    story: str


ROLES: Final = (
    Role("flat", "flat", hostile=False, story="answers the baseline itself"),
    Role("drift", "drift", hostile=False, story="yesterday's slope goes on"),
    Role("ridge", "ridge", hostile=False, story="regresses returns on returns"),
    Role("ewma", "ewma", hostile=False, story="knows the hour and the tails"),
    Role("lstm", "lstm", hostile=False, story="a trained LSTM, committed weights"),
    Role("yours", OWN, hostile=False, story="what you may write: runnable/own_model.py, 30 lines"),
    Role("garbage", "garbage", hostile=True, story="NaN, inf, wrong shapes, late, oversized"),
    Role("replayer", "replayer", hostile=True, story="replays resolved rounds' best answers"),
)


@dataclass(frozen=True, slots=True)
class Player:
    """A miner of the demo with its key and where it listens."""

    role: Role
    key: SigningKey
    folder: Path
    port: int

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody, and where their files lie."""

    folder: Path
    validator_key: SigningKey
    validator_port: int
    players: tuple[Player, ...]

    @property
    def validator_folder(self) -> Path:
        return self.folder / "validator"

    @property
    def database(self) -> Path:
        return self.validator_folder / "augury.sqlite"

    @property
    def validators_file(self) -> Path:
        return self.folder / "validators.txt"

    def name_of(self, hotkey: bytes) -> str:
        """A player's name, or the first digits of a stranger's hotkey."""
        for player in self.players:
            if player.key.hotkey == hotkey:
                return player.role.name
        return hotkey[:4].hex()


def gather(folder: Path) -> Cast:
    """Makes keys and finds free ports for everybody; writes the list of validators that miners answer."""
    ports = free_ports(1 + len(ROLES))
    validator_key = _key(folder / "validator")
    players = tuple(
        Player(role, _key(folder / role.name), folder / role.name, port)
        for role, port in zip(ROLES, ports[1:], strict=True)
    )
    cast = Cast(folder, validator_key, ports[0], players)
    cast.validators_file.write_text(f"{validator_key.hotkey.hex()} 127.0.0.1:{ports[0]}\n")
    return cast


def _key(folder: Path) -> SigningKey:
    """A new unencrypted key, as only a demo's may be."""
    path = folder / "hotkey.json"
    if path.exists():
        return load_key_file(path, passphrase=None, allow_unencrypted=True)
    folder.mkdir(parents=True, exist_ok=True)
    return create_key_file(path, entropy=os.urandom, passphrase=None)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that are free now; all are held open until the last is found.

    They lie below those that systems give to whoever connects, or a call made meanwhile could take one before its node
    begins, minutes later.
    """
    held: list[socket.socket] = []
    try:
        for port in random.SystemRandom().sample(PORTS, len(PORTS)):
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            held.append(one)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                held.pop().close()
            if len(held) == count:
                return [one.getsockname()[1] for one in held]
        raise PortTaken(f"{count} free ports are wanted from {PORTS[0]} to {PORTS[-1]}, and there are {len(held)}")
    finally:
        for one in held:
            one.close()
