"""The table of paths against the descriptors that the .proto files compile to."""

from __future__ import annotations

import pytest

from neurons.transport.methods import METHODS, services_of
from protocol.messages import Purpose
from protocol.proto.augury.v1 import miner_pb2, validator_pb2


def test_the_table_is_exactly_what_the_proto_files_declare():
    declared = {
        f"/{service.full_name}/{method.name}": (method.input_type.full_name, method.server_streaming)
        for module in (miner_pb2, validator_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    watch = METHODS[Purpose.WATCH]

    assert {path: ("augury.v1.Envelope", path == watch) for path in METHODS.values()} == declared


def test_every_unary_method_replies_with_an_envelope_and_watch_with_frames():
    for module in (miner_pb2, validator_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                want = "augury.v1.Frame" if method.name == "Watch" else "augury.v1.Envelope"
                assert want == method.output_type.full_name


def test_every_purpose_that_has_a_reply_has_a_method_of_its_own():
    assert {p for p in Purpose if p < Purpose.COMMIT_REPLY} == set(METHODS)
    assert len(METHODS) == len(set(METHODS.values()))


def test_purposes_are_grouped_by_service():
    asked = (Purpose.WATCH, Purpose.REVEAL, Purpose.COMMIT)
    want = {
        "augury.v1.Miner": {"Commit": Purpose.COMMIT, "Reveal": Purpose.REVEAL},
        "augury.v1.Validator": {"Watch": Purpose.WATCH},
    }
    assert want == services_of(asked)


def test_a_node_cannot_serve_a_reply():
    with pytest.raises(ValueError, match="COMMIT_REPLY"):
        services_of((Purpose.COMMIT, Purpose.COMMIT_REPLY))
