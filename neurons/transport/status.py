"""The border: every error's gRPC status and public sentence, and the way back.

A refusal travels as a gRPC status with its sentence as details and its stable code in the trailing metadata
under `augury-code`. What a stranger sends back is only believed as far as it may be: a code of the trees
Rejected and Ignored becomes that error again; a peer's own fault, and every status that gRPC itself makes,
is PeerUnreachable, because a stranger's word must never look like a fault of this node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import grpc

from neurons import ports
from neurons.ports import PeerUnreachable
from neurons.transport import problems
from protocol import errors
from protocol.errors import AuguryError, Ignored, Malformed, NodeFault, Overloaded, Rejected

CODE_KEY: Final = "augury-code"
MAX_CODE_CHARS: Final = 64
MAX_SENTENCE_CHARS: Final = 512

_Code = grpc.StatusCode

STATUSES: Final[Mapping[type[AuguryError], grpc.StatusCode]] = MappingProxyType(
    {
        errors.AuguryError: _Code.INTERNAL,
        errors.Rejected: _Code.INVALID_ARGUMENT,
        errors.Malformed: _Code.INVALID_ARGUMENT,
        errors.BadSignature: _Code.UNAUTHENTICATED,
        errors.BodyMismatch: _Code.UNAUTHENTICATED,
        errors.WrongNetwork: _Code.FAILED_PRECONDITION,
        errors.WrongRecipient: _Code.INVALID_ARGUMENT,
        errors.WrongPurpose: _Code.INVALID_ARGUMENT,
        errors.NotInReply: _Code.INVALID_ARGUMENT,
        errors.InvalidAnswer: _Code.INVALID_ARGUMENT,
        errors.CommitmentMismatch: _Code.INVALID_ARGUMENT,
        errors.SessionBroken: _Code.INVALID_ARGUMENT,
        errors.Equivocation: _Code.ALREADY_EXISTS,
        errors.InvalidRequest: _Code.INVALID_ARGUMENT,
        errors.Ignored: _Code.ABORTED,
        errors.UpgradeNeeded: _Code.FAILED_PRECONDITION,
        errors.OutsideTimeWindow: _Code.FAILED_PRECONDITION,
        errors.Expired: _Code.FAILED_PRECONDITION,
        errors.Replayed: _Code.ALREADY_EXISTS,
        errors.UnknownSender: _Code.PERMISSION_DENIED,
        errors.StandingTooLow: _Code.PERMISSION_DENIED,
        errors.KeyEnded: _Code.PERMISSION_DENIED,
        errors.RateLimited: _Code.RESOURCE_EXHAUSTED,
        errors.Overloaded: _Code.RESOURCE_EXHAUSTED,
        errors.TooSlow: _Code.RESOURCE_EXHAUSTED,
        errors.WrongPhase: _Code.FAILED_PRECONDITION,
        errors.NotFound: _Code.NOT_FOUND,
        errors.NotYetPublic: _Code.FAILED_PRECONDITION,
        errors.NodeFault: _Code.INTERNAL,
        errors.InvalidSetting: _Code.INTERNAL,
        errors.TooLittleHistory: _Code.UNAVAILABLE,
        errors.PortTaken: _Code.INTERNAL,
        errors.LedgerFault: _Code.INTERNAL,
        ports.PeerUnreachable: _Code.UNAVAILABLE,
        ports.StoreUnavailable: _Code.UNAVAILABLE,
        ports.VenueUnavailable: _Code.UNAVAILABLE,
        problems.CannotListen: _Code.INTERNAL,
        problems.Stopping: _Code.UNAVAILABLE,
    }
)
"""Every class of protocol.errors, neurons.ports and neurons.transport; others take their nearest ancestor's status."""

OWN_FAULT: Final = "the node met a fault of its own, which is logged there"
FAULT_SENTENCES: Final[Mapping[type[AuguryError], str]] = MappingProxyType(
    {
        ports.StoreUnavailable: "the node cannot store anything just now; ask again later",
        problems.Stopping: "the node is stopping; ask again later",
    }
)
"""What a stranger reads of our own faults; of every other one, OWN_FAULT."""

_REFUSALS: Final[Mapping[str, type[AuguryError]]] = MappingProxyType(
    {error.code: error for error in STATUSES if issubclass(error, Rejected | Ignored)}
)
_REASONS: Final[Mapping[grpc.StatusCode, str]] = MappingProxyType(
    {
        _Code.DEADLINE_EXCEEDED: "timeout",
        _Code.UNAVAILABLE: "unavailable",
        _Code.CANCELLED: "broken-off",
        _Code.UNIMPLEMENTED: "not-served",
    }
)
_TOO_LARGE: Final = "larger than max"
"""How gRPC words its own refusal of a message over the size limit: "Received message larger than max (9 vs. 4)"."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the other side is told: a gRPC status, a stable code ("" when gRPC itself refused) and one sentence."""

    status: grpc.StatusCode
    code: str
    sentence: str

    @property
    def number(self) -> int:
        """The status as gRPC numbers it."""
        return int(self.status.value[0])


_BY_NUMBER: Final[Mapping[int, grpc.StatusCode]] = MappingProxyType({int(s.value[0]): s for s in _Code})


def by_number(number: int) -> grpc.StatusCode:
    """The status of this number; UNKNOWN for one that gRPC does not have."""
    return _BY_NUMBER.get(number, _Code.UNKNOWN)


def refusal_in(error: grpc.aio.AioRpcError) -> Refusal:
    """What a call that failed was told."""
    trailing: Any = error.trailing_metadata() or ()
    code = next((str(value) for key, value in trailing if key == CODE_KEY), "")
    return Refusal(error.code(), code, error.details() or "")


def status_of(kind: type[AuguryError]) -> grpc.StatusCode:
    """The status of this class of error, or of its nearest ancestor in the table."""
    return next(STATUSES[ancestor] for ancestor in kind.__mro__ if ancestor in STATUSES)


def refusal_of(error: Exception) -> Refusal:
    """How an error looks from outside. The details of our own faults, and of bugs, stay inside."""
    if isinstance(error, Rejected | Ignored):
        return Refusal(status_of(type(error)), error.code, _clean(error.public))
    if isinstance(error, AuguryError):
        return Refusal(status_of(type(error)), error.code, FAULT_SENTENCES.get(type(error), OWN_FAULT))
    return Refusal(_Code.INTERNAL, NodeFault.code, OWN_FAULT)


def error_of(refusal: Refusal, *, endpoint: str) -> AuguryError:
    """The typed error that a peer's refusal stands for: Rejected or Ignored as coded, else PeerUnreachable.

    A code that we do not know is Ignored when the peer refused of its own will: nothing is held against anybody.
    """
    code, sentence = _clean(refusal.code, MAX_CODE_CHARS), _clean(refusal.sentence)
    if code in _REFUSALS:
        return _rebuilt(_REFUSALS[code], sentence, endpoint)
    if refusal.status is _Code.RESOURCE_EXHAUSTED and not code:
        return _rebuilt(Malformed if _TOO_LARGE in sentence else Overloaded, sentence, endpoint)
    if code and refusal.status not in (_Code.INTERNAL, _Code.UNAVAILABLE, *_REASONS):
        return _rebuilt(Ignored, f"{code}: {sentence}", endpoint)
    reason = code or _REASONS.get(refusal.status, refusal.status.name.lower().replace("_", "-"))
    return unreachable(endpoint, reason, sentence)


def unreachable(endpoint: str, reason: str, detail: str) -> PeerUnreachable:
    """reason: a short stable word to count by; detail: the sentence for a person."""
    return PeerUnreachable(f"{endpoint}: {reason}: {detail}", endpoint=endpoint, reason=reason)


def _rebuilt(kind: type[AuguryError], sentence: str, endpoint: str) -> AuguryError:
    """The error as it left the peer, whatever fields its own constructor wants: those did not travel."""
    error = kind.__new__(kind)
    AuguryError.__init__(error, sentence, endpoint=endpoint)
    return error


def _clean(text: str, limit: int = MAX_SENTENCE_CHARS) -> str:
    """A stranger's text, short and printable: it ends in logs and on screens."""
    return "".join(c if c.isprintable() else "?" for c in text[:limit])
