"""Messages of open streams refuse nonsense when they are built, and name the field."""

from __future__ import annotations

import math

import numpy as np
import pytest

from protocol import messages as m
from protocol.answers import answer_array, answer_of
from protocol.codec import decode, encode
from protocol.errors import Malformed
from protocol.messages import Purpose
from protocol.proto.augury.v1 import streams_pb2
from protocol.units import Micros, UnixMs
from tests.support.samples import ACTS, MINER, READS, SCENARIOS

COP = m.NamedValue("cop.json", b"1", Micros(1))
HORIZONS = ("70::cop.json", "310::cop.json")
KEY = MINER.hotkey


@pytest.mark.parametrize(
    ("field", "build"),
    [
        ("name", lambda: m.NamedValue("", b"1", Micros(1))),
        ("name", lambda: m.NamedValue("a\nb", b"1", Micros(1))),
        ("value", lambda: m.NamedValue("a", b"", Micros(1))),
        ("value", lambda: m.NamedValue("a", b"1" * 100_000, Micros(1))),
        ("value", lambda: m.NamedValue("a", b"\xff", Micros(1))),
        ("budget_micros", lambda: m.NamedValue("a", b"1", Micros(0))),
        ("values", lambda: m.Publish(())),
        ("values", lambda: m.Publish((COP, COP))),
        ("names", lambda: m.Touch(())),
        ("names", lambda: m.Touch(("a",) * 1_001)),
        ("name", lambda: m.Delete("")),
        ("horizons", lambda: m.Cancel(())),
        ("horizons", lambda: m.Cancel(("",))),
        ("delay", lambda: m.AddLink("a", 0, "b")),
        ("target", lambda: m.RemoveLink("a", 70, "")),
        ("source", lambda: m.Subscribe("a", "")),
        ("subscriber", lambda: m.Unsubscribe("", "a")),
        ("recipient", lambda: m.TransferPoints(KEY[:31], Micros(1))),
        ("amount_micros", lambda: m.TransferPoints(KEY, Micros(-1))),
        ("nonce", lambda: m.TakeName(bytes(7))),
        ("after", lambda: m.EndKey(KEY, KEY[:8], UnixMs(1), bytes(64), bytes(64))),
        ("acceptance", lambda: m.EndKey(KEY, KEY, UnixMs(1), bytes(64), bytes(63))),
        ("sequence", lambda: m.StreamActRequest(0, ACTS[0])),
        ("percentile", lambda: m.Percentile("a", 70, math.nan)),
        ("percentile", lambda: m.Percentile("a", 70, 1.01)),
        ("limit", lambda: m.StreamsQuestion(limit=0)),
        ("limit", lambda: m.LagsQuestion("a", 1_001)),
        ("values", lambda: m.CdfQuestion("a", 70, "", (math.inf,))),
        ("delay", lambda: m.CdfQuestion("a", -70)),
        ("owner", lambda: m.BalanceQuestion(b"short")),
        ("kind", lambda: m.NoticesQuestion("")),
        ("probabilities", lambda: m.CdfAnswer(1, (1.0,), ())),
        ("values", lambda: m.CdfAnswer(1, (math.nan,), (0.5,))),
        ("value", lambda: m.LagLine(UnixMs(1), 1, b"")),
    ],
)
def test_nonsense_is_malformed_and_named(field, build):
    with pytest.raises(Malformed) as refused:
        build()
    assert field == refused.value.fields["field"]


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("horizons", {"horizons": ("70::cop.json",) * 2}),
        ("horizons", {"horizons": ("70::cop.json", "")}),
        ("answer", {"horizons": HORIZONS[:1]}),
        ("answer", {"answer": answer_of(np.zeros((2, 3), dtype=np.float32))}),
        ("answer", {"answer": answer_of(np.zeros(2))}),
        ("sequence", {"sequence": 0}),
        ("subject", {"horizons": ()}),
    ],
)
def test_standing_submissions_have_a_row_of_float64_for_each_of_different_horizons(field, changes):
    sound = {"kind": "samples", "subject": "", "salt": b"", "answer": SCENARIOS, "horizons": HORIZONS, "sequence": 1}
    m.SubmitRequest(**sound)

    with pytest.raises(Malformed) as refused:
        m.SubmitRequest(**(sound | changes))
    assert field == refused.value.fields["field"]


def test_a_batch_of_700_rows_fits_one_signature_and_keeps_every_bit():
    rows = np.random.default_rng(1).normal(size=(700, 225))
    batch = m.SubmitRequest(
        "samples", "", b"", answer_of(rows), tuple(f"70::stream-{n}.json" for n in range(700)), 1_760_000_100_000
    )
    body = encode(batch)

    assert len(body) < 1_300_000
    read = decode(Purpose.SUBMIT, body)
    assert isinstance(read, m.SubmitRequest)
    assert rows.tobytes() == answer_array(read.answer).tobytes()


@pytest.mark.parametrize(
    ("purpose", "field"),
    [(Purpose.STREAM_ACT, "act"), (Purpose.STREAM_READ, "question"), (Purpose.STREAM_READ_REPLY, "answer")],
)
def test_a_request_without_a_part_that_is_known_here_is_malformed(purpose, field):
    of_a_later_version = b"\xfa\x01\x00"
    for body in (b"", of_a_later_version):
        with pytest.raises(Malformed) as refused:
            decode(purpose, body)
        assert field == refused.value.fields["field"]


def test_of_two_parts_in_one_request_the_last_counts_as_protobuf_says():
    twice = encode(m.StreamActRequest(5, ACTS[1])) + encode(m.StreamActRequest(5, ACTS[2]))

    assert m.StreamActRequest(5, ACTS[2]) == decode(Purpose.STREAM_ACT, twice)


def test_every_act_and_every_question_has_a_sample_and_a_member_on_the_wire():
    def members(wire, name):
        return [field.name for field in wire.DESCRIPTOR.oneofs_by_name[name].fields]

    acts = [encode(m.StreamActRequest(1, act)) for act in ACTS]
    asked = [encode(m.StreamReadRequest(question)) for question, _ in READS]
    told = [encode(m.StreamReadReply(UnixMs(1), answer)) for _, answer in READS]
    for wire, name, bodies in (
        (streams_pb2.StreamActRequest, "act", acts),
        (streams_pb2.StreamReadRequest, "question", asked),
        (streams_pb2.StreamReadReply, "answer", told),
    ):
        assert members(wire, name) == [wire.FromString(body).WhichOneof(name) for body in bodies]
