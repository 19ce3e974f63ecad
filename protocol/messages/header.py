"""What an envelope's signature covers, and the purposes it can be sealed for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocol.errors import Malformed
from protocol.messages.checks import NONCE_BYTES, sized, text
from protocol.units import DIGEST_BYTES, HOTKEY_BYTES, Digest, Hotkey, UnixMs


class Purpose(IntEnum):
    """What an envelope was sealed for: one number for each request, its reply being the same number plus 100."""

    COMMIT = 1
    REVEAL = 2
    FEEDBACK = 3
    DESCRIBE = 4
    REGISTER = 11
    SUBMIT = 12
    ROUNDS = 13
    STANDINGS = 14
    EXPLAIN = 15
    WATCH = 16
    STREAM_ACT = 17
    STREAM_READ = 18
    COMMIT_REPLY = 101
    REVEAL_REPLY = 102
    FEEDBACK_REPLY = 103
    DESCRIBE_REPLY = 104
    REGISTER_REPLY = 111
    SUBMIT_REPLY = 112
    ROUNDS_REPLY = 113
    STANDINGS_REPLY = 114
    EXPLAIN_REPLY = 115
    WATCH_REPLY = 116
    STREAM_ACT_REPLY = 117
    STREAM_READ_REPLY = 118
    BROADCAST = 200

    @property
    def reply(self) -> Purpose:
        """The purpose of the reply to this request. Raises ValueError for what has none."""
        reply = _REPLIES.get(self)
        return Purpose(self + 100) if reply is None else reply


_REPLIES: Final = {asked: Purpose(asked + 100) for asked in Purpose if asked < Purpose.COMMIT_REPLY}


@dataclass(frozen=True, slots=True)
class Header:
    """What is signed: who says something for what purpose to whom, when, until when, and the digest of what is said."""

    protocol_version: int
    network: str
    params_digest: Digest
    purpose: Purpose
    sender: Hotkey
    recipient: Hotkey | None
    """None for a broadcast, which names a topic and a sequence number instead."""
    nonce: bytes
    issued_at_ms: UnixMs
    deadline_ms: UnixMs
    body_sha256: Digest
    in_reply_to: Digest | None = None
    """SHA-256 of the request's header bytes, on replies."""
    topic: str = ""
    sequence: int = 0

    def __post_init__(self) -> None:
        text("network", self.network, limit=64)
        sized("params_digest", self.params_digest, DIGEST_BYTES)
        sized("sender", self.sender, HOTKEY_BYTES)
        sized("nonce", self.nonce, NONCE_BYTES)
        sized("body_sha256", self.body_sha256, DIGEST_BYTES)
        if self.in_reply_to is not None:
            sized("in_reply_to", self.in_reply_to, DIGEST_BYTES)
        if self.recipient is not None:
            sized("recipient", self.recipient, HOTKEY_BYTES)
        if (self.recipient is None) != (self.purpose is Purpose.BROADCAST):
            raise Malformed("a broadcast names a topic, everything else a recipient", field="recipient")
        if self.purpose is Purpose.BROADCAST:
            text("topic", self.topic, limit=64)
        if self.deadline_ms < self.issued_at_ms:
            raise Malformed("deadline_ms lies before issued_at_ms", field="deadline_ms")
