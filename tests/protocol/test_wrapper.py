"""The outermost bytes: one meaning, one encoding."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import BadSignature, Malformed
from protocol.proto.augury.v1 import envelope_pb2
from protocol.wrapper import encode_envelope, split_envelope

LIMIT = 10_000
SIGNATURES = st.binary(min_size=64, max_size=64)
HEADERS = st.binary(min_size=1, max_size=300)
BODIES = st.binary(max_size=400)


@settings(max_examples=100, deadline=None)
@given(HEADERS, SIGNATURES, BODIES)
def test_what_was_wrapped_comes_apart_as_it_was(header, signature, body):
    assert (header, signature, body) == split_envelope(encode_envelope(header, signature, body), LIMIT)


@settings(max_examples=100, deadline=None)
@given(HEADERS, SIGNATURES, BODIES)
def test_it_is_what_protobuf_writes(header, signature, body):
    theirs = envelope_pb2.Envelope(header=header, signature=signature, body=body).SerializeToString()

    assert theirs == encode_envelope(header, signature, body)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_comes_apart_has_no_other_encoding(raw):
    try:
        parts = split_envelope(raw, LIMIT)
    except (Malformed, BadSignature):
        return
    assert raw == encode_envelope(*parts)


@settings(max_examples=200, deadline=None)
@given(HEADERS, SIGNATURES, BODIES, st.data())
def test_a_changed_byte_never_gives_a_second_encoding(header, signature, body, data):
    raw = bytearray(encode_envelope(header, signature, body))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        parts = split_envelope(bytes(raw), LIMIT)
    except (Malformed, BadSignature):
        return
    assert parts != (header, signature, body)


@settings(max_examples=100, deadline=None)
@given(HEADERS, SIGNATURES, BODIES, st.data())
def test_an_envelope_cut_short_is_never_the_same_envelope(header, signature, body, data):
    raw = encode_envelope(header, signature, body)
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    try:
        parts = split_envelope(cut, LIMIT)
    except (Malformed, BadSignature):
        return
    assert parts == (header, signature, b"")


def test_a_large_body_comes_apart():
    body = bytes(1_200_000)

    assert body == split_envelope(encode_envelope(b"h", bytes(64), body), 1_300_000)[2]


def test_an_envelope_over_the_limit_is_refused():
    raw = encode_envelope(b"h", bytes(64), bytes(100))

    assert 3 == len(split_envelope(raw, len(raw)))
    with pytest.raises(Malformed) as refused:
        split_envelope(raw, len(raw) - 1)
    assert refused.value.fields["field"] == "envelope"


@pytest.mark.parametrize(
    "raw",
    [
        b"\x0a\x01h",
        b"\x0a\x01h\x1a\x01b",
        b"\x0a\x01h\x12\x3f" + bytes(63),
        b"\x0a\x01h\x12\x41" + bytes(65) + b"\x1a\x01b",
    ],
    ids=["ends after the header", "body at once", "63 bytes", "65 bytes"],
)
def test_no_signature_of_64_bytes_is_a_bad_signature(raw):
    with pytest.raises(BadSignature):
        split_envelope(raw, LIMIT)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x12\x40" + bytes(64) + b"\x0a\x01h",
        b"\x0a\x02h",
        b"\x0a\x00\x12\x40" + bytes(64),
        b"\x0a\x81\x00h\x12\x40" + bytes(64),
        b"\x0a\x01h\x12\xc0\x00" + bytes(64),
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7fh",
        b"\x0a\x01h\x12\x40" + bytes(64) + b"\x1a\x00",
        b"\x0a\x01h\x12\x40" + bytes(64) + b"\x1a\x01bb",
        b"\x0a\x01h\x12\x40" + bytes(64) + b"\x1a\x01b\x1a\x01b",
        b"\x0a\x01h\x12\x40" + bytes(64) + b"\x22\x01u",
    ],
    ids=[
        "nothing",
        "another order",
        "header cut short",
        "empty header",
        "long length of the header",
        "long length of the signature",
        "length without end",
        "empty body written out",
        "a byte too many",
        "two bodies",
        "an unknown field",
    ],
)
def test_any_other_way_to_write_it_is_malformed(raw):
    with pytest.raises(Malformed):
        split_envelope(raw, LIMIT)
