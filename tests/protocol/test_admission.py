"""The gate: what it lets in, what it refuses, in which order, and that a refusal changes nothing."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from protocol import messages as m
from protocol.admission import OPEN_TO_ANYONE, Gate, SenderStanding
from protocol.envelope import seal, seal_body
from protocol.errors import (
    BadSignature,
    BodyMismatch,
    Expired,
    Ignored,
    KeyEnded,
    Malformed,
    OutsideTimeWindow,
    Overloaded,
    RateLimited,
    Rejected,
    Replayed,
    StandingTooLow,
    UnknownSender,
    UpgradeNeeded,
    WrongNetwork,
    WrongPurpose,
    WrongRecipient,
)
from protocol.keys import SigningKey
from protocol.messages import Purpose
from protocol.params import DEMO, MAIN
from protocol.wrapper import encode_envelope
from tests.support.samples import ANCHOR_MS, MINER, OPENING, VALIDATOR

NOW = 1_760_000_000_000
STRANGER = SigningKey(b"s" * 32)
NEXT = replace(MAIN, version=2)
ASK = m.CommitRequest(OPENING)


class KnownValidators:
    """A list of senders held in memory."""

    def __init__(self):
        self.standings = {VALIDATOR.hotkey: SenderStanding(known=True)}

    def standing_of(self, hotkey):
        return self.standings.get(hotkey, SenderStanding(known=False))


def new_gate(senders=None, params=(MAIN,), **limits):
    return Gate(me=MINER.hotkey, accepted=params, senders=senders or KnownValidators(), **limits)


def request(message=ASK, *, number=0, **changes):
    given_fields = {
        "key": VALIDATOR,
        "params": MAIN,
        "recipient": MINER.hotkey,
        "nonce": number.to_bytes(16, "big"),
        "issued_at_ms": NOW,
        "deadline_ms": NOW + 10_000,
    }
    return seal(message, **{**given_fields, **changes}).raw


def admit(gate, raw, *, purpose=Purpose.COMMIT, peer_ip="192.0.2.1", now_ms=NOW, **more):
    return gate.admit(raw, purpose=purpose, peer_ip=peer_ip, now_ms=now_ms, **more)


def with_wire(**changes):
    return replace(MAIN, wire=replace(MAIN.wire, **changes))


def test_a_sound_request_is_admitted_with_all_that_its_handler_needs():
    raw = request()
    admitted = admit(new_gate(), raw)

    assert (ASK, raw, MAIN) == (admitted.message, admitted.raw, admitted.params)
    assert VALIDATOR.hotkey == admitted.header.sender
    assert NOW + 10_000 + MAIN.wire.time_window_ms == admitted.nonce_expires_at_ms


def test_a_request_is_admitted_once():
    gate, raw = new_gate(), request()
    admit(gate, raw)

    with pytest.raises(Replayed):
        admit(gate, raw)


def test_a_stored_nonce_is_refused_after_a_restart():
    raw = request()
    admitted = admit(new_gate(), raw)
    restarted = new_gate()
    restarted.restore([(admitted.header.sender, admitted.header.nonce, admitted.nonce_expires_at_ms)], now_ms=NOW + 100)

    with pytest.raises(Replayed):
        admit(restarted, raw, now_ms=NOW + 200)


def test_a_nonce_that_its_signer_used_again_is_refused_after_a_restart_whatever_the_clock_then_says():
    gate = new_gate()
    first = admit(gate, request())
    later = first.nonce_expires_at_ms + 1
    times = {"issued_at_ms": later, "deadline_ms": later + 10_000}
    admit(gate, request(number=1, **times), now_ms=later)
    raw = request(**times)
    rows = [
        (admitted.header.sender, admitted.header.nonce, admitted.nonce_expires_at_ms)
        for admitted in (first, admit(gate, raw, now_ms=later))
    ]
    for stepped_back_ms in (0, 2):
        restarted = new_gate()
        restarted.restore(rows, now_ms=later - stepped_back_ms)
        admit(restarted, request(number=2, **times), now_ms=later + 1)

        with pytest.raises(Replayed):
            admit(restarted, raw, now_ms=later + 1)


def test_a_retry_with_a_new_nonce_is_admitted():
    gate = new_gate()
    admit(gate, request(number=1))

    assert ASK == admit(gate, request(number=2)).message


@pytest.mark.parametrize("lifetime_ms", [0, 10_000, 40_000, 300_000])
def test_no_instant_exists_at_which_a_replay_gets_in(lifetime_ms):
    """Other requests come in between, so that the gate forgets what it may forget."""
    gate, raw = new_gate(), request(deadline_ms=NOW + lifetime_ms)
    admit(gate, raw)

    for now_ms in [*range(NOW, NOW + 120_000, 1_000), *range(NOW + 60_000, NOW - 60_000, -7_000)]:
        filler = request(number=now_ms, issued_at_ms=now_ms, deadline_ms=now_ms + 60_000)
        try_to_admit(gate, filler, now_ms=now_ms)
        assert refusal(gate, raw, now_ms=now_ms, skew_ms=10**9) in {Replayed, Expired, OutsideTimeWindow}


def try_to_admit(gate, raw, **when):
    """Lets it in where the gate does: after its clock stepped back it may not."""
    with contextlib.suppress(Replayed, Expired):
        admit(gate, raw, **when)


def test_a_replay_by_someone_who_was_a_stranger_and_is_known_now_is_refused():
    senders = KnownValidators()
    gate = new_gate(senders)
    raw = request(m.StandingsRequest("s", "c"), key=STRANGER)
    admit(gate, raw, purpose=Purpose.STANDINGS)
    senders.standings[STRANGER.hotkey] = SenderStanding(known=True)

    with pytest.raises(Replayed):
        admit(gate, raw, purpose=Purpose.STANDINGS)


def test_every_refusal_leaves_the_nonce_free():
    gate, raw = new_gate(), request()
    with pytest.raises(WrongPurpose):
        admit(gate, raw, purpose=Purpose.REVEAL)
    with pytest.raises(BodyMismatch):
        admit(gate, raw[:-1] + bytes([raw[-1] ^ 1]))

    assert ASK == admit(gate, raw).message


def test_strangers_may_read_and_register_and_act_on_streams_and_nothing_else():
    gate = new_gate()
    ask = m.RegisterRequest("127.0.0.1:9101", ("closes.point",))

    assert ask == admit(gate, request(ask, key=STRANGER), purpose=Purpose.REGISTER).message
    reading = {Purpose.ROUNDS, Purpose.STANDINGS, Purpose.EXPLAIN, Purpose.WATCH, Purpose.STREAM_READ}
    assert reading | {Purpose.REGISTER, Purpose.STREAM_ACT} == OPEN_TO_ANYONE
    with pytest.raises(UnknownSender):
        admit(gate, request(key=STRANGER))


def test_strangers_cannot_crowd_out_the_nonces_of_the_known():
    gate = new_gate(max_nonces=1, max_strangers_nonces=1)
    read = m.StandingsRequest("s", "c")
    admit(gate, request(read, key=STRANGER, number=1), purpose=Purpose.STANDINGS)

    with pytest.raises(Overloaded):
        admit(gate, request(read, key=STRANGER, number=2), purpose=Purpose.STANDINGS)
    assert ASK == admit(gate, request(number=3)).message


def test_a_suspended_sender_is_told_until_when():
    senders = KnownValidators()
    senders.standings[VALIDATOR.hotkey] = SenderStanding(known=True, suspended_until_ms=NOW + 1)
    gate = new_gate(senders)

    with pytest.raises(StandingTooLow) as refused:
        admit(gate, request())
    assert NOW + 1 == refused.value.fields["suspended_until_ms"]
    assert ASK == admit(gate, request(), now_ms=NOW + 1).message


def test_a_key_that_has_ended_may_do_nothing_and_only_its_own_signature_says_so():
    senders = KnownValidators()
    senders.standings[VALIDATOR.hotkey] = SenderStanding(known=True, ended=True)
    gate = new_gate(senders)
    raw = request()

    with pytest.raises(KeyEnded):
        admit(gate, raw)
    with pytest.raises(BadSignature):
        admit(gate, flip_signature(raw))


def test_several_versions_of_the_params_are_accepted_and_handed_on():
    gate = new_gate(params=(MAIN, NEXT))

    assert NEXT == admit(gate, request(params=NEXT, number=1)).params
    assert MAIN == admit(gate, request(params=MAIN, number=2)).params


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (UpgradeNeeded, {"params": NEXT}),
        (UpgradeNeeded, {"params": with_wire(protocol_version=2)}),
        (WrongNetwork, {"params": DEMO}),
        (WrongRecipient, {"recipient": STRANGER.hotkey}),
        (Malformed, {"deadline_ms": NOW + MAIN.wire.max_lifetime_ms + 1}),
        (OutsideTimeWindow, {"issued_at_ms": NOW - 30_001}),
        (OutsideTimeWindow, {"issued_at_ms": NOW + 30_001, "deadline_ms": NOW + 40_000}),
        (Expired, {"issued_at_ms": NOW - 10, "deadline_ms": NOW - 1}),
    ],
    ids=["later params", "later protocol", "network", "recipient", "lives too long", "old", "future", "expired"],
)
def test_a_request_that_is_not_for_here_and_now_is_refused(error, changes):
    with pytest.raises(error):
        admit(new_gate(), request(**changes))


def test_the_window_is_wide_enough_to_the_last_millisecond():
    assert admit(new_gate(), request(issued_at_ms=NOW - 30_000))
    assert admit(new_gate(), request(issued_at_ms=NOW + 30_000, deadline_ms=NOW + 30_000))
    assert admit(new_gate(), request(issued_at_ms=NOW - 60_000, deadline_ms=NOW), skew_ms=30_000)


def test_a_skew_beyond_the_window_is_not_believed():
    with pytest.raises(OutsideTimeWindow):
        admit(new_gate(), request(issued_at_ms=NOW - 60_001), skew_ms=10**9)


def test_an_address_has_a_bucket_whoever_signs():
    gate = new_gate(params=(with_wire(ip_bucket_size=1, ip_bucket_per_second=1),))
    params = with_wire(ip_bucket_size=1, ip_bucket_per_second=1)
    with pytest.raises(Malformed):
        admit(gate, b"rubbish", peer_ip="198.51.100.1")

    with pytest.raises(RateLimited):
        admit(gate, request(params=params), peer_ip="198.51.100.1")
    assert ASK == admit(gate, request(params=params), peer_ip="198.51.100.2").message


def test_a_key_has_a_bucket_from_whatever_address():
    params = with_wire(key_bucket_size=1, key_bucket_per_second=1)
    gate = new_gate(params=(params,))
    admit(gate, request(params=params, number=1), peer_ip="198.51.100.1")

    with pytest.raises(RateLimited):
        admit(gate, request(params=params, number=2), peer_ip="198.51.100.2")
    assert ASK == admit(gate, request(params=params, number=2), now_ms=NOW + 1_000).message


def test_nobody_empties_a_keys_bucket_without_its_signature():
    params = with_wire(key_bucket_size=1, key_bucket_per_second=1)
    gate = new_gate(params=(params,))
    good = request(params=params)
    with pytest.raises(BadSignature):
        admit(gate, flip_signature(good))

    assert ASK == admit(gate, good).message


def flip_signature(raw):
    at = raw.index(b"\x12\x40") + 10
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def test_checks_come_cheapest_first():
    """A request with every fault is refused for each in turn as the ones before are mended."""
    senders = KnownValidators()
    params = with_wire(key_bucket_size=0, key_bucket_per_second=0)
    bad = {"params": DEMO, "recipient": STRANGER.hotkey, "issued_at_ms": NOW - 40_000, "key": STRANGER}
    mended = [
        (WrongNetwork, {}),
        (WrongPurpose, {"params": params, "message": m.DescribeRequest()}),
        (WrongRecipient, {"message": ASK}),
        (OutsideTimeWindow, {"recipient": MINER.hotkey}),
        (UnknownSender, {"issued_at_ms": NOW}),
        (BadSignature, {"key": VALIDATOR}),
    ]
    senders.standings[VALIDATOR.hotkey] = SenderStanding(known=True, suspended_until_ms=NOW + 1)
    gate = new_gate(senders, params=(params,))
    found = []
    for _, mending in mended:
        bad.update(mending)
        found.append(refusal(gate, flip_signature(request(**bad))))
    good = request(**bad)
    found.append(refusal(gate, good))
    senders.standings[VALIDATOR.hotkey] = SenderStanding(known=True)
    found.append(refusal(gate, good))

    assert [error for error, _ in mended] + [StandingTooLow, RateLimited] == found


def refusal(gate, raw, **when):
    with pytest.raises((Rejected, Ignored)) as refused:
        admit(gate, raw, **when)
    return type(refused.value)


def test_a_signed_body_that_is_no_message_is_its_signers_fault():
    raw = seal_body(
        b"\xff\xff", purpose=Purpose.COMMIT, key=VALIDATOR, params=MAIN, recipient=MINER.hotkey, nonce=bytes(16),
        issued_at_ms=NOW, deadline_ms=NOW + 1,
    ).raw  # fmt: skip

    with pytest.raises(Malformed) as refused:
        admit(new_gate(), raw)
    assert VALIDATOR.hotkey == refused.value.fields["offender"]


def test_nobody_is_blamed_for_what_another_wrote_in_their_name():
    for raw in (flip_signature(request()), request()[:-1] + b"\x00", encode_envelope(b"\xff", bytes(64), b"")):
        with pytest.raises((BadSignature, BodyMismatch, Malformed)) as refused:
            admit(new_gate(), raw)
        assert "offender" not in refused.value.fields


def test_an_oversized_envelope_is_refused_before_anything_is_counted():
    gate = new_gate(params=(with_wire(ip_bucket_size=1, ip_bucket_per_second=0),))
    for _ in range(3):
        with pytest.raises(Malformed, match="at most"):
            admit(gate, bytes(gate.max_bytes + 1))


def test_a_request_that_carries_no_answer_may_not_be_large():
    raw = seal_body(
        bytes(600_000), purpose=Purpose.COMMIT, key=VALIDATOR, params=MAIN, recipient=MINER.hotkey, nonce=bytes(16),
        issued_at_ms=NOW, deadline_ms=NOW + 1,
    ).raw  # fmt: skip

    with pytest.raises(Malformed) as refused:
        admit(new_gate(), raw)
    assert refused.value.fields["field"] == "body"


def test_a_demo_gate_admits_what_the_demo_seals():
    gate = new_gate(params=(DEMO,))

    assert ASK == admit(gate, request(params=DEMO, deadline_ms=ANCHOR_MS)).message
