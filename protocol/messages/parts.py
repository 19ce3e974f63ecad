"""The parts that several messages share: an opening record, an answer, a receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from protocol.errors import Malformed
from protocol.messages.checks import SIGNATURE_BYTES, sized, text
from protocol.units import DIGEST_BYTES, HOTKEY_BYTES, Digest, Hotkey, Pico, RoundId, UnixMs

DType = Literal["float32", "float64"]
BYTES_OF: Final[dict[str, int]] = {"float32": 4, "float64": 8}
NO_ROUND: Final = RoundId(bytes(DIGEST_BYTES))
"""Stands in the receipt of what belongs to no round: scenarios and other acts on open streams."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The opening record of a `closes` round: everything a miner needs, and everything that will judge it.

    `round_id` is recomputed by the receiver (rules/rounds.round_id): equal for all validators.
    `history_digest` names the agreed closes that sigma came from.
    `session_steps`: which steps lie in the series' trading session, a bit each from the lowest of the first byte on;
    empty for all of them. The others drop out for everybody.
    `history_steps`: how many closes of the history before it lay in session, 0 for every step.
    """

    round_id: RoundId
    series: str
    challenge: str
    anchor_at_ms: UnixMs
    params_version: int
    step_ms: int
    steps: int
    min_paths: int
    max_paths: int
    asked_paths: int
    sigma_pico: Pico
    history_digest: Digest
    opened_at_ms: UnixMs
    session_steps: bytes = b""
    history_steps: int = 0

    def __post_init__(self) -> None:
        sized("round_id", self.round_id, DIGEST_BYTES)
        text("series", self.series, limit=64)
        text("challenge", self.challenge, limit=64)
        sized("history_digest", self.history_digest, DIGEST_BYTES)
        if self.sigma_pico <= 0:
            raise Malformed(f"sigma_pico must be positive, was {self.sigma_pico}", field="sigma_pico")
        if not (1 <= self.min_paths <= self.asked_paths <= self.max_paths):
            raise Malformed("want 1 <= min_paths <= asked_paths <= max_paths", field="asked_paths")
        if self.steps < 1 or self.step_ms < 1:
            raise Malformed("steps and step_ms must be positive", field="steps")
        if self.session_steps:
            self._check_session()
        if self.history_steps < 0:
            raise Malformed(f"history_steps must not be negative, was {self.history_steps}", field="history_steps")

    def _check_session(self) -> None:
        """One encoding for each set of steps: as long as needed, nothing beyond the last step, empty for all."""
        size = (self.steps + 7) // 8
        is_sized = len(self.session_steps) == size
        # The size first: a stranger's count of steps may be as large as it likes, its bytes may not.
        if not is_sized or not 0 < int.from_bytes(self.session_steps, "little") < (1 << self.steps) - 1:
            raise Malformed(
                f"session_steps must be empty, or {size} bytes with some but not all of {self.steps} bits set",
                field="session_steps",
            )


@dataclass(frozen=True, slots=True)
class Answer:
    """Numbers as they travel: little-endian, row after row, with their shape and dtype beside them."""

    shape: tuple[int, ...]
    dtype: DType
    values: bytes

    def __post_init__(self) -> None:
        if self.dtype not in BYTES_OF:
            raise Malformed(f"dtype must be one of {', '.join(BYTES_OF)}", field="dtype")
        if not 1 <= len(self.shape) <= 3 or any(side < 1 or side > 100_000 for side in self.shape):
            raise Malformed("shape must have 1 to 3 sides of 1 to 100000", field="shape")
        size = BYTES_OF[self.dtype]
        for side in self.shape:
            size *= side
        if len(self.values) != size:
            raise Malformed(
                f"values must be {size} bytes for this shape and dtype, were {len(self.values)}", field="values"
            )


@dataclass(frozen=True, slots=True)
class RefusedPart:
    """A part of a batch that was not taken, though the rest was: for what, and the error that it would have met alone.

    subject: a horizon, or a stream's name.  code: of docs/errors.md.
    """

    subject: str
    code: str
    sentence: str

    def __post_init__(self) -> None:
        text("subject", self.subject)
        text("code", self.code, limit=64)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A validator's signed word that it took in some evidence at some instant; a third party can check it offline."""

    step: Literal["commit", "reveal", "submit"]
    round_id: RoundId
    hotkey: Hotkey
    evidence_sha256: Digest
    received_at_ms: UnixMs
    validator: Hotkey
    signature: bytes

    def __post_init__(self) -> None:
        sized("receipt.round_id", self.round_id, DIGEST_BYTES)
        sized("receipt.hotkey", self.hotkey, HOTKEY_BYTES)
        sized("receipt.evidence_sha256", self.evidence_sha256, DIGEST_BYTES)
        sized("receipt.validator", self.validator, HOTKEY_BYTES)
        sized("receipt.signature", self.signature, SIGNATURE_BYTES)
