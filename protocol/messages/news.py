"""The stream that Watch opens, and the broadcasts that travel on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protocol.errors import Malformed
from protocol.messages.checks import sized, text
from protocol.messages.header import Purpose
from protocol.messages.validator import RoundSummary
from protocol.units import PriceE8, UnixMs


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """Opens a stream of broadcasts on some topics. The X25519 key agrees the MAC key of the session."""

    PURPOSE: ClassVar = Purpose.WATCH
    topics: tuple[str, ...]
    session_key: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.topics) <= 64:
            raise Malformed("want 1 to 64 topics", field="topics")
        for topic in self.topics:
            text("topics", topic, limit=64)
        sized("session_key", self.session_key, 32)


@dataclass(frozen=True, slots=True)
class WatchReply:
    """The validator's half of the session key: frames follow."""

    PURPOSE: ClassVar = Purpose.WATCH_REPLY
    session_key: bytes

    def __post_init__(self) -> None:
        sized("session_key", self.session_key, 32)


@dataclass(frozen=True, slots=True)
class RoundNews:
    """Broadcast: a round changed its state. Topic `rounds/<series>/<challenge>`."""

    PURPOSE: ClassVar = Purpose.BROADCAST
    summary: RoundSummary


@dataclass(frozen=True, slots=True)
class CloseNews:
    """Broadcast: a close was agreed (or is missing: close_e8 = 0). Topic `closes/<series>`."""

    PURPOSE: ClassVar = Purpose.BROADCAST
    series: str
    close_at_ms: UnixMs
    close_e8: PriceE8
    reason: str
