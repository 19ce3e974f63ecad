"""What every part of a validator works with, handed around as one frozen bundle instead of globals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from neurons.ports import Caller, Clock, Entropy, Store
from neurons.telemetry import Telemetry
from neurons.validating.history import CloseHistory
from neurons.validating.registry import Registry
from neurons.validating.series import FollowedSeries
from protocol.keys import SigningKey
from protocol.messages import Message
from protocol.params import NetworkParams
from protocol.units import DAY_MS, Hotkey

SETTLEMENTS_KEPT_MS: Final = 7 * DAY_MS
"""How long a settlement of an open stream is kept by itself, where nobody says; then it is folded into its day."""


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
    settlements_kept_ms: int = SETTLEMENTS_KEPT_MS

    @property
    def me(self) -> Hotkey:
        return self.key.hotkey
