"""What can be wrong with a request, and the HTTP status that says so.

The clients know three answers to a submission or a cancellation: 200, 403 for a refusal (they go on), anything else
(they stop with an error). Elsewhere they only tell 200 from the rest, so statuses are HTTP's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from neurons.keystore import KeyFileError
from neurons.ports import PeerUnreachable
from protocol.errors import (
    AuguryError,
    Expired,
    Ignored,
    InvalidAnswer,
    InvalidRequest,
    Malformed,
    NodeFault,
    NotFound,
    Overloaded,
    RateLimited,
    Rejected,
    Replayed,
)


class UnknownWriteKey(Rejected):
    """A write key that this gateway knows no hotkey for."""

    code = "unknown-write-key"


class NotOffered(Rejected):
    """Something that the original served and this network does not have."""

    code = "not-offered"


STATUSES: Final[Mapping[type[AuguryError], int]] = MappingProxyType(
    {
        Malformed: 400,
        InvalidRequest: 400,
        InvalidAnswer: 400,
        UnknownWriteKey: 403,
        NotFound: 404,
        Replayed: 409,
        RateLimited: 429,
        NotOffered: 501,
        Rejected: 502,
        Overloaded: 503,
        PeerUnreachable: 503,
        Expired: 504,
        Ignored: 503,
        KeyFileError: 500,
        NodeFault: 503,
        AuguryError: 500,
    }
)
"""By class; one that is not listed has its nearest ancestor's. Rejected: the validator's reply cannot be believed."""
TOO_LARGE: Final = 413
REFUSED: Final = 403
COME_AGAIN: Final = frozenset({429, 503})
COME_AGAIN_S: Final = 1
"""What is said in `Retry-After`."""
_THEIRS: Final = frozenset({400, 403, 404, 409})


OWN_FAULT: Final = "the gateway met a fault of its own, which is logged there"


def is_own_fault(error: AuguryError) -> bool:
    """Whether its sentence is the operator's business: it may name files."""
    return isinstance(error, NodeFault) and not isinstance(error, PeerUnreachable)


def http_status(error: AuguryError, *, refusals_are_403: bool = False) -> int:
    """The status of an error. refusals_are_403: for what the clients take no other refusal of."""
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    if isinstance(error, Malformed) and error.fields.get("field") == "body":
        return TOO_LARGE
    return REFUSED if refusals_are_403 and status in _THEIRS else status
