"""Every way a message can be refused, and whose fault it is.

    AuguryError
    ├── Rejected           theirs: the sender did something wrong; it may cost standing
    │   ├── Malformed              bytes that are no message, sizes over the limit, missing fields
    │   ├── BadSignature           the signature does not belong to the sender and the header
    │   ├── BodyMismatch           the body is not the one the header's digest names
    │   ├── WrongNetwork           sealed for another network
    │   ├── WrongRecipient         addressed to somebody else
    │   ├── WrongPurpose           sealed for another call
    │   ├── NotInReply             a reply that does not name our request
    │   ├── InvalidAnswer          wrong shape or dtype, not finite, out of range
    │   ├── CommitmentMismatch     the revealed answer is not the committed one
    │   ├── Equivocation           two different signed commitments for one round
    │   ├── SessionBroken          a stream's frame that is missing, repeated, out of order or altered
    │   └── InvalidRequest         a well-formed message that asks for nonsense
    ├── Ignored            nobody's: late, repeated, too many; costs nothing, changes nothing
    │   ├── UpgradeNeeded          a protocol version or params digest we do not know
    │   ├── OutsideTimeWindow      issued too long ago or too far ahead of our clock
    │   ├── Expired                its own deadline has passed
    │   ├── Replayed               a nonce we have seen
    │   ├── UnknownSender          nobody we have admitted
    │   ├── StandingTooLow         suspended for earlier offences
    │   ├── RateLimited            more calls than the bucket holds
    │   ├── Overloaded             the node is answering as many calls as it takes at once
    │   ├── TooSlow                a subscriber that read slower than the news came
    │   ├── WrongPhase             the round is not taking this message now
    │   ├── NotFound               no such round, miner or record
    │   └── NotYetPublic           answers of a round that has not resolved
    └── NodeFault          ours: configuration, disk, clock; the node says so and stops or waits
        └── LedgerFault            a transaction that does not balance, or takes an account below its floor

Each carries `code` (stable, documented under its own heading in docs/errors.md) and `public` (the
sentence a stranger may read). The transport translates once, at the border.
"""

from __future__ import annotations

from typing import ClassVar


class AuguryError(Exception):
    """The root: `code` is stable and documented, `fields` hold what the sentence says."""

    code: ClassVar[str] = "augury"

    def __init__(self, message: str, **fields: object) -> None:
        super().__init__(message)
        self.fields = fields

    @property
    def public(self) -> str:
        """The sentence a stranger may read: what was wrong and which limit it broke."""
        return str(self)


class Rejected(AuguryError):
    """The sender's fault."""

    code = "rejected"


class Malformed(Rejected):
    """Not a message: bytes that do not parse, a missing field, a size over its limit."""

    code = "malformed"


class BadSignature(Rejected):
    """The signature is missing or does not belong to this sender and header."""

    code = "bad-signature"


class BodyMismatch(Rejected):
    """The body's SHA-256 is not the one that was signed."""

    code = "body-mismatch"


class WrongNetwork(Rejected):
    """Sealed for another network."""

    code = "wrong-network"


class WrongRecipient(Rejected):
    """Addressed to somebody else."""

    code = "wrong-recipient"


class WrongPurpose(Rejected):
    """Sealed for another call than the one it arrived on."""

    code = "wrong-purpose"


class NotInReply(Rejected):
    """A reply that does not name the request it came back for: swapped or stale."""

    code = "not-in-reply"


class InvalidAnswer(Rejected):
    """Wrong shape or dtype, not finite, or a return beyond the limit."""

    code = "invalid-answer"


class CommitmentMismatch(Rejected):
    """The revealed answer and salt do not hash to the commitment."""

    code = "commitment-mismatch"


class Equivocation(Rejected):
    """Two different signed commitments for one round: the pair is proof."""

    code = "equivocation"


class SessionBroken(Rejected):
    """A frame of a stream is missing, repeated, out of order or altered; the stream ends here."""

    code = "session-broken"


class InvalidRequest(Rejected):
    """Well formed, but asks for something that cannot be: an unknown challenge, an impossible period."""

    code = "invalid-request"


class Ignored(AuguryError):
    """Nobody's fault: nothing changes and nobody's standing suffers."""

    code = "ignored"


class UpgradeNeeded(Ignored):
    """A protocol version or params digest this node does not know; one of the two must upgrade."""

    code = "upgrade-needed"


class OutsideTimeWindow(Ignored):
    """Issued too long ago, or too far ahead of the receiver's clock."""

    code = "outside-time-window"


class Expired(Ignored):
    """The message's own deadline had passed when it came."""

    code = "expired"


class Replayed(Ignored):
    """A nonce this node has already acted on."""

    code = "replayed"


class UnknownSender(Ignored):
    """Nobody this node has admitted."""

    code = "unknown-sender"


class KeyEnded(Ignored):
    """The sender's key was handed over to another one, or revoked: it signs nothing any more."""

    code = "key-ended"


class StandingTooLow(Ignored):
    """Suspended for earlier offences, until a stated time."""

    code = "standing-too-low"


class RateLimited(Ignored):
    """More calls than the sender's bucket holds."""

    code = "rate-limited"


class Overloaded(Ignored):
    """The node is answering as many calls, or feeding as many streams, as it takes at once; ask again later."""

    code = "overloaded"


class TooSlow(Ignored):
    """A subscriber read slower than the news came, for longer than its queue lasts; it may subscribe again."""

    code = "too-slow"


class WrongPhase(Ignored):
    """The round is not taking this message now: too early, too late, or over."""

    code = "wrong-phase"


class NotFound(Ignored):
    """No such round, miner or record here."""

    code = "not-found"


class NotYetPublic(Ignored):
    """Answers of a round stay closed until it resolves."""

    code = "not-yet-public"


class NodeFault(AuguryError):
    """Ours: a setting, the disk, the clock, the market. The node says so and stops, or waits and says so."""

    code = "node-fault"


class InvalidSetting(NodeFault):
    """A setting that does not exist or has a value outside its bounds; names the setting and the limit."""

    code = "invalid-setting"


class TooLittleHistory(NodeFault):
    """Fewer agreed closes than a round needs before it may open."""

    code = "too-little-history"


class PortTaken(NodeFault):
    """A port this node should listen on belongs to another process; names the address and the setting."""

    code = "port-taken"


class LedgerFault(NodeFault):
    """A transaction that does not sum to zero, takes an account below its floor or reuses an id: never booked."""

    code = "ledger-fault"
