"""What a validator asks of a miner, and what the miner says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protocol.messages.checks import SALT_BYTES, rows, sized, text
from protocol.messages.header import Purpose
from protocol.messages.parts import Answer, Opening, Receipt
from protocol.units import DIGEST_BYTES, Digest, Micros, Nano, RoundId, UnixMs


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """A validator asks for the commitment to an answer; the opening says to what."""

    PURPOSE: ClassVar = Purpose.COMMIT
    opening: Opening


@dataclass(frozen=True, slots=True)
class CommitReply:
    """The commitment. It names its round, so that two of them from one hotkey are proof of equivocation."""

    PURPOSE: ClassVar = Purpose.COMMIT_REPLY
    round_id: RoundId
    commitment: Digest

    def __post_init__(self) -> None:
        sized("round_id", self.round_id, DIGEST_BYTES)
        sized("commitment", self.commitment, DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class RevealRequest:
    """A validator asks for the answer behind a commitment, and hands over its receipt for the commitment."""

    PURPOSE: ClassVar = Purpose.REVEAL
    round_id: RoundId
    anchor_at_ms: UnixMs
    commit_receipt: Receipt

    def __post_init__(self) -> None:
        sized("round_id", self.round_id, DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class RevealReply:
    """Salt and answer. Which round they are for, the request says that this names, and the commitment binds."""

    PURPOSE: ClassVar = Purpose.REVEAL_REPLY
    salt: bytes
    answer: Answer

    def __post_init__(self) -> None:
        sized("salt", self.salt, SALT_BYTES)


@dataclass(frozen=True, slots=True)
class FeedbackRequest:
    """What became of an answer, told to its miner once the round has resolved or is VOID."""

    PURPOSE: ClassVar = Purpose.FEEDBACK
    round_id: RoundId
    challenge: str
    anchor_at_ms: UnixMs
    state: str
    status: str
    reason: str
    loss_nano: Nano
    baseline_loss_nano: Nano
    gain_nano: Nano
    skill_nano: Nano
    accrued_micros: Micros
    reveal_receipt: Receipt | None

    def __post_init__(self) -> None:
        sized("round_id", self.round_id, DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class FeedbackReply:
    """Heard."""

    PURPOSE: ClassVar = Purpose.FEEDBACK_REPLY


@dataclass(frozen=True, slots=True)
class DescribeRequest:
    """Who are you and what do you answer? Also the dial-back that proves a registration."""

    PURPOSE: ClassVar = Purpose.DESCRIBE


@dataclass(frozen=True, slots=True)
class DescribeReply:
    """A miner's description of itself: what it answers, with what model, on what software."""

    PURPOSE: ClassVar = Purpose.DESCRIBE_REPLY
    software: str
    model: str
    challenges: tuple[str, ...]
    endpoint: str

    def __post_init__(self) -> None:
        text("software", self.software)
        text("model", self.model)
        text("endpoint", self.endpoint)
        rows("challenges", self.challenges)
