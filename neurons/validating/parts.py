"""What every part of a validator works with, handed around as one frozen bundle instead of globals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from neurons.ports import Caller, Clock, Entropy, Store
from neurons.telemetry import Telemetry
from neurons.validating.history import CloseHistory
from neurons.validating.registry import Registry
from neurons.validating.series import FollowedSeries
from protocol.keys import SigningKey
from protocol.messages import Message
from protocol.params import NetworkParams
from protocol.units import Hotkey


@dataclass(frozen=True)
class ValidatorParts:
    """One validator's key, rules, ports and memories. `publish(topic, message)` broadcasts to whoever watches."""

    key: SigningKey
    params: NetworkParams
    clock: Clock
    entropy: Entropy
    store: Store
    caller: Caller
    telemetry: Telemetry
    registry: Registry
    histories: Mapping[str, CloseHistory]
    series: Mapping[str, FollowedSeries]
    """By name, those that are only watched included."""
    publish: Callable[[str, Message], None]
    provenance: str = "live"
    tells_miners: bool = True
    """Whether miners are sent feedback; weeks that are fast-forwarded skip it."""

    @property
    def me(self) -> Hotkey:
        return self.key.hotkey
