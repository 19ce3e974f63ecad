"""The golden bytes of the wire, and that they follow from its description by other means than our own code."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from google.protobuf import json_format

from protocol import codec
from protocol.messages import Purpose
from protocol.proto.augury.v1 import news_pb2
from protocol.wire_types import WIRE_TYPES
from tests.support.samples import MESSAGES
from tests.support.wire_vectors import build

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "wire.json").read_text())
ENVELOPES = VECTORS["envelopes"]
KINDS = {kind.__name__: wire for kind, wire in WIRE_TYPES.items()}


def test_the_wire_has_not_moved():
    """When this fails on purpose: a new protocol version, and `python -m tests.support.wire_vectors`."""
    assert VECTORS == json.loads(json.dumps(build()))


@pytest.mark.parametrize("vector", VECTORS["bodies"], ids=lambda vector: vector["message"])
def test_each_body_follows_from_its_fields(vector):
    wire = news_pb2.Broadcast if vector["purpose"] == Purpose.BROADCAST else KINDS[vector["message"]]
    parsed = json_format.ParseDict(vector["fields"], wire())

    assert bytes.fromhex(vector["body"]) == parsed.SerializeToString()


@pytest.mark.parametrize(
    ("vector", "message"), list(zip(VECTORS["bodies"], MESSAGES, strict=True)), ids=lambda v: type(v).__name__
)
def test_each_body_reads_as_its_message(vector, message):
    assert message == codec.decode(Purpose(vector["purpose"]), bytes.fromhex(vector["body"]))


@pytest.mark.parametrize("name", ENVELOPES)
def test_each_header_is_what_a_protobuf_writer_of_ten_lines_makes(name):
    fields = ENVELOPES[name]["header_fields"]
    parts = [
        number(1, fields["protocol_version"]),
        number(2, fields["purpose"]),
        chunk(3, fields["network"].encode()),
        *(chunk(at, bytes.fromhex(fields[key] or "")) for at, key in ((4, "params_digest"), (5, "sender"))),
        *(chunk(at, bytes.fromhex(fields[key] or "")) for at, key in ((6, "recipient"), (7, "nonce"))),
        number(8, fields["issued_at_ms"]),
        number(9, fields["deadline_ms"]),
        *(chunk(at, bytes.fromhex(fields[key] or "")) for at, key in ((10, "body_sha256"), (11, "in_reply_to"))),
        chunk(12, fields["topic"].encode()),
        number(13, fields["sequence"]),
    ]

    assert bytes.fromhex(ENVELOPES[name]["header"]) == b"".join(parts)


def varint(value):
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def number(field, value):
    return varint(field << 3) + varint(value) if value else b""


def chunk(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value if value else b""


@pytest.mark.parametrize("name", ENVELOPES)
def test_each_envelope_is_signed_and_put_together_as_described(name):
    vector = {key: bytes.fromhex(value) for key, value in ENVELOPES[name].items() if key != "header_fields"}
    sender = bytes.fromhex(ENVELOPES[name]["header_fields"]["sender"])

    Ed25519PublicKey.from_public_bytes(sender).verify(
        vector["signature"], b"augury/envelope/1\0" + vector["header"]
    )  # raises unless it is right
    assert hashlib.sha256(vector["body"]).hexdigest() == ENVELOPES[name]["header_fields"]["body_sha256"]
    assert vector["envelope"] == chunk(1, vector["header"]) + chunk(2, vector["signature"]) + chunk(3, vector["body"])


def test_the_reply_names_the_request():
    request = bytes.fromhex(ENVELOPES["request"]["header"])

    assert hashlib.sha256(request).hexdigest() == ENVELOPES["reply"]["header_fields"]["in_reply_to"]


def test_the_receipt_is_signed_as_described():
    receipt = VECTORS["receipt"]

    Ed25519PublicKey.from_public_bytes(bytes.fromhex(receipt["validator"])).verify(
        bytes.fromhex(receipt["signature"]), bytes.fromhex(receipt["signed_bytes"])
    )  # raises unless it is right
    assert receipt["signed_bytes"].startswith(b"augury/receipt/1\0\x01".hex())


def test_the_sessions_key_is_what_hkdf_makes_of_the_shared_secret():
    session = VECTORS["session"]
    terms = {name: bytes.fromhex(value) for name, value in session["terms"].items()}
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(session["subscriber_private"]))
    secret = private.exchange(X25519PublicKey.from_public_bytes(terms["validator_key"]))
    told = b"".join(terms[name] for name in ("subscriber", "validator", "subscriber_key", "validator_key"))

    extracted = hmac.digest(terms["request"], secret, "sha256")
    assert session["mac_key"] == hmac.digest(extracted, b"augury/session/1\0" + told + b"\x01", "sha256").hex()


def test_the_sessions_frames_and_checkpoint_are_as_described():
    session = VECTORS["session"]
    terms = {name: bytes.fromhex(value) for name, value in session["terms"].items()}
    told = b"".join(terms[name] for name in ("request", "subscriber", "validator", "subscriber_key", "validator_key"))
    chain = hashlib.sha256(b"augury/chain/1\0" + told).digest()
    for counter in range(1, 65):
        chain = hashlib.sha256(chain + counter.to_bytes(8, "little") + b"payload %d" % counter).digest()
    frame = codec.decode_frame(bytes.fromhex(session["frames"]["64"]))
    mac = hashlib.blake2b(
        (64).to_bytes(8, "little") + b"payload 64", key=bytes.fromhex(session["mac_key"]), digest_size=16
    )

    assert session["link_64"] == chain.hex()
    assert mac.digest() == frame.mac
    Ed25519PublicKey.from_public_bytes(terms["validator"]).verify(
        frame.checkpoint, b"augury/checkpoint/1\0" + terms["request"] + (64).to_bytes(8, "little") + chain
    )  # raises unless it is right
