"""Sessions: a stream whose frames cost a hash each instead of a signature, and that still proves what was sent.

A signed WatchRequest and its signed WatchReply each carry a one-time X25519 key. From their shared secret both
sides derive one MAC key, bound to both hotkeys, both one-time keys and the request. Every frame carries a
counter and a MAC, which convince the receiver alone; every 64th also a signature over the chain of hashes of
all frames so far, which convinces anybody. Anything out of turn ends the session: there is no way back into step.

Frame 0 holds the sealed WatchReply itself, which is signed; counting starts at 1.
Source: RFC 7748 (X25519), RFC 5869 (HKDF-SHA256), RFC 7693 (BLAKE2b, keyed, 16 bytes).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.codec import Frame
from protocol.errors import BadSignature, Malformed, SessionBroken
from protocol.keys import SigningKey, verify
from protocol.units import Digest, Hotkey, short

KEY_DOMAIN: Final = b"augury/session/1\0"
CHAIN_DOMAIN: Final = b"augury/chain/1\0"
CHECKPOINT_DOMAIN: Final = b"augury/checkpoint/1\0"
CHECKPOINT_EVERY: Final = 64
MAC_BYTES: Final = 16
SESSION_KEY_BYTES: Final = 32
COUNTER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """What both sides know of a session: who streams to whom, both one-time public keys, the request it answers."""

    subscriber: Hotkey
    validator: Hotkey
    subscriber_key: bytes
    validator_key: bytes
    request: Digest
    """The WatchRequest's header digest."""


def session_public_key(private_key: bytes) -> bytes:
    """The X25519 public key to send. private_key: 32 bytes of chance, for one session only."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def agree_mac_key(private_key: bytes, terms: SessionTerms) -> bytes:
    """The 32-byte MAC key that both sides find, each from its own private half.

    Raises Malformed (theirs) when the other half is a point of small order, which would fix the secret for anyone,
    and ValueError (ours) when `private_key` belongs to neither side.
    """
    mine = session_public_key(private_key)
    if mine not in (terms.subscriber_key, terms.validator_key):
        raise ValueError("the private key belongs to neither side of this session")
    theirs = terms.validator_key if mine == terms.subscriber_key else terms.subscriber_key
    try:
        secret = X25519PrivateKey.from_private_bytes(private_key).exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError as error:
        raise Malformed("session_key is no usable X25519 key", field="session_key") from error
    info = KEY_DOMAIN + terms.subscriber + terms.validator + terms.subscriber_key + terms.validator_key
    return HKDF(algorithm=SHA256(), length=SESSION_KEY_BYTES, salt=terms.request, info=info).derive(secret)


def opening_frame(sealed_reply: bytes) -> Frame:
    """Frame 0: the sealed WatchReply, which needs no MAC because it is signed."""
    return Frame(0, b"", b"", sealed_reply)


def reply_in(frame: Frame) -> bytes:
    """The sealed WatchReply that a stream begins with, not yet verified. Raises SessionBroken for any other frame."""
    if frame.counter != 0 or len(frame.mac) or len(frame.checkpoint):
        raise SessionBroken("a stream begins with frame 0, which carries a reply and nothing else")
    return frame.payload


class SessionSender:
    """The validator's side: turns payloads into frames, in order."""

    def __init__(self, private_key: bytes, terms: SessionTerms, key: SigningKey) -> None:
        self._mac_key = agree_mac_key(private_key, terms)
        self._terms, self._key = terms, key
        self._counter, self._chain = 0, first_link(terms)

    def frame(self, payload: bytes) -> Frame:
        """The next frame. Every 64th carries a signed checkpoint."""
        self._counter += 1
        self._chain = next_link(self._chain, self._counter, payload)
        checkpoint = b""
        if self._counter % CHECKPOINT_EVERY == 0:
            checkpoint = self._key.sign(checkpoint_bytes(self._terms, self._counter, self._chain))
        return Frame(self._counter, frame_mac(self._mac_key, self._counter, payload), checkpoint, payload)


class SessionReceiver:
    """The subscriber's side: takes frames in order and refuses everything else, for good."""

    def __init__(self, private_key: bytes, terms: SessionTerms) -> None:
        self._mac_key = agree_mac_key(private_key, terms)
        self._terms = terms
        self._counter, self._chain = 0, first_link(terms)
        self._broken = False

    @property
    def counter(self) -> int:
        """How many frames have been taken in."""
        return self._counter

    def accept(self, frame: Frame) -> bytes:
        """The payload of the next frame.

        Raises SessionBroken when it is altered, repeated, out of order or follows a gap, BadSignature when its
        checkpoint is missing or wrong; and after any refusal SessionBroken for every frame, the right one too.
        """
        if self._broken:
            raise SessionBroken("the session has ended; open another")
        self._broken = True
        expected = self._counter + 1
        if not hmac.compare_digest(frame.mac, frame_mac(self._mac_key, expected, frame.payload)):
            raise SessionBroken(f"frame {frame.counter} is not the frame {expected} that was due", counter=expected)
        if frame.counter != expected:
            raise SessionBroken(f"frame {frame.counter} came where {expected} was due", counter=expected)
        chain = next_link(self._chain, expected, frame.payload)
        self._check_checkpoint(frame, chain)
        self._counter, self._chain, self._broken = expected, chain, False
        return frame.payload

    def _check_checkpoint(self, frame: Frame, chain: Digest) -> None:
        due = frame.counter % CHECKPOINT_EVERY == 0
        if not due and len(frame.checkpoint):
            raise BadSignature(f"frame {frame.counter} carries a checkpoint where none is due")
        if due and not verify(
            self._terms.validator, checkpoint_bytes(self._terms, frame.counter, chain), frame.checkpoint
        ):
            raise BadSignature(f"the checkpoint at frame {frame.counter} is not that of {short(self._terms.validator)}")


def frame_mac(mac_key: bytes, counter: int, payload: bytes) -> bytes:
    """Keyed BLAKE2b, 16 bytes, over the counter (8 bytes, little-endian) and the payload."""
    told = counter.to_bytes(COUNTER_BYTES, "little") + payload
    return hashlib.blake2b(told, key=mac_key, digest_size=MAC_BYTES).digest()


def first_link(terms: SessionTerms) -> Digest:
    """Where the chain of hashes starts: SHA-256 of its domain and of everything that makes the session this one."""
    told = CHAIN_DOMAIN + terms.request + terms.subscriber + terms.validator + terms.subscriber_key
    return Digest(hashlib.sha256(told + terms.validator_key).digest())


def next_link(chain: Digest, counter: int, payload: bytes) -> Digest:
    """SHA-256 of the link before, the counter (8 bytes, little-endian) and the payload."""
    return Digest(hashlib.sha256(chain + counter.to_bytes(COUNTER_BYTES, "little") + payload).digest())


def checkpoint_bytes(terms: SessionTerms, counter: int, chain: Digest) -> bytes:
    """What a checkpoint's signature covers: its domain, the request's digest, the counter and the chain so far."""
    return CHECKPOINT_DOMAIN + terms.request + counter.to_bytes(COUNTER_BYTES, "little") + chain
