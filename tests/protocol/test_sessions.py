"""Sessions: one agreed key, frames in order or none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.codec import Frame, decode_frame, encode_frame
from protocol.errors import BadSignature, Malformed, SessionBroken
from protocol.sessions import (
    CHECKPOINT_EVERY,
    SessionReceiver,
    SessionSender,
    SessionTerms,
    agree_mac_key,
    checkpoint_bytes,
    first_link,
    frame_mac,
    next_link,
    opening_frame,
    reply_in,
    session_public_key,
)
from protocol.units import Digest
from tests.support.samples import DIGEST, MINER, VALIDATOR

HERS, HIS, THIRD = b"\x11" * 32, b"\x22" * 32, b"\x33" * 32
TERMS = SessionTerms(MINER.hotkey, VALIDATOR.hotkey, session_public_key(HERS), session_public_key(HIS), DIGEST)


def pair(terms=TERMS):
    return SessionSender(HIS, terms, VALIDATOR), SessionReceiver(HERS, terms)


def frames(count):
    sender, _ = pair()
    return [sender.frame(b"payload %d" % number) for number in range(1, count + 1)]


def test_both_sides_find_one_key():
    assert agree_mac_key(HERS, TERMS) == agree_mac_key(HIS, TERMS)


@pytest.mark.parametrize(
    "change",
    [{"subscriber": VALIDATOR.hotkey}, {"validator": MINER.hotkey}, {"request": Digest(bytes(32))}],
    ids=lambda change: next(iter(change)),
)
def test_the_key_is_bound_to_everything_that_makes_the_session(change):
    other = replace(TERMS, **change)

    assert agree_mac_key(HERS, TERMS) != agree_mac_key(HERS, other)
    assert first_link(TERMS) != first_link(other)


def test_a_one_time_key_that_was_swapped_on_the_way_gives_another_key():
    swapped = replace(TERMS, validator_key=session_public_key(THIRD))

    assert agree_mac_key(HERS, swapped) != agree_mac_key(HIS, TERMS)
    assert first_link(TERMS) != first_link(swapped)


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)], ids=["zero", "one"])
def test_a_point_of_small_order_is_refused(point):
    with pytest.raises(Malformed) as refused:
        agree_mac_key(HIS, replace(TERMS, subscriber_key=point))
    assert refused.value.fields["field"] == "session_key"


def test_a_private_key_of_neither_side_is_our_mistake():
    with pytest.raises(ValueError, match="neither"):
        agree_mac_key(THIRD, TERMS)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=50), max_size=CHECKPOINT_EVERY + 3))
def test_what_goes_in_comes_out_in_order(payloads):
    sender, receiver = pair()
    raw = [encode_frame(sender.frame(payload)) for payload in payloads]

    assert payloads == [receiver.accept(decode_frame(one)) for one in raw]
    assert len(payloads) == receiver.counter


def test_every_64th_frame_carries_a_checkpoint_that_convinces_a_third_party():
    sent = frames(2 * CHECKPOINT_EVERY)
    chain = first_link(TERMS)
    for frame in sent:
        chain = next_link(chain, frame.counter, frame.payload)

    assert [64, 128] == [frame.counter for frame in sent if frame.checkpoint]
    assert VALIDATOR.sign(checkpoint_bytes(TERMS, 128, chain)) == sent[-1].checkpoint


def refuses(receiver, frame, error=SessionBroken):
    with pytest.raises(error):
        receiver.accept(frame)


@pytest.mark.parametrize("order", [[1], [0, 0], [0, 2], [0, 1, 0], [0, 1, 3, 2]], ids=str)
def test_gaps_repeats_and_other_orders_end_the_session(order):
    sent = frames(4)
    _, receiver = pair()
    for index in order:
        if index == receiver.counter:
            receiver.accept(sent[index])
        else:
            refuses(receiver, sent[index])
            break
    refuses(receiver, sent[receiver.counter])


def changed(frame):
    yield replace(frame, payload=frame.payload + b"!")
    yield replace(frame, payload=b"")
    yield replace(frame, counter=frame.counter + 1)
    yield replace(frame, counter=-1)
    for size in (0, 15, 17):
        yield replace(frame, mac=(frame.mac * 2)[:size])
    for bit in range(len(frame.mac) * 8):
        mac = bytearray(frame.mac)
        mac[bit // 8] ^= 1 << bit % 8
        yield replace(frame, mac=bytes(mac))


def test_an_altered_frame_ends_the_session():
    frame = frames(1)[0]
    for other in changed(frame):
        _, receiver = pair()
        refuses(receiver, other)
        refuses(receiver, frame)


def test_a_frame_of_another_session_ends_this_one():
    sender, _ = pair(replace(TERMS, request=Digest(bytes(32))))
    _, receiver = pair()

    refuses(receiver, sender.frame(b"payload"))


@pytest.mark.parametrize("checkpoint", [b"", bytes(64), b"x"], ids=["missing", "wrong", "short"])
def test_a_checkpoint_that_is_due_must_be_right(checkpoint):
    sent = frames(CHECKPOINT_EVERY)
    _, receiver = pair()
    for frame in sent[:-1]:
        receiver.accept(frame)

    refuses(receiver, replace(sent[-1], checkpoint=checkpoint), BadSignature)
    refuses(receiver, sent[-1])


def test_a_checkpoint_where_none_is_due_is_refused():
    _, receiver = pair()

    refuses(receiver, replace(frames(1)[0], checkpoint=bytes(64)), BadSignature)


def test_a_checkpoint_by_another_key_is_refused():
    sender = SessionSender(HIS, TERMS, MINER)
    _, receiver = pair()
    for number in range(CHECKPOINT_EVERY - 1):
        receiver.accept(sender.frame(b"%d" % number))

    refuses(receiver, sender.frame(b"last"), BadSignature)


def test_the_mac_covers_the_counter():
    key = agree_mac_key(HERS, TERMS)

    assert 16 == len(frame_mac(key, 1, b"x"))
    assert frame_mac(key, 1, b"x") != frame_mac(key, 2, b"x")
    assert Frame(1, frame_mac(key, 1, b"payload 1"), b"", b"payload 1") == frames(1)[0]


def test_a_stream_begins_with_the_reply_and_nothing_else():
    assert b"sealed" == reply_in(opening_frame(b"sealed"))
    for other in (
        frames(1)[0],
        replace(opening_frame(b"x"), counter=1),
        replace(opening_frame(b"x"), mac=b"m"),
        replace(opening_frame(b"x"), checkpoint=b"c"),
    ):
        with pytest.raises(SessionBroken):
            reply_in(other)
