"""Writes tests/vectors/wire.json: `python -m tests.support.wire_vectors > tests/vectors/wire.json`.

Everything in it follows from two seeds, two X25519 keys and the messages of tests/support/samples.py, so that
someone who writes a node in another language can check each step on its own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from google.protobuf.json_format import MessageToDict

from protocol import messages as m
from protocol.codec import WIRE_TYPES, encode, encode_frame, encode_header
from protocol.commitment import commitment
from protocol.envelope import DOMAIN
from protocol.keys import SigningKey
from protocol.messages import Header, Purpose
from protocol.proto.augury.v1 import news_pb2
from protocol.receipts import signed_bytes
from protocol.sessions import (
    CHECKPOINT_EVERY,
    SessionSender,
    SessionTerms,
    agree_mac_key,
    checkpoint_bytes,
    first_link,
    next_link,
    session_public_key,
)
from protocol.units import Digest, Hotkey, UnixMs
from protocol.wrapper import encode_envelope
from tests.support.samples import ANSWER, DIGEST, MESSAGES, MINER, OPENING, RECEIPT, ROUND, SALT, SUMMARY, VALIDATOR

SEEDS = {"validator": bytes(range(32)), "miner": bytes(range(32, 64))}
SUBSCRIBER_PRIVATE, VALIDATOR_PRIVATE = b"\x11" * 32, b"\x22" * 32
ISSUED_MS = 1_760_000_040_000


def build() -> dict[str, Any]:
    """The whole file as plain values; bytes in hex."""
    request = sealed(m.CommitRequest(OPENING), VALIDATOR, MINER.hotkey, nonce=b"\x01" * 16)
    reply = sealed(
        m.CommitReply(ROUND, DIGEST), MINER, VALIDATOR.hotkey, nonce=b"\x02" * 16,
        in_reply_to=Digest(bytes.fromhex(request["header_sha256"])),
    )  # fmt: skip
    news = sealed(m.RoundNews(SUMMARY), VALIDATOR, None, nonce=b"\x03" * 16, topic="rounds/x/y", sequence=7)
    return {
        "about": "The wire byte by byte: bodies, envelopes, a commitment, a receipt, a session. Bytes are hex.",
        "source": (
            "tests/support/wire_vectors.py; tests/protocol/test_wire_vectors.py rebuilds headers with a protobuf "
            "writer of its own, bodies from `fields` (protobuf JSON), signatures with OpenSSL's Ed25519"
        ),
        "keys": {name: {"seed": seed.hex(), "hotkey": SigningKey(seed).hotkey.hex()} for name, seed in SEEDS.items()},
        "bodies": [body_of(message) for message in MESSAGES],
        "envelopes": {"request": request, "reply": reply, "broadcast": news},
        "commitment": {
            "round_id": ROUND.hex(),
            "miner": MINER.hotkey.hex(),
            "shape": list(ANSWER.shape),
            "dtype": ANSWER.dtype,
            "values": ANSWER.values.hex(),
            "salt": SALT.hex(),
            "commitment": commitment(ROUND, MINER.hotkey, ANSWER, SALT).hex(),
        },
        "receipt": {**plain(asdict(RECEIPT)), "signed_bytes": signed_bytes(RECEIPT).hex()},
        "session": session(),
    }


def body_of(message: m.Message) -> dict[str, Any]:
    """One message: its purpose, its protobuf JSON and its bytes."""
    wire: Any = news_pb2.Broadcast if message.PURPOSE is Purpose.BROADCAST else WIRE_TYPES[type(message)]
    body = encode(message)
    return {
        "message": type(message).__name__,
        "purpose": int(message.PURPOSE),
        "fields": MessageToDict(wire.FromString(body), preserving_proto_field_name=True),
        "body": body.hex(),
    }


def sealed(
    message: m.Message, key: SigningKey, recipient: Hotkey | None, *, nonce: bytes, **more: Any
) -> dict[str, Any]:
    """One envelope and the steps on the way to it. Its params digest is made up, so that no params' change moves it."""
    body = encode(message)
    header = Header(
        protocol_version=1,
        network="augury-vectors",
        params_digest=Digest(bytes([0xF6]) * 32),
        purpose=message.PURPOSE,
        sender=key.hotkey,
        recipient=recipient,
        nonce=nonce,
        issued_at_ms=UnixMs(ISSUED_MS),
        deadline_ms=UnixMs(ISSUED_MS + 10_000),
        body_sha256=Digest(hashlib.sha256(body).digest()),
        **more,
    )
    raw = encode_header(header)
    signature = key.sign(DOMAIN + raw)
    return {
        "header_fields": plain(asdict(header)),
        "header": raw.hex(),
        "header_sha256": hashlib.sha256(raw).hexdigest(),
        "signature": signature.hex(),
        "body": body.hex(),
        "envelope": encode_envelope(raw, signature, body).hex(),
    }


def session() -> dict[str, Any]:
    """A session's key, its first frames and its first checkpoint; frame n carries the text "payload n"."""
    terms = SessionTerms(
        MINER.hotkey,
        VALIDATOR.hotkey,
        session_public_key(SUBSCRIBER_PRIVATE),
        session_public_key(VALIDATOR_PRIVATE),
        DIGEST,
    )
    sender, chain = SessionSender(VALIDATOR_PRIVATE, terms, VALIDATOR), first_link(terms)
    frames = []
    for number in range(1, CHECKPOINT_EVERY + 1):
        payload = b"payload %d" % number
        frames.append(encode_frame(sender.frame(payload)).hex())
        chain = next_link(chain, number, payload)
    return {
        "subscriber_private": SUBSCRIBER_PRIVATE.hex(),
        "validator_private": VALIDATOR_PRIVATE.hex(),
        "terms": plain(asdict(terms)),
        "mac_key": agree_mac_key(SUBSCRIBER_PRIVATE, terms).hex(),
        "first_link": first_link(terms).hex(),
        "frames": {"1": frames[0], "2": frames[1], "64": frames[-1]},
        "link_64": chain.hex(),
        "checkpoint_64_bytes": checkpoint_bytes(terms, CHECKPOINT_EVERY, chain).hex(),
    }


def plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}


if __name__ == "__main__":
    print(json.dumps(build(), indent=1))
