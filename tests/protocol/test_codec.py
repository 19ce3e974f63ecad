"""The one table between dataclasses and protobuf."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import messages as m
from protocol.codec import (
    MAX_HEADER_BYTES,
    MAX_STRING_CHARS,
    WIRE_TYPES,
    Frame,
    decode,
    decode_frame,
    decode_header,
    decode_opening,
    encode,
    encode_frame,
    encode_header,
    encode_opening,
)
from protocol.errors import Malformed
from protocol.proto.augury.v1 import envelope_pb2, miner_pb2, parts_pb2, validator_pb2
from tests.support import samples
from tests.support.strategies import MESSAGE_KINDS, built, headers, messages, openings

FEW = settings(max_examples=60, deadline=None)
MANY = settings(max_examples=200, deadline=None)


def read(call):
    """What the call gives, or the Malformed that it raises; any other error fails the test."""
    try:
        return call()
    except Malformed as error:
        return error


@pytest.mark.parametrize("kind", MESSAGE_KINDS, ids=lambda kind: kind.__name__)
def test_every_message_comes_back_as_it_was(kind):
    @settings(max_examples=25, deadline=None)
    @given(built(kind))
    def round_trip(message):
        assert message == decode(message.PURPOSE, encode(message))

    round_trip()


@FEW
@given(headers())
def test_every_header_comes_back_as_it_was(header):
    assert header == decode_header(encode_header(header))


@FEW
@given(openings())
def test_every_opening_record_comes_back_as_it_was(opening):
    assert opening == decode_opening(encode_opening(opening))


def test_a_frame_comes_back_as_it_was():
    frame = Frame(65, b"m" * 16, b"c" * 64, b"payload")

    assert frame == decode_frame(encode_frame(frame))


@pytest.mark.parametrize("kind", WIRE_TYPES, ids=lambda kind: kind.__name__)
def test_dataclass_and_protobuf_have_the_same_fields_in_the_same_order(kind):
    fields = [field.name for field in dataclasses.fields(kind)]

    ones = [field.containing_oneof or field for field in WIRE_TYPES[kind].DESCRIPTOR.fields]
    assert fields == list(dict.fromkeys(one.name for one in ones))


def test_every_purpose_has_the_same_number_on_both_sides():
    ours = {f"PURPOSE_{purpose.name}": purpose.value for purpose in m.Purpose}

    assert ours | {"PURPOSE_UNSPECIFIED": 0} == dict(envelope_pb2.Purpose.items())


def test_every_message_of_the_union_can_be_encoded():
    assert set(MESSAGE_KINDS) == {type(message) for message in samples.MESSAGES}
    assert set(MESSAGE_KINDS) < set(WIRE_TYPES)


@pytest.mark.parametrize("message", [samples.MESSAGES[3], samples.MESSAGES[10]], ids=lambda m: type(m).__name__)
def test_the_numbers_of_an_answer_are_the_tail_of_the_body(message):
    assert encode(message).endswith(message.answer.values)


@MANY
@given(st.sampled_from(m.Purpose), st.binary(max_size=200))
def test_any_bytes_are_a_message_or_malformed(purpose, raw):
    message = read(lambda: decode(purpose, raw))

    assert message.fields["field"] if isinstance(message, Malformed) else purpose is message.PURPOSE


@MANY
@given(messages(), st.data())
def test_a_body_with_one_byte_changed_is_a_message_or_malformed(message, data):
    body = bytearray(encode(message))
    if body:
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    changed = read(lambda: decode(message.PURPOSE, bytes(body)))

    assert not isinstance(changed, Malformed) or changed.fields["field"]


@MANY
@given(st.binary(max_size=300))
def test_any_bytes_are_a_header_or_malformed(raw):
    header = read(lambda: decode_header(raw))

    assert not isinstance(header, Malformed) or header.fields["field"]


@FEW
@given(st.binary(max_size=100))
def test_any_bytes_are_a_frame_or_malformed(raw):
    frame = read(lambda: decode_frame(raw))

    assert not isinstance(frame, Malformed) or frame.fields["field"]


def test_a_missing_part_is_named():
    with pytest.raises(Malformed) as refused:
        decode(m.Purpose.COMMIT, b"")
    assert refused.value.fields["field"] == "opening"


def test_an_unspecified_dtype_is_named():
    answer = parts_pb2.Answer(shape=[1], values=bytes(4))
    body = miner_pb2.RevealReply(salt=samples.SALT, answer=answer).SerializeToString()

    with pytest.raises(Malformed, match="float32") as refused:
        decode(m.Purpose.REVEAL_REPLY, body)
    assert refused.value.fields["field"] == "dtype"


def test_an_unknown_purpose_is_named():
    raw = envelope_pb2.Header(purpose=99).SerializeToString()

    with pytest.raises(Malformed, match="99") as refused:
        decode_header(raw)
    assert refused.value.fields["field"] == "purpose"


def test_a_broadcast_without_news_is_malformed():
    with pytest.raises(Malformed) as refused:
        decode(m.Purpose.BROADCAST, b"")
    assert refused.value.fields["field"] == "news"


def test_a_string_that_is_not_utf8_is_malformed():
    with pytest.raises(Malformed):
        decode(m.Purpose.STANDINGS, b"\x0a\x02\xff\xfe\x12\x01a")


@pytest.mark.parametrize("text", ["a\x1b[31m", "a\nb", "a\u202eb", "a" * (MAX_STRING_CHARS + 1)])
def test_a_string_that_could_fool_a_terminal_is_refused_on_both_sides(text):
    body = miner_pb2.FeedbackRequest(round_id=samples.ROUND, reason=text).SerializeToString()
    said = dataclasses.replace(samples.MESSAGES[4], reason=text)

    with pytest.raises(Malformed) as refused:
        decode(m.Purpose.FEEDBACK, body)
    assert refused.value.fields["field"] == "reason"
    with pytest.raises(Malformed):
        encode(said)


def test_too_many_rows_are_refused_before_they_are_read():
    unreadable = validator_pb2.RoundSummary(state="\n")
    body = validator_pb2.RoundsReply(rounds=[unreadable] * (m.MAX_ROWS + 1)).SerializeToString()

    with pytest.raises(Malformed) as refused:
        decode(m.Purpose.ROUNDS_REPLY, body)
    assert refused.value.fields["field"] == "rounds"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_over_64_bits_is_named(number):
    with pytest.raises(Malformed) as refused:
        encode(m.RegisterReply(number))
    assert refused.value.fields["field"] == "registered_at_ms"


def test_a_header_with_a_number_over_64_bits_is_malformed():
    header = m.Header(
        1, "net", samples.DIGEST, m.Purpose.COMMIT, samples.VALIDATOR.hotkey, samples.MINER.hotkey, bytes(16),
        0, 2**63, samples.DIGEST,
    )  # fmt: skip
    with pytest.raises(Malformed):
        encode_header(header)


def test_a_header_over_its_limit_is_not_even_parsed():
    with pytest.raises(Malformed) as refused:
        decode_header(bytes(MAX_HEADER_BYTES + 1))
    assert refused.value.fields["field"] == "header"


def test_fields_of_a_later_version_are_ignored():
    later = encode(m.CommitReply(samples.ROUND, samples.DIGEST)) + b"\x7a\x03new"

    assert m.CommitReply(samples.ROUND, samples.DIGEST) == decode(m.Purpose.COMMIT_REPLY, later)


@pytest.mark.parametrize(
    ("steps", "session_steps"),
    [
        (100, bytes(12) + b"\x01\x01"),  # a byte too many
        (100, b"\x01" * 12),  # one too few
        (100, bytes(13)),  # no step at all
        (100, b"\xff" * 12 + b"\x0f"),  # every step, which is said by saying nothing
        (100, bytes(12) + b"\x1f"),  # a step after the last
        (2**62, b"\x01" * 13),  # a count of steps that no memory holds
    ],
)
def test_the_steps_in_session_have_one_encoding(steps, session_steps):
    wire = parts_pb2.Opening.FromString(encode_opening(samples.SESSION_OPENING))
    wire.steps, wire.session_steps = steps, session_steps

    with pytest.raises(Malformed, match="session_steps"):
        decode_opening(wire.SerializeToString())
