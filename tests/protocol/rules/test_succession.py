"""Handing a key over: both sign, the old key ends at once, and everything stays under the first key."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from protocol.errors import BadSignature, InvalidRequest, Malformed, WrongNetwork
from protocol.keys import SigningKey, verify
from protocol.rules.succession import (
    NOBODY,
    check_succession,
    hand_over,
    origin,
    require_signer,
    revoke,
    signed_bytes,
    signer,
    take_in,
)
from protocol.units import UnixMs

A, B, C, D = (SigningKey.from_seed(bytes([k]) * 32) for k in range(1, 5))
NOW = UnixMs(1_700_000_000_000)
A_TO_B = hand_over("main", A, B, issued_at_ms=NOW)
B_TO_C = hand_over("main", B, C, issued_at_ms=NOW)


def taken_in(*statements):
    known = {}
    for statement in statements:
        known = take_in(known, statement, network="main")
    return known


def test_a_line_is_signed_for_by_its_last_key_and_kept_under_its_first():
    known = taken_in(A_TO_B, B_TO_C)
    assert {C.hotkey} == {signer(known, key.hotkey) for key in (A, B, C)}
    assert {A.hotkey} == {origin(known, key.hotkey) for key in (A, B, C)}
    assert (D.hotkey, D.hotkey) == (signer(known, D.hotkey), origin(known, D.hotkey))


def test_a_line_does_not_depend_on_the_order_in_which_its_statements_come():
    end = revoke("main", C, issued_at_ms=NOW)
    known = taken_in(A_TO_B, B_TO_C, end)
    for statements in permutations((A_TO_B, B_TO_C, end, A_TO_B)):
        assert known == taken_in(*statements)


def test_a_key_that_was_handed_over_or_revoked_is_refused_at_once():
    known = taken_in(A_TO_B, revoke("main", C, issued_at_ms=NOW))
    for key in (A, C):
        with pytest.raises(InvalidRequest) as refused:
            require_signer(known, key.hotkey)
        assert "key-ended" == refused.value.fields["reason"]
    require_signer(known, B.hotkey)
    assert signer(known, C.hotkey) is None
    assert C.hotkey == origin(known, C.hotkey)


def test_several_keys_may_be_revoked_and_their_histories_stay_apart():
    known = taken_in(*(revoke("main", key, issued_at_ms=NOW) for key in (A, B)))
    assert (A.hotkey, B.hotkey) == (origin(known, A.hotkey), origin(known, B.hotkey))


@pytest.mark.parametrize(
    ("reason", "first", "second"),
    [
        ("key-ended", [A_TO_B], hand_over("main", A, C, issued_at_ms=NOW)),
        ("key-ended", [A_TO_B], revoke("main", A, issued_at_ms=NOW)),
        ("key-ended", [revoke("main", A, issued_at_ms=NOW)], A_TO_B),
        ("key-ended", [A_TO_B], hand_over("main", A, B, issued_at_ms=UnixMs(NOW + 1))),
        ("not-fresh", [A_TO_B], hand_over("main", C, B, issued_at_ms=NOW)),
        ("not-fresh", [A_TO_B, B_TO_C], hand_over("main", C, A, issued_at_ms=NOW)),
    ],
    ids=["twice", "revoked after", "after revoking", "again later", "two before one", "a circle"],
)
def test_what_would_split_or_join_lines_is_refused_and_changes_nothing(reason, first, second):
    known = taken_in(*first)
    before = dict(known)
    with pytest.raises(InvalidRequest) as refused:
        take_in(known, second, network="main")
    assert reason == refused.value.fields["reason"]
    assert before == known


def test_a_key_with_a_history_of_its_own_cannot_follow():
    with pytest.raises(InvalidRequest, match="has a history of its own"):
        take_in({}, A_TO_B, network="main", taken={B.hotkey})


def test_a_key_cannot_follow_itself():
    with pytest.raises(InvalidRequest, match="follow itself"):
        hand_over("main", A, A, issued_at_ms=NOW)
    with pytest.raises(InvalidRequest, match="follow itself"):
        check_succession(replace(A_TO_B, after=A.hotkey), network="main")


def test_a_statement_counts_on_its_own_network_only():
    with pytest.raises(WrongNetwork):
        check_succession(A_TO_B, network="test")
    with pytest.raises(BadSignature):
        check_succession(replace(A_TO_B, network="test"), network="test")


@pytest.mark.parametrize(
    "forged",
    [
        replace(A_TO_B, after=C.hotkey),
        replace(A_TO_B, before=C.hotkey),
        replace(A_TO_B, issued_at_ms=UnixMs(NOW + 1)),
        replace(A_TO_B, after=NOBODY),
        replace(A_TO_B, consent=A_TO_B.acceptance),
        replace(A_TO_B, acceptance=A_TO_B.consent),
        replace(A_TO_B, acceptance=bytes(64)),
    ],
)
def test_a_statement_takes_both_signatures_over_all_of_it(forged):
    with pytest.raises(BadSignature):
        take_in({}, forged, network="main")


def test_nobody_signs_nothing():
    assert not verify(NOBODY, b"", bytes(64))
    assert not verify(NOBODY, b"", bytes([1]) + bytes(63))


def test_the_signed_bytes_are_the_fields_in_their_order():
    expected = b"augury/succession/1\0\x04main" + A.hotkey + B.hotkey + NOW.to_bytes(8, "little")
    assert expected == signed_bytes(A_TO_B)


@pytest.mark.parametrize(
    "change",
    [
        {"before": b""}, {"after": b"x" * 33}, {"consent": b""}, {"acceptance": b"x" * 63}, {"network": ""},
        {"network": "n" * 65}, {"network": "é"}, {"issued_at_ms": -1}, {"issued_at_ms": 1 << 63},
    ],
)  # fmt: skip
def test_fields_of_another_size_are_no_statement(change):
    with pytest.raises(Malformed):
        replace(A_TO_B, **change)
