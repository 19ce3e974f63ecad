"""What somebody on the way, or a hostile peer, can do to an envelope: nothing that is acted on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import messages as m
from protocol.admission import Gate, SenderStanding
from protocol.codec import decode_header, encode_header
from protocol.envelope import DOMAIN, open_reply, seal, seal_body
from protocol.errors import (
    AuguryError,
    BadSignature,
    BodyMismatch,
    Ignored,
    Malformed,
    NotInReply,
    Rejected,
    WrongPurpose,
    WrongRecipient,
)
from protocol.keys import SigningKey
from protocol.messages import Purpose
from protocol.params import MAIN
from protocol.wrapper import encode_envelope, split_envelope
from tests.support.samples import ANSWER, DIGEST, MINER, OPENING, ROUND, SALT, VALIDATOR

NOW = 1_760_000_000_000
OTHER = SigningKey(b"o" * 32)
QUESTION, COMMITTED = m.CommitRequest(OPENING), m.CommitReply(ROUND, DIGEST)
TIMES = {"issued_at_ms": NOW, "deadline_ms": NOW + 10_000}


class Everybody:
    """A list on which every key stands: what is refused here is refused for what it is."""

    def standing_of(self, hotkey):
        return SenderStanding(known=True)


def gate(me=MINER):
    return Gate(me=me.hotkey, accepted=(MAIN,), senders=Everybody())


def seal_request(message=QUESTION, *, recipient=MINER, nonce=b"q" * 16, key=VALIDATOR):
    return seal(message, key=key, params=MAIN, recipient=recipient.hotkey, nonce=nonce, **TIMES)


def seal_reply(request, message=COMMITTED, *, key=MINER):
    return seal(
        message, key=key, params=MAIN, recipient=VALIDATOR.hotkey, nonce=b"r" * 16,
        in_reply_to=request.header_digest, **TIMES,
    ).raw  # fmt: skip


def flips(raw):
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def admit(at, raw, purpose=Purpose.COMMIT):
    return at.admit(raw, purpose=purpose, peer_ip="192.0.2.1", now_ms=NOW)


def refusal(call, *arguments, **named):
    """The error, which must be a typed one; no other gets out."""
    with pytest.raises((Rejected, Ignored)) as refused:
        call(*arguments, **named)
    return refused.value


def test_a_request_with_any_one_bit_flipped_is_refused_and_blames_nobody():
    refused = [refusal(admit, gate(), raw) for raw in flips(seal_request().raw)]

    assert all("offender" not in error.fields for error in refused)
    assert {"malformed", "bad-signature", "body-mismatch"} < {error.code for error in refused}


def test_a_flipped_bit_of_signature_or_body_is_called_what_it_is():
    raw = seal_request().raw
    header, signature, body = split_envelope(raw, len(raw))

    signatures = {type(refusal(admit, gate(), encode_envelope(header, bad, body))) for bad in flips(signature)}
    bodies = {type(refusal(admit, gate(), encode_envelope(header, signature, bad))) for bad in flips(body)}

    assert ({BadSignature}, {BodyMismatch}) == (signatures, bodies)


def test_a_reply_with_any_one_bit_flipped_is_refused():
    request = seal_request()
    for raw in flips(seal_reply(request)):
        refusal(open_reply, raw, request=request, params=MAIN, now_ms=NOW)


def test_a_request_cut_short_anywhere_is_refused():
    raw = seal_request().raw
    for length in range(len(raw)):
        refusal(admit, gate(), raw[:length])


def test_replies_that_change_places_are_refused():
    first = seal_request(nonce=b"1" * 16)
    second = seal_request(nonce=b"2" * 16)

    swapped = refusal(open_reply, seal_reply(second), request=first, params=MAIN, now_ms=NOW)
    assert NotInReply is type(swapped)


def test_another_miner_cannot_answer_in_a_miners_place():
    request = seal_request()

    assert NotInReply is type(
        refusal(open_reply, seal_reply(request, key=OTHER), request=request, params=MAIN, now_ms=NOW)
    )


def test_a_request_cannot_be_passed_on_to_another_node():
    assert WrongRecipient is type(refusal(admit, gate(me=OTHER), seal_request().raw))


def test_a_request_cannot_be_sent_to_another_call():
    raw = seal_request(m.SubmitRequest("closes", ROUND.hex(), SALT, ANSWER)).raw

    for purpose in Purpose:
        if purpose is not Purpose.SUBMIT:
            assert WrongPurpose is type(refusal(admit, gate(), raw, purpose))


def test_a_reply_cannot_be_sent_back_as_a_request():
    raw = seal_reply(seal_request())

    assert WrongPurpose is type(refusal(admit, gate(me=VALIDATOR), raw))


def test_the_unsigned_are_not_let_in_whatever_stands_in_the_signatures_place():
    header, _, body = split_envelope(seal_request().raw, 10_000)
    unsigned = b"\x0a" + bytes([len(header) & 127 | 128, len(header) >> 7]) + header

    assert BadSignature is type(refusal(admit, gate(), unsigned))
    assert BadSignature is type(refusal(admit, gate(), encode_envelope(header, bytes(64), body)))
    assert BadSignature is type(refusal(admit, gate(), encode_envelope(header, b"\xff" * 64, body)))


def test_a_signature_for_something_else_does_not_seal_an_envelope():
    header, _, body = split_envelope(seal_request().raw, 10_000)
    for told in (header, b"augury/receipt/1\0" + header, DOMAIN + body):
        assert BadSignature is type(refusal(admit, gate(), encode_envelope(header, VALIDATOR.sign(told), body)))


@pytest.mark.parametrize("identity", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32], ids=["zero", "neutral", "ones"])
def test_a_key_for_which_anything_verifies_is_no_key(identity):
    header, _, body = split_envelope(seal_request().raw, 10_000)
    fields = decode_header(header)
    forged = type(fields)(**{name: getattr(fields, name) for name in fields.__slots__} | {"sender": identity})

    for signature in (identity + bytes(32), bytes(64), b"\x01" + bytes(63)):
        assert BadSignature is type(refusal(admit, gate(), encode_envelope(encode_header(forged), signature, body)))


def test_a_signature_with_the_group_order_added_is_refused():
    """Ed25519's second form of the same signature, which lenient libraries take."""
    order = 2**252 + 27742317777372353535851937790883648493
    header, signature, body = split_envelope(seal_request().raw, 10_000)
    scalar = int.from_bytes(signature[32:], "little") + order

    second = signature[:32] + scalar.to_bytes(32, "little")
    assert BadSignature is type(refusal(admit, gate(), encode_envelope(header, second, body)))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=500))
def test_any_bytes_are_refused_with_a_typed_error(raw):
    refusal(admit, gate(), raw)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(Purpose))
def test_any_signed_body_is_admitted_or_malformed(body, purpose):
    sealed = seal_body(
        body, purpose=purpose, key=VALIDATOR, params=MAIN, nonce=bytes(16), **TIMES,
        **({"recipient": None, "topic": "t"} if purpose is Purpose.BROADCAST else {"recipient": MINER.hotkey}),
    )  # fmt: skip
    try:
        admitted = admit(gate(), sealed.raw, purpose)
    except AuguryError as error:
        assert type(error) is (WrongRecipient if purpose is Purpose.BROADCAST else Malformed)  # noqa: PT017
    else:
        assert purpose is admitted.message.PURPOSE
