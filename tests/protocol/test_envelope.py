"""Seal and open: replies, broadcasts and evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from protocol import messages as m
from protocol.codec import encode
from protocol.envelope import (
    MAX_SMALL_BODY_BYTES,
    check_body_size,
    open_broadcast,
    open_evidence,
    open_reply,
    request_key,
    seal,
    seal_body,
    seal_reply,
)
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
from protocol.messages import Purpose
from protocol.params import DEMO, MAIN
from tests.support.samples import DIGEST, MESSAGES, MINER, OPENING, ROUND, SUMMARY, VALIDATOR
from tests.support.strategies import messages

NOW = 1_760_000_000_000
LATER_RULES = replace(MAIN, version=2)
QUESTION, COMMITTED, NEWS = m.CommitRequest(OPENING), m.CommitReply(ROUND, DIGEST), m.RoundNews(SUMMARY)
TIMES = {"issued_at_ms": NOW, "deadline_ms": NOW + 10_000}
ACCEPTED = {MAIN.digest: MAIN}


def ask(message=QUESTION, **changes):
    given_fields = {"key": VALIDATOR, "params": MAIN, "recipient": MINER.hotkey, "nonce": b"q" * 16, **TIMES}
    return seal(message, **{**given_fields, **changes})


def reply(request, message=COMMITTED, **changes):
    given_fields = {
        "key": MINER,
        "params": MAIN,
        "recipient": VALIDATOR.hotkey,
        "nonce": b"r" * 16,
        "in_reply_to": request.header_digest,
        **TIMES,
    }
    return seal(message, **{**given_fields, **changes}).raw


def read(raw, request, **changes):
    return open_reply(raw, request=request, **{"params": MAIN, "now_ms": NOW + 500, **changes})


def broadcast(message=NEWS, **changes):
    given_fields = {
        "key": VALIDATOR,
        "params": MAIN,
        "recipient": None,
        "nonce": b"b" * 16,
        "topic": "rounds/x/y",
        "sequence": 1,
        **TIMES,
    }
    return seal(message, **{**given_fields, **changes}).raw


def test_a_reply_opens_as_what_was_said_with_the_bytes_that_prove_it():
    request = ask()
    raw = reply(request)
    opened = read(raw, request)

    assert m.CommitReply(ROUND, DIGEST) == opened.message
    assert MINER.hotkey == opened.header.sender
    assert raw is opened.raw


@settings(max_examples=60, deadline=None)
@given(messages())
def test_every_reply_and_broadcast_opens_as_what_was_said(message):
    if message.PURPOSE is Purpose.BROADCAST:
        opened = open_broadcast(broadcast(message), sender=VALIDATOR.hotkey, accepted=ACCEPTED, now_ms=NOW)
        assert message == opened.message
    elif message.PURPOSE > 100:
        request = seal_body(
            b"", purpose=Purpose(message.PURPOSE - 100), key=VALIDATOR, params=MAIN, recipient=MINER.hotkey,
            nonce=b"q" * 16, **TIMES,
        )  # fmt: skip
        assert message == read(reply(request, message), request).message


def test_a_body_encoded_once_is_sealed_for_many():
    sealed = seal_body(
        encode(m.CommitRequest(OPENING)), purpose=Purpose.COMMIT, key=VALIDATOR, params=MAIN, recipient=MINER.hotkey,
        nonce=b"q" * 16, **TIMES,
    )  # fmt: skip

    assert ask() == sealed


def test_an_empty_body_is_signed_like_any_other():
    request = ask(m.DescribeRequest())

    assert (
        m.DescribeRequest()
        == open_evidence(request.raw, purpose=Purpose.DESCRIBE, network=MAIN.network, max_bytes=1_000).message
    )


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (NotInReply, {"in_reply_to": ask(nonce=b"z" * 16).header_digest}),
        (NotInReply, {"in_reply_to": None}),
        (NotInReply, {"key": VALIDATOR}),
        (WrongRecipient, {"recipient": MINER.hotkey}),
        (WrongPurpose, {"message": m.FeedbackReply()}),
        (WrongPurpose, {"message": m.CommitRequest(OPENING)}),
        (WrongNetwork, {"params": DEMO}),
        (UpgradeNeeded, {"params": LATER_RULES}),
        (UpgradeNeeded, {"params": replace(MAIN, wire=replace(MAIN.wire, protocol_version=2))}),
        (OutsideTimeWindow, {"issued_at_ms": NOW - 40_000}),
        (OutsideTimeWindow, {"issued_at_ms": NOW + 31_000, "deadline_ms": NOW + 60_000}),
        (Expired, {"issued_at_ms": NOW, "deadline_ms": NOW + 499}),
        (Malformed, {"deadline_ms": NOW + MAIN.wire.max_lifetime_ms + 1}),
    ],
    ids=[
        "another request", "no request", "another key", "another recipient", "another reply", "a request",
        "another network", "later params", "later protocol", "old", "from the future", "expired", "lives too long",
    ],
)  # fmt: skip
def test_a_reply_that_is_not_the_one_asked_for_is_refused(error, changes):
    request = ask()
    with pytest.raises(error) as refused:
        read(reply(request, **changes), request)
    assert "offender" not in refused.value.fields


def test_a_known_skew_widens_the_window_both_ways():
    request = ask()
    late = reply(request, issued_at_ms=NOW - 40_000, deadline_ms=NOW)
    early = reply(request, issued_at_ms=NOW + 40_000, deadline_ms=NOW + 50_000)

    assert read(late, request, skew_ms=11_000).raw == late
    assert read(early, request, skew_ms=11_000).raw == early


def test_the_envelope_of_a_reply_is_the_same_whoever_seals_it():
    request = ask()
    raw = seal_reply(
        encode(COMMITTED), asked=request.header, asked_digest=request.header_digest, key=MINER, params=MAIN,
        nonce=b"r" * 16, **TIMES,
    )  # fmt: skip

    assert reply(request) == raw


def test_a_body_that_was_swapped_on_the_way_is_refused():
    request = ask()
    raw, other = reply(request), reply(request, m.CommitReply(ROUND, ROUND))

    with pytest.raises(BodyMismatch) as refused:
        read(raw[:-68] + other[-68:], request)
    assert "offender" not in refused.value.fields


def test_a_signed_body_that_is_no_message_is_its_signers_fault():
    request = ask()
    raw = seal_body(
        b"\xff\xff", purpose=Purpose.COMMIT_REPLY, key=MINER, params=MAIN, recipient=VALIDATOR.hotkey,
        nonce=b"r" * 16, in_reply_to=request.header_digest, **TIMES,
    ).raw  # fmt: skip

    with pytest.raises(Malformed) as refused:
        read(raw, request)
    assert refused.value.fields["offender"] == MINER.hotkey


def test_only_purposes_with_an_answer_may_have_a_large_body():
    check_body_size(Purpose.REVEAL_REPLY, MAIN.wire.max_body_bytes, MAIN.wire)
    check_body_size(Purpose.ROUNDS_REPLY, MAX_SMALL_BODY_BYTES, MAIN.wire)

    with pytest.raises(Malformed):
        check_body_size(Purpose.REVEAL_REPLY, MAIN.wire.max_body_bytes + 1, MAIN.wire)
    with pytest.raises(Malformed):
        check_body_size(Purpose.COMMIT_REPLY, MAX_SMALL_BODY_BYTES + 1, MAIN.wire)


def test_a_broadcast_opens_for_everyone():
    opened = open_broadcast(broadcast(), sender=VALIDATOR.hotkey, accepted=ACCEPTED, now_ms=NOW + 1)

    assert (m.RoundNews(SUMMARY), "rounds/x/y", 1) == (opened.message, opened.header.topic, opened.header.sequence)


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (BadSignature, {"key": MINER}),
        (WrongNetwork, {"params": DEMO}),
        (UpgradeNeeded, {"params": LATER_RULES}),
        (OutsideTimeWindow, {"issued_at_ms": NOW - 40_000}),
        (WrongPurpose, {"message": m.FeedbackReply(), "recipient": MINER.hotkey}),
    ],
    ids=["another key", "another network", "later params", "old", "a reply"],
)
def test_a_broadcast_that_is_not_the_validators_is_refused(error, changes):
    with pytest.raises(error):
        open_broadcast(broadcast(**changes), sender=VALIDATOR.hotkey, accepted=ACCEPTED, now_ms=NOW)


def test_evidence_is_checked_again_years_later_by_anyone():
    raw = reply(ask())
    opened = open_evidence(raw, purpose=Purpose.COMMIT_REPLY, network=MAIN.network, max_bytes=len(raw))

    assert m.CommitReply(ROUND, DIGEST) == opened.message
    with pytest.raises(WrongPurpose):
        open_evidence(raw, purpose=Purpose.REVEAL_REPLY, network=MAIN.network, max_bytes=len(raw))
    with pytest.raises(WrongNetwork):
        open_evidence(raw, purpose=Purpose.COMMIT_REPLY, network="another", max_bytes=len(raw))


def test_a_retry_has_the_key_of_its_request_and_nothing_else_has():
    first = ask()

    assert request_key(first.header) == request_key(ask(nonce=b"z" * 16, issued_at_ms=NOW + 5).header)
    others = [ask(key=MINER), ask(m.DescribeRequest()), ask(m.CommitRequest(replace(OPENING, steps=99)))]
    assert 4 == len({request_key(sealed.header) for sealed in (first, *others)})


def test_every_sample_has_a_purpose_to_be_sealed_for():
    assert {message.PURPOSE for message in MESSAGES} == set(Purpose)
