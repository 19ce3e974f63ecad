"""The outermost bytes: header, signature and body, side by side, in exactly one way.

It is what protobuf makes of the message Envelope (proto/augury/v1/envelope.proto), read strictly: three fields
in their order, each once, with minimal lengths, and nothing else. One meaning has one encoding, so nobody but
the signer can make a second envelope that says the same; and no byte is looked at before its size is known.
"""

from __future__ import annotations

from typing import Final

from protocol.errors import BadSignature, Malformed
from protocol.messages import SIGNATURE_BYTES

HEADER_TAG: Final = 0x0A
SIGNATURE_TAG: Final = 0x12
BODY_TAG: Final = 0x1A
"""Field numbers 1, 2 and 3, each shifted by three bits, with wire type 2: a length follows, then that many bytes."""

_MAX_LENGTH_BITS: Final = 28


def encode_envelope(header: bytes, signature: bytes, body: bytes) -> bytes:
    """The envelope's bytes; an empty body is left out, as protobuf does."""
    parts = [b"\x0a", _varint(len(header)), header, b"\x12\x40", signature]
    if len(body):
        parts += [b"\x1a", _varint(len(body)), body]
    return b"".join(parts)


def split_envelope(raw: bytes, max_bytes: int) -> tuple[bytes, bytes, bytes]:
    """(header bytes, signature, body) of an envelope as it came.

    Raises Malformed when it is larger than `max_bytes` or not exactly one header, signature and body, and
    BadSignature when there is no signature or one of another size. Nothing is verified yet.
    """
    check_size(raw, max_bytes)
    start, end = _section(raw, 0, HEADER_TAG, "header")
    header = raw[start:end]
    if end >= len(raw) or raw[end] != SIGNATURE_TAG:
        raise BadSignature("the envelope carries no signature")
    start, end = _section(raw, end, SIGNATURE_TAG, "signature")
    if end - start != SIGNATURE_BYTES:
        raise BadSignature(f"a signature has {SIGNATURE_BYTES} bytes, this one {end - start}")
    signature = raw[start:end]
    if end == len(raw):
        return header, signature, b""
    start, end = _section(raw, end, BODY_TAG, "body")
    if end != len(raw):
        raise Malformed("bytes follow the body", field="envelope")
    return header, signature, raw[start:]


def check_size(raw: bytes, max_bytes: int) -> None:
    """Raises Malformed when the envelope is larger than `max_bytes`."""
    if len(raw) > max_bytes:
        raise Malformed(f"an envelope has at most {max_bytes} bytes, this one {len(raw)}", field="envelope")


def _section(raw: bytes, at: int, tag: int, field: str) -> tuple[int, int]:
    """Where a section's bytes begin and end. Raises Malformed unless it starts here, whole and not empty."""
    if at >= len(raw) or raw[at] != tag:
        raise Malformed(f"{field} is missing", field=field)
    size, shift, byte = 0, 0, 0x80
    while byte & 0x80:
        at += 1
        if at >= len(raw) or shift >= _MAX_LENGTH_BITS:
            raise Malformed(f"{field} has no proper length", field=field)
        byte = raw[at]
        size |= (byte & 0x7F) << shift
        shift += 7
    if byte == 0:
        raise Malformed(f"{field} is empty or its length is not minimal", field=field)
    start, end = at + 1, at + 1 + size
    if end > len(raw):
        raise Malformed(f"{field} is cut short", field=field)
    return start, end


def _varint(number: int) -> bytes:
    """A length as protobuf writes it: seven bits a byte, the lowest first, the top bit saying that more follow."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
