"""What anyone asks of a validator, and what it says: registration, submissions, rounds, standings, explanations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from protocol.errors import Malformed
from protocol.messages.checks import MAX_ROWS, SALT_BYTES, positive, rows, sized, text
from protocol.messages.header import Purpose
from protocol.messages.parts import Answer, Receipt, RefusedPart
from protocol.units import DIGEST_BYTES, HOTKEY_BYTES, Hotkey, Micros, Nano, Pico, RoundId, UnixMs


@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """A miner asks to be asked: at this endpoint, which the validator dials back before it believes it."""

    PURPOSE: ClassVar = Purpose.REGISTER
    endpoint: str
    challenges: tuple[str, ...]

    def __post_init__(self) -> None:
        text("endpoint", self.endpoint)
        rows("challenges", self.challenges)
        for challenge in self.challenges:
            text("challenges", challenge, limit=64)


@dataclass(frozen=True, slots=True)
class RegisterReply:
    """Registered: from when on the miner is asked."""

    PURPOSE: ClassVar = Purpose.REGISTER_REPLY
    registered_at_ms: UnixMs


SAMPLES: Final = "samples"
"""The kind of a `SubmitRequest` that carries scenarios for open streams."""


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """A pushed submission. `subject` names what it answers: a round id in hex, or a tournament later.

    Standing submissions to open streams name `horizons` instead, such as "70::cop.json": the answer is float64 and has
    a row of scenarios for each. sequence: the sender's own number, by convention its clock in ms; the latest stands.
    """

    PURPOSE: ClassVar = Purpose.SUBMIT
    kind: str
    subject: str
    salt: bytes
    answer: Answer
    horizons: tuple[str, ...] = ()
    sequence: int = 0

    def __post_init__(self) -> None:
        text("kind", self.kind, limit=64)
        if self.salt:
            sized("salt", self.salt, SALT_BYTES)
        if self.horizons:
            self._check_horizons()
        else:
            text("subject", self.subject)

    def _check_horizons(self) -> None:
        rows("horizons", self.horizons)
        for horizon in self.horizons:
            text("horizons", horizon)
        if len(set(self.horizons)) < len(self.horizons):
            raise Malformed("a horizon takes one row of scenarios, and one is named twice", field="horizons")
        if self.answer.dtype != "float64" or len(self.answer.shape) != 2 or self.answer.shape[0] != len(self.horizons):
            raise Malformed(f"want float64 of shape ({len(self.horizons)}, scenarios)", field="answer")
        positive("sequence", self.sequence)


@dataclass(frozen=True, slots=True)
class SubmitReply:
    """The validator's receipt for a pushed submission. refused: the rows of a batch that do not stand."""

    PURPOSE: ClassVar = Purpose.SUBMIT_REPLY
    receipt: Receipt
    refused: tuple[RefusedPart, ...] = ()

    def __post_init__(self) -> None:
        rows("refused", self.refused)


@dataclass(frozen=True, slots=True)
class RoundsRequest:
    """The newest rounds, optionally of one series, challenge or state, anchored before an instant."""

    PURPOSE: ClassVar = Purpose.ROUNDS
    series: str = ""
    challenge: str = ""
    state: str = ""
    before_ms: int = 0
    limit: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_ROWS:
            raise Malformed(f"limit must be 1 to {MAX_ROWS}, was {self.limit}", field="limit")


@dataclass(frozen=True, slots=True)
class RoundSummary:
    """One round, as anyone may see it: states and counts, never an answer."""

    round_id: RoundId
    series: str
    challenge: str
    anchor_at_ms: UnixMs
    state: str
    reason: str
    sigma_pico: Pico
    commitments: int
    answers: int
    baseline_loss_nano: Nano
    provenance: str


@dataclass(frozen=True, slots=True)
class RoundsReply:
    """The rounds that were asked for, at most 1000."""

    PURPOSE: ClassVar = Purpose.ROUNDS_REPLY
    rounds: tuple[RoundSummary, ...]

    def __post_init__(self) -> None:
        rows("rounds", self.rounds)


@dataclass(frozen=True, slots=True)
class StandingsRequest:
    """Every miner's memory, skill and pay in one challenge of a series."""

    PURPOSE: ClassVar = Purpose.STANDINGS
    series: str
    challenge: str

    def __post_init__(self) -> None:
        text("series", self.series, limit=64)
        text("challenge", self.challenge, limit=64)


@dataclass(frozen=True, slots=True)
class Standing:
    """One miner in one challenge: counts, mean gain, the bound it must prove, its skill and what it earned."""

    hotkey: Hotkey
    rounds: int
    valid: int
    blocks: int
    mean_gain_nano: Nano
    lower_bound_nano: Nano
    skill_nano: Nano
    accrued_micros: Micros
    paid_micros: Micros
    reason: str


@dataclass(frozen=True, slots=True)
class StandingsReply:
    """The standings as the validator held them at that instant."""

    PURPOSE: ClassVar = Purpose.STANDINGS_REPLY
    as_of_ms: UnixMs
    standings: tuple[Standing, ...]

    def __post_init__(self) -> None:
        rows("standings", self.standings)


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """Why did this hotkey get what it got in this round?"""

    PURPOSE: ClassVar = Purpose.EXPLAIN
    round_id: RoundId
    hotkey: Hotkey

    def __post_init__(self) -> None:
        sized("round_id", self.round_id, DIGEST_BYTES)
        sized("hotkey", self.hotkey, HOTKEY_BYTES)


@dataclass(frozen=True, slots=True)
class ExplainLine:
    """One line of the arithmetic: a whole number with its unit, and the sentence that says where it comes from."""

    section: str
    name: str
    value: int
    unit: str
    note: str


@dataclass(frozen=True, slots=True)
class ExplainReply:
    """The whole arithmetic, section by section: round, losses by step group, memory, bound, sharing, accrued, paid."""

    PURPOSE: ClassVar = Purpose.EXPLAIN_REPLY
    round_id: RoundId
    hotkey: Hotkey
    lines: tuple[ExplainLine, ...]

    def __post_init__(self) -> None:
        rows("lines", self.lines)
