"""What can happen on a node that somebody may want to know: one frozen dataclass each.

An event is logged under its class's name in snake case, with its fields, and counted by
`neurons/telemetry/metrics.py`. Its fields are public: no answer, salt, seed or passphrase has a place here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from protocol.units import Hotkey, RoundId

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, at the importance that `level` says."""

    level: ClassVar[Level] = "info"

    @classmethod
    def title(cls) -> str:
        """RoundEntered -> round_entered"""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStarted(Event):
    """The node serves, from what its store holds."""

    role: str
    hotkey: Hotkey
    network: str
    version: str
    listens: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStopped(Event):
    """The node works no more, because it was told to stop or failed; what it opened is closed next."""

    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEntered(Event):
    """A round is in a new state. previous is empty for a round just opened."""

    round_id: RoundId
    series: str
    challenge: str
    anchor_at_ms: int
    state: str
    previous: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTaken(Event):
    """What became of one miner's answer to one round: committed, valid, invalid, silent and so on."""

    level = "debug"

    round_id: RoundId
    challenge: str
    miner: Hotkey
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallServed(Event):
    """A call was answered. seconds: wall time from arrival to reply."""

    level = "debug"

    purpose: str
    sender: Hotkey
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused(Event):
    """A call was rejected or ignored, and why. sender is None when nobody's signature was seen to be good."""

    purpose: str
    code: str
    reason: str
    peer: str
    sender: Hotkey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMade(Event):
    """We called a peer. outcome: `ok`, or the code of the error that came of it."""

    level = "debug"

    purpose: str
    peer: str
    seconds: float
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageServed(Event):
    """A web gateway answered a request. page: the route, nothing of what was asked for.  seconds: wall time."""

    level = "debug"

    page: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRefused(Event):
    """A web gateway refused a request. status: HTTP's.  reason: of a fault of the gateway's own, else empty."""

    page: str
    code: str
    status: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered(Event):
    """A validator took our registration: the first time since the start, and again after it had refused one."""

    validator: Hotkey
    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueReported(Event):
    """A venue gave candles; the newest closed one ended at last_close_at_ms."""

    level = "debug"

    series: str
    venue: str
    last_close_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFailed(Event):
    """A venue gave nothing usable, or a close that did not count."""

    level = "warning"

    series: str
    venue: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseMissing(Event):
    """The venues' reports made no agreed close, and will not any more."""

    level = "warning"

    series: str
    close_at_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSettled(Event):
    """A close is agreed, or missing (close_e8 None). outcomes: each venue with what became of its report, or why it
    had none."""

    level = "debug"

    series: str
    close_at_ms: int
    close_e8: int | None
    reason: str
    outcomes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCorrected(Event):
    """A close was corrected in time: resolved rounds that it belongs to are scored again. None: it was missing."""

    series: str
    close_at_ms: int
    revision: int
    before_e8: int | None
    after_e8: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionDisputed(Event):
    """A correction came that changes nothing, and why; it is kept on record."""

    level = "warning"

    series: str
    close_at_ms: int
    revision: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRescored(Event):
    """A resolved round was scored and accrued anew, after a correction of a close. reason: of which one."""

    round_id: RoundId
    series: str
    challenge: str
    anchor_at_ms: int
    revision: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPaid(Event):
    """An epoch's pool was closed: what miners were paid and what went to the reserve, in micro-units."""

    series: str
    challenge: str
    epoch: int
    paid_micros: int
    reserve_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFailed(Event):
    """The store could not keep a change; nothing of it was kept and it will be tried again."""

    level = "error"

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundSkipped(Event):
    """A round could not be opened, and why."""

    level = "warning"

    series: str
    challenge: str
    anchor_at_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoaded(Event):
    """A miner's model is ready. runs_on: what computes it.  fallback: what answers while it is broken, or empty."""

    model: str
    runs_on: str
    fallback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBroken(Event):
    """The model could not be loaded, or gave nothing that may leave the node. answered_by: the fallback, or empty."""

    level = "error"

    model: str
    reason: str
    answered_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecovered(Event):
    """A model that was broken has answered again."""

    level = "warning"

    model: str
