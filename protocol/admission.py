"""The gate: every request passes these checks, in this order, before anything acts on it.

    size, rate of the address, version, recipient, time, known sender, signature, standing, rate of the key,
    repetition, body; and last, its nonce is remembered.

Cheapest first, so that a flood costs the flooder more than the node. A refused message changes nothing but the
rates that count it. Whose fault it is the error's class says; `fields["offender"]` names a hotkey only where a
signature proves that the fault is its own: anybody can put a stranger's name on rubbish.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from protocol import codec
from protocol.buckets import TokenBuckets, address_block
from protocol.envelope import (
    check_body_size,
    check_signature,
    check_time,
    digest_of,
    max_envelope_bytes,
    params_of,
    read_body,
)
from protocol.errors import KeyEnded, RateLimited, StandingTooLow, UnknownSender, WrongPurpose, WrongRecipient
from protocol.messages import Header, Message, Purpose
from protocol.nonces import NonceTable
from protocol.params import NetworkParams, WireParams
from protocol.units import SECOND_MS, Digest, Hotkey, UnixMs, short
from protocol.wrapper import check_size, split_envelope

OPEN_TO_ANYONE: Final = frozenset(
    {
        Purpose.REGISTER, Purpose.ROUNDS, Purpose.STANDINGS, Purpose.EXPLAIN, Purpose.WATCH, Purpose.STREAM_ACT,
        Purpose.STREAM_READ,
    }
)  # fmt: skip
"""What any key may ask, signed, without having been admitted: to read, to register, and to show its name."""
MAX_BUCKETS: Final = 65_536
MAX_NONCES: Final = 1_000_000
MAX_STRANGERS_NONCES: Final = 100_000
"""Strangers' nonces have a table of their own, so that they cannot crowd anybody out."""


@dataclass(frozen=True, slots=True)
class SenderStanding:
    """What a node knows of a hotkey: whether it was admitted, and until when it is suspended (0: it is not).

    ended: it was handed over to another key, or revoked: it signs nothing any more.
    """

    known: bool
    suspended_until_ms: int = 0
    ended: bool = False


class Senders(Protocol):
    """A node's list of those who may call it: an allow-list file, a table of registered miners."""

    def standing_of(self, hotkey: Hotkey) -> SenderStanding: ...


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may be acted on. Sender, nonce and `nonce_expires_at_ms` are to be stored with what it did.

    `params`: the version that it was sealed under, and under which its reply is to be sealed.
    """

    header: Header
    message: Message
    raw: bytes
    header_digest: Digest
    params: NetworkParams
    nonce_expires_at_ms: UnixMs


class Gate:
    """One node's gate. It holds rates and nonces in memory; `restore` brings the nonces back after a restart."""

    def __init__(
        self,
        *,
        me: Hotkey,
        accepted: Sequence[NetworkParams],
        senders: Senders,
        open_to_anyone: frozenset[Purpose] = OPEN_TO_ANYONE,
        max_buckets: int = MAX_BUCKETS,
        max_nonces: int = MAX_NONCES,
        max_strangers_nonces: int = MAX_STRANGERS_NONCES,
    ) -> None:
        """accepted: the params versions in use, at least one; the rates are those of the last."""
        wire = accepted[-1].wire
        self._me = me
        self._accepted = {params.digest: params for params in accepted}
        self._senders = senders
        self._open_to_anyone = open_to_anyone
        self._max_bytes = max(max_envelope_bytes(params.wire) for params in accepted)
        self._addresses = TokenBuckets(
            size=wire.ip_bucket_size, per_second=wire.ip_bucket_per_second, max_buckets=max_buckets
        )
        self._keys = TokenBuckets(
            size=wire.key_bucket_size, per_second=wire.key_bucket_per_second, max_buckets=max_buckets
        )
        self._nonces = NonceTable(capacity=max_nonces)
        self._strangers_nonces = NonceTable(capacity=max_strangers_nonces)

    @property
    def max_bytes(self) -> int:
        """The largest envelope that any accepted version allows."""
        return self._max_bytes

    def restore(self, nonces: Iterable[tuple[Hotkey, bytes, int]], *, now_ms: int) -> None:
        """Takes back (sender, nonce, expires_at_ms) of what was acted on before a restart."""
        for sender, nonce, expires_at_ms in nonces:
            self._nonces.restore(sender, nonce, expires_at_ms=expires_at_ms)
        self._nonces.forget_before(now_ms)
        self._strangers_nonces.forget_before(now_ms)

    def admit(self, raw: bytes, *, purpose: Purpose, peer_ip: str, now_ms: int, skew_ms: int = 0) -> Admitted:
        """The request, if it may be acted on; once only.

        purpose: of the call it arrived on.  peer_ip: the caller's address, without port.
        skew_ms: how far this sender's clock is known to be off, either way; at most the time window is believed.
        Raises Malformed, RateLimited, WrongNetwork, UpgradeNeeded, WrongPurpose, WrongRecipient, OutsideTimeWindow,
        Expired, UnknownSender, BadSignature, KeyEnded, StandingTooLow, Replayed, BodyMismatch, Overloaded.
        """
        check_size(raw, self._max_bytes)
        if not self._addresses.take(address_block(peer_ip), now_ms=now_ms):
            raise RateLimited("more calls from this address than its bucket holds")
        header_bytes, signature, body = split_envelope(raw, self._max_bytes)
        header = codec.decode_header(header_bytes)
        params = params_of(header, self._accepted)
        self._check_addressee(header, purpose)
        check_body_size(purpose, len(body), params.wire)
        believed_skew_ms = min(abs(skew_ms), params.wire.time_window_ms)
        check_time(header, params.wire, now_ms=now_ms, skew_ms=believed_skew_ms)
        standing = self._senders.standing_of(header.sender)
        if not standing.known and purpose not in self._open_to_anyone:
            raise UnknownSender(f"{short(header.sender)} has not been admitted here")
        check_signature(header, header_bytes, signature)
        if standing.ended:
            raise KeyEnded(f"key {short(header.sender)} was handed over or revoked", sender=header.sender)
        if standing.suspended_until_ms > now_ms:
            raise StandingTooLow(
                f"suspended for {(standing.suspended_until_ms - now_ms) // SECOND_MS} more seconds",
                suspended_until_ms=standing.suspended_until_ms,
                sender=header.sender,
            )
        if not self._keys.take(header.sender, now_ms=now_ms):
            raise RateLimited("more calls from this key than its bucket holds", sender=header.sender)
        expires_at_ms = nonce_expiry_ms(header, params.wire)
        self._nonces.check(header.sender, header.nonce, expires_at_ms=expires_at_ms)
        self._strangers_nonces.check(header.sender, header.nonce, expires_at_ms=expires_at_ms)
        message = read_body(header, body)
        nonces = self._nonces if standing.known else self._strangers_nonces
        nonces.remember(header.sender, header.nonce, expires_at_ms=expires_at_ms, now_ms=now_ms)
        return Admitted(header, message, raw, digest_of(header_bytes), params, expires_at_ms)

    def _check_addressee(self, header: Header, purpose: Purpose) -> None:
        if header.purpose is not purpose:
            raise WrongPurpose(f"sealed for {header.purpose.name}, sent to {purpose.name}")
        if header.recipient != self._me:
            raise WrongRecipient("addressed to somebody else")


def nonce_expiry_ms(header: Header, wire: WireParams) -> UnixMs:
    """The last instant at which any clock skew that is believed could let this message in."""
    return UnixMs(min(header.deadline_ms, header.issued_at_ms + wire.time_window_ms) + wire.time_window_ms)
