"""An envelope without what is known anyway: what its row says, and what every envelope of its kind says alike.

A sealed reply is, from left to right (protocol/proto/augury/v1/envelope.proto, miner.proto):

    before | sender's hotkey | after | rest: nonce, times, digests, signature | inner | last | tail

`tail` (the answer's numbers, or the commitment), `inner` (the salt, or the round id) and the hotkey stand in the row
already. `before` (version, network, params), `after` (the recipient) and `last` (shape and dtype) are the same for
thousands of envelopes: they are the frame, stored once. Only `rest` belongs to this envelope alone. Evidence that is
not like this is kept whole.
"""

from __future__ import annotations

from typing import Final

Frame = tuple[bytes, bytes, bytes]

AFTER_BYTES: Final = 34
"""The recipient's hotkey with its tag and length."""
FRAME_BYTES_MOST: Final = 256
"""A frame is at most this long: frames are kept for ever, and a stranger writes them."""


def split(evidence: bytes, hotkey: bytes, inner: bytes, tail: bytes) -> tuple[Frame | None, bytes]:
    """(frame, rest), or (None, evidence) when it is no such envelope."""
    if not tail or not inner or not evidence.endswith(tail):
        return None, evidence
    ends = len(evidence) - len(tail)
    sender_at = evidence.find(hotkey, 0, ends)
    after_at = sender_at + len(hotkey)
    rest_at = after_at + AFTER_BYTES
    inner_at = evidence.rfind(inner, rest_at, ends)
    if sender_at < 0 or inner_at < 0:
        return None, evidence
    last_at = inner_at + len(inner)
    if sender_at + AFTER_BYTES + ends - last_at > FRAME_BYTES_MOST:
        return None, evidence
    frame = (evidence[:sender_at], evidence[after_at:rest_at], evidence[last_at:ends])
    return frame, evidence[rest_at:inner_at]


def rest_in(frame: Frame, evidence: bytes, hotkey: bytes, inner: bytes, tail: bytes) -> bytes | None:
    """The rest, when the evidence has this frame: quicker than `split`, and nearly all of a round's have the same."""
    before, after, last = frame
    start, end = before + hotkey + after, inner + last
    inner_at = len(evidence) - len(tail) - len(end)
    if inner_at >= len(start) and evidence.startswith(start) and evidence.startswith(end, inner_at):
        return evidence[len(start) : inner_at] if evidence.endswith(tail) else None
    return None


def join(frame: Frame, rest: bytes, hotkey: bytes, inner: bytes, tail: bytes) -> bytes:
    """The evidence that `split` was given, from what it made of it."""
    before, after, last = frame
    return b"".join((before, hotkey, after, rest, inner, last, tail))
