"""Seal and open: who says what to whom, for what purpose, until when, signed over the bytes as they are sent.

The signature covers b"augury/envelope/1\\0" and the header's bytes; the header holds the SHA-256 of the body's
bytes. So no canonical form is needed: what was received is what was signed, and it is kept as evidence as it
came. A receiver verifies first and reads the body last. Requests come in through `admission`; here is what
replies, broadcasts and stored evidence need.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from protocol import codec
from protocol.errors import (
    BadSignature,
    BodyMismatch,
    Expired,
    Malformed,
    NotInReply,
    OutsideTimeWindow,
    UpgradeNeeded,
    WrongNetwork,
    WrongPurpose,
    WrongRecipient,
)
from protocol.keys import SigningKey, verify
from protocol.messages import Header, Message, Purpose
from protocol.params import NetworkParams, WireParams
from protocol.units import Digest, Hotkey, UnixMs, short
from protocol.wrapper import encode_envelope, split_envelope

DOMAIN: Final = b"augury/envelope/1\0"
OVERHEAD_BYTES: Final = codec.MAX_HEADER_BYTES + 128
"""What header, signature and lengths may add to a body."""
MAX_SMALL_BODY_BYTES: Final = 512 * 1024
"""For every purpose that carries no answer: a thousand rows with their sentences."""
_WITH_ANSWER: Final = frozenset({Purpose.REVEAL_REPLY, Purpose.SUBMIT})


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope of ours, ready to send. `header_digest`: SHA-256 of the header's bytes, which a reply must name."""

    raw: bytes
    header: Header
    header_digest: Digest


@dataclass(frozen=True, slots=True)
class Opened:
    """A verified envelope: what it says, and the bytes that prove it."""

    header: Header
    message: Message
    raw: bytes
    header_digest: Digest


def seal(
    message: Message,
    *,
    key: SigningKey,
    params: NetworkParams,
    recipient: Hotkey | None,
    nonce: bytes,
    issued_at_ms: int,
    deadline_ms: int,
    in_reply_to: Digest | None = None,
    topic: str = "",
    sequence: int = 0,
) -> Sealed:
    """The envelope that says `message`.

    recipient: None for a broadcast, which has a topic and a sequence.  nonce: 16 fresh random bytes.
    in_reply_to: the request's header digest, on replies.
    Raises Malformed (ours here: the caller built it) for fields that no header may hold.
    """
    return seal_body(
        codec.encode(message),
        purpose=message.PURPOSE,
        key=key,
        params=params,
        recipient=recipient,
        nonce=nonce,
        issued_at_ms=issued_at_ms,
        deadline_ms=deadline_ms,
        in_reply_to=in_reply_to,
        topic=topic,
        sequence=sequence,
    )


def seal_body(
    body: bytes,
    *,
    purpose: Purpose,
    key: SigningKey,
    params: NetworkParams,
    recipient: Hotkey | None,
    nonce: bytes,
    issued_at_ms: int,
    deadline_ms: int,
    in_reply_to: Digest | None = None,
    topic: str = "",
    sequence: int = 0,
) -> Sealed:
    """The same for a body that is encoded already: one question to many, or a stored reply to a retry."""
    header = Header(
        protocol_version=params.wire.protocol_version,
        network=params.network,
        params_digest=params.digest,
        purpose=purpose,
        sender=key.hotkey,
        recipient=recipient,
        nonce=nonce,
        issued_at_ms=UnixMs(issued_at_ms),
        deadline_ms=UnixMs(deadline_ms),
        body_sha256=Digest(hashlib.sha256(body).digest()),
        in_reply_to=in_reply_to,
        topic=topic,
        sequence=sequence,
    )
    header_bytes = codec.encode_header(header)
    raw = encode_envelope(header_bytes, key.sign(DOMAIN + header_bytes), body)
    return Sealed(raw, header, digest_of(header_bytes))


def seal_reply(
    body: bytes,
    *,
    asked: Header,
    asked_digest: Digest,
    key: SigningKey,
    params: NetworkParams,
    nonce: bytes,
    issued_at_ms: int,
    deadline_ms: int,
) -> bytes:
    """The envelope of the reply to an admitted request, to whoever signed that: the bytes that `seal_body` makes.

    Nobody answers a reply, so there is no `Sealed` to keep, and one in every call is dear.
    """
    header_bytes = codec.encode_reply_header(
        protocol_version=params.wire.protocol_version,
        network=params.network,
        params_digest=params.digest,
        purpose=asked.purpose.reply,
        sender=key.hotkey,
        recipient=asked.sender,
        nonce=nonce,
        issued_at_ms=issued_at_ms,
        deadline_ms=deadline_ms,
        body_sha256=hashlib.sha256(body).digest(),
        in_reply_to=asked_digest,
    )
    return encode_envelope(header_bytes, key.sign(DOMAIN + header_bytes), body)


def open_reply(raw: bytes, *, request: Sealed, params: NetworkParams, now_ms: int, skew_ms: int = 0) -> Opened:
    """The reply to `request`, verified: it names that request and comes from the hotkey that was asked, to us.

    params: those that the request was sealed under.  skew_ms: how far the peer's clock is known to be off.
    Raises the errors that docs/protocol.md lists; `fields["offender"]` names a hotkey only where its signature
    proves that the fault is its own.
    """
    asked = request.header
    header_bytes, signature, body = split_envelope(raw, max_envelope_bytes(params.wire))
    header = codec.decode_header(header_bytes)
    check_version(header, params)
    check_body_size(header.purpose, len(body), params.wire)
    if header.purpose is not asked.purpose.reply:
        raise WrongPurpose(f"a reply to {asked.purpose.name} cannot be {header.purpose.name}")
    if header.sender != asked.recipient:
        raise NotInReply(f"asked one hotkey, and {short(header.sender)} answered")
    if header.recipient != asked.sender:
        raise WrongRecipient("the reply is addressed to somebody else")
    if header.in_reply_to != request.header_digest:
        raise NotInReply("the reply names another request than ours")
    check_time(header, params.wire, now_ms=now_ms, skew_ms=skew_ms)
    check_signature(header, header_bytes, signature)
    return Opened(header, read_body(header, body), raw, digest_of(header_bytes))


def open_broadcast(
    raw: bytes, *, sender: Hotkey, accepted: Mapping[Digest, NetworkParams], now_ms: int, skew_ms: int = 0
) -> Opened:
    """A broadcast of this sender's, verified. accepted: params by digest. Raises as `open_reply` does."""
    header_bytes, signature, body = split_envelope(raw, MAX_SMALL_BODY_BYTES + OVERHEAD_BYTES)
    header = codec.decode_header(header_bytes)
    params = params_of(header, accepted)
    if header.purpose is not Purpose.BROADCAST:
        raise WrongPurpose(f"wanted a broadcast, was {header.purpose.name}")
    if header.sender != sender:
        raise BadSignature(f"a broadcast of {short(header.sender)} on a stream of {short(sender)}")
    check_time(header, params.wire, now_ms=now_ms, skew_ms=skew_ms)
    check_signature(header, header_bytes, signature)
    return Opened(header, read_body(header, body), raw, digest_of(header_bytes))


def open_evidence(raw: bytes, *, purpose: Purpose, network: str, max_bytes: int) -> Opened:
    """Stored bytes, verified again by anyone at any later time: signature, body, purpose and network, not the clock."""
    header_bytes, signature, body = split_envelope(raw, max_bytes)
    header = codec.decode_header(header_bytes)
    if header.network != network:
        raise WrongNetwork(f"sealed for the network {header.network!r}")
    if header.purpose is not purpose:
        raise WrongPurpose(f"wanted {purpose.name}, was {header.purpose.name}")
    check_signature(header, header_bytes, signature)
    return Opened(header, read_body(header, body), raw, digest_of(header_bytes))


def deadline_after(issued_at_ms: int, timeout_ms: int, wire: WireParams) -> UnixMs:
    """The deadline of a message that is to arrive within `timeout_ms`: read on the receiver's clock, which may differ
    by the time window."""
    return UnixMs(issued_at_ms + min(timeout_ms + wire.time_window_ms, wire.max_lifetime_ms))


def digest_of(header_bytes: bytes) -> Digest:
    """What a reply names its request by: SHA-256 of the request's header bytes."""
    return Digest(hashlib.sha256(header_bytes).digest())


def request_key(header: Header) -> Digest:
    """What a request and its retries have in common: sender, purpose and body. Stored replies are found by it."""
    told = b"augury/request/1\0" + header.sender + header.purpose.to_bytes(2, "little") + header.body_sha256
    return Digest(hashlib.sha256(told).digest())


def max_envelope_bytes(wire: WireParams) -> int:
    """The largest envelope that any purpose allows: the limit a transport sets."""
    return wire.max_body_bytes + OVERHEAD_BYTES


def check_body_size(purpose: Purpose, size: int, wire: WireParams) -> None:
    """Raises Malformed when a body of this purpose cannot be that large."""
    limit = wire.max_body_bytes if purpose in _WITH_ANSWER else min(MAX_SMALL_BODY_BYTES, wire.max_body_bytes)
    if size > limit:
        raise Malformed(f"a body of {purpose.name} has at most {limit} bytes, this one {size}", field="body")


def params_of(header: Header, accepted: Mapping[Digest, NetworkParams]) -> NetworkParams:
    """The params that a header was sealed under. Raises WrongNetwork, or UpgradeNeeded for a version unknown here."""
    params = accepted.get(header.params_digest)
    if params is not None:
        check_version(header, params)
        return params
    if all(header.network != known.network for known in accepted.values()):
        raise WrongNetwork(f"sealed for the network {header.network!r}")
    raise UpgradeNeeded(
        f"params {short(header.params_digest)} are not known here; one of the two nodes must upgrade",
        params_digest=header.params_digest,
    )


def check_version(header: Header, params: NetworkParams) -> None:
    """Raises WrongNetwork or UpgradeNeeded unless the header was sealed under these params."""
    if header.network != params.network:
        raise WrongNetwork(f"sealed for the network {header.network!r}, this is {params.network!r}")
    if header.protocol_version != params.wire.protocol_version or header.params_digest != params.digest:
        raise UpgradeNeeded(
            f"protocol {header.protocol_version}, params {short(header.params_digest)} are not those in use here; "
            "one of the two nodes must upgrade",
            params_digest=header.params_digest,
        )


def check_time(header: Header, wire: WireParams, *, now_ms: int, skew_ms: int) -> None:
    """Raises OutsideTimeWindow, Expired, or Malformed for a lifetime over the limit.

    skew_ms: how far the sender's clock is known to be off, either way; it widens both checks.
    """
    lifetime_ms = header.deadline_ms - header.issued_at_ms
    if lifetime_ms > wire.max_lifetime_ms:
        raise Malformed(
            f"a deadline lies at most {wire.max_lifetime_ms} ms after issue, this one {lifetime_ms}",
            field="deadline_ms",
        )
    late_by_ms = now_ms - header.issued_at_ms
    if abs(late_by_ms) > wire.time_window_ms + skew_ms:
        raise OutsideTimeWindow(
            f"issued {abs(late_by_ms)} ms {'before' if late_by_ms > 0 else 'after'} this clock's time, "
            f"{wire.time_window_ms} ms are allowed",
            late_by_ms=late_by_ms,
        )
    if now_ms > header.deadline_ms + skew_ms:
        raise Expired(f"the deadline passed {now_ms - header.deadline_ms} ms ago")


def check_signature(header: Header, header_bytes: bytes, signature: bytes) -> None:
    """Raises BadSignature unless the sender signed exactly these header bytes."""
    if not verify(header.sender, DOMAIN + header_bytes, signature):
        raise BadSignature(f"the signature is not that of {short(header.sender)}")


def read_body(header: Header, body: bytes) -> Message:
    """The message in the body of a header that has been verified.

    Raises BodyMismatch (somebody's on the way, or the sender's) or Malformed (the sender's, proved by the signature).
    """
    if hashlib.sha256(body).digest() != header.body_sha256:
        raise BodyMismatch("the body is not the one that was signed")
    try:
        return codec.decode(header.purpose, body)
    except Malformed as error:
        error.fields["offender"] = header.sender
        raise
