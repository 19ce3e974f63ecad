"""The border between errors and gRPC statuses, without any network."""

from __future__ import annotations

import grpc
import pytest

from neurons import ports
from neurons.ports import PeerUnreachable, StoreUnavailable, VenueUnavailable
from neurons.transport import problems
from neurons.transport.status import (
    MAX_SENTENCE_CHARS,
    OWN_FAULT,
    STATUSES,
    Refusal,
    error_of,
    refusal_of,
    status_of,
)
from protocol import errors
from protocol.errors import AuguryError, Ignored, Malformed, NodeFault, NotFound, Overloaded, Rejected

Code = grpc.StatusCode


def errors_of(module: object) -> set[type[AuguryError]]:
    found = (value for value in vars(module).values() if isinstance(value, type) and issubclass(value, AuguryError))
    return {kind for kind in found if kind.__module__ == module.__name__}


def test_the_table_names_every_error_of_the_protocol_the_ports_and_the_transport_and_no_other():
    assert errors_of(errors) | errors_of(ports) | errors_of(problems) == set(STATUSES)


def test_no_two_errors_share_a_code():
    assert len(STATUSES) == len({kind.code for kind in STATUSES})


@pytest.mark.parametrize("kind", [k for k in STATUSES if issubclass(k, Rejected | Ignored)], ids=lambda k: k.code)
def test_a_refusal_there_and_back_is_the_same_class_and_sentence(kind):
    back = error_of(refusal_of(kind("limit 7, had 9")), endpoint="miner:1")

    assert (kind, "limit 7, had 9", "miner:1") == (type(back), back.public, back.fields["endpoint"])


@pytest.mark.parametrize("kind", [k for k in STATUSES if issubclass(k, NodeFault)], ids=lambda k: k.code)
def test_a_fault_becomes_an_unreachable_peer_that_says_only_which_kind(kind):
    refusal = refusal_of(kind("/srv/augury.db"))
    back = error_of(refusal, endpoint="miner:1")

    assert "/srv" not in refusal.sentence
    assert (PeerUnreachable, kind.code) == (type(back), back.fields["reason"])


def test_a_class_that_is_not_in_the_table_takes_its_ancestors_status():
    class StaleVenue(VenueUnavailable):
        code = "stale-venue"

    assert Code.UNAVAILABLE == status_of(StaleVenue)
    assert Refusal(Code.UNAVAILABLE, "stale-venue", OWN_FAULT) == refusal_of(StaleVenue("binance"))


def test_a_bug_shows_neither_its_class_nor_its_text():
    assert Refusal(Code.INTERNAL, "node-fault", OWN_FAULT) == refusal_of(KeyError("secret"))


def test_an_error_with_a_constructor_of_its_own_comes_back_without_its_fields():
    class Late(NotFound):
        def __init__(self, *, late_by_ms: int) -> None:
            super().__init__(f"late by {late_by_ms} ms", late_by_ms=late_by_ms)

    back = error_of(refusal_of(Late(late_by_ms=7)), endpoint="miner:1")
    assert (NotFound, "late by 7 ms") == (type(back), str(back))


@pytest.mark.parametrize("code", [StoreUnavailable.code, NodeFault.code, AuguryError.code, "no-such-code"])
@pytest.mark.parametrize("status", [Code.INTERNAL, Code.UNAVAILABLE, Code.UNKNOWN, Code.INVALID_ARGUMENT, Code.OK])
def test_a_strangers_word_never_looks_like_a_fault_of_this_node(code, status):
    back = error_of(Refusal(status, code, "believe me"), endpoint="miner:1")

    assert type(back) in (PeerUnreachable, Ignored)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Code.DEADLINE_EXCEEDED, "timeout"),
        (Code.UNAVAILABLE, "unavailable"),
        (Code.CANCELLED, "broken-off"),
        (Code.UNIMPLEMENTED, "not-served"),
        (Code.UNKNOWN, "unknown"),
        (Code.INVALID_ARGUMENT, "invalid-argument"),
    ],
)
def test_a_status_that_grpc_made_is_an_unreachable_peer_with_its_reason(status, reason):
    back = error_of(Refusal(status, "", "text"), endpoint="miner:1")

    assert (PeerUnreachable, reason) == (type(back), back.fields["reason"])


def test_grpcs_own_refusals_for_size_and_for_load_are_told_apart():
    size = error_of(Refusal(Code.RESOURCE_EXHAUSTED, "", "Received message larger than max (9 vs. 4)"), endpoint="m:1")
    load = error_of(Refusal(Code.RESOURCE_EXHAUSTED, "", "Concurrent RPC limit exceeded!"), endpoint="m:1")

    assert (Malformed, Overloaded) == (type(size), type(load))


def test_a_strangers_sentence_is_cut_and_stripped_of_control_characters():
    back = error_of(Refusal(Code.NOT_FOUND, NotFound.code, "\x1b[2J\n" + "a" * 10_000), endpoint="miner:1")

    assert "?[2J?" + "a" * (MAX_SENTENCE_CHARS - 5) == back.public
