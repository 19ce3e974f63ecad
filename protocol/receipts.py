"""Receipts: a validator's signed word that it took in some evidence at some instant, checkable by anyone, offline.

A miner keeps them. One that was refused for coming late can show that it did not; and a validator cannot
deny what it took in.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from typing import Final, Literal

from protocol.errors import BadSignature, BodyMismatch, Malformed
from protocol.keys import SigningKey, verify
from protocol.messages import SIGNATURE_BYTES, Receipt
from protocol.units import Digest, Hotkey, RoundId, UnixMs, short

DOMAIN: Final = b"augury/receipt/1\0"
STEP_NUMBER: Final[dict[str, int]] = {"commit": 1, "reveal": 2, "submit": 3}


def sign_receipt(
    step: Literal["commit", "reveal", "submit"],
    round_id: RoundId,
    hotkey: Hotkey,
    *,
    evidence: bytes,
    received_at_ms: int,
    key: SigningKey,
) -> Receipt:
    """The receipt of `key`'s owner for `evidence`, the raw envelope that `hotkey` sent.

    received_at_ms: stamped on arrival, before any queue. Raises Malformed (ours) for a negative one.
    """
    unsigned = Receipt(
        step=step,
        round_id=round_id,
        hotkey=hotkey,
        evidence_sha256=Digest(hashlib.sha256(evidence).digest()),
        received_at_ms=UnixMs(received_at_ms),
        validator=key.hotkey,
        signature=bytes(SIGNATURE_BYTES),
    )
    return replace(unsigned, signature=key.sign(signed_bytes(unsigned)))


def check_receipt(receipt: Receipt, evidence: bytes | None = None) -> None:
    """Raises BadSignature unless `receipt.validator` signed it; BodyMismatch when `evidence` is not what it is for.

    Whether that validator is one to believe is the caller's to know.
    """
    if not verify(receipt.validator, signed_bytes(receipt), receipt.signature):
        raise BadSignature(f"the receipt is not signed by {short(receipt.validator)}")
    if evidence is not None and hashlib.sha256(evidence).digest() != receipt.evidence_sha256:
        raise BodyMismatch("the receipt is for other evidence")


def signed_bytes(receipt: Receipt) -> bytes:
    """What a receipt's signature covers: every other field, each of fixed size, integers little-endian.

    "augury/receipt/1" and a zero byte; step (1 byte); round id (32); hotkey (32); evidence SHA-256 (32);
    received_at_ms (8, unsigned); validator (32).
    """
    if receipt.received_at_ms < 0:
        raise Malformed(f"received_at_ms must not be negative, was {receipt.received_at_ms}", field="received_at_ms")
    return b"".join(
        (
            DOMAIN,
            struct.pack("<B", STEP_NUMBER[receipt.step]),
            receipt.round_id,
            receipt.hotkey,
            receipt.evidence_sha256,
            struct.pack("<Q", receipt.received_at_ms),
            receipt.validator,
        )
    )
