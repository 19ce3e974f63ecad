"""Receipts: signed, checkable offline, and for one piece of evidence only."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import BadSignature, BodyMismatch, Malformed
from protocol.receipts import check_receipt, sign_receipt, signed_bytes
from tests.support.samples import COMMIT_EVIDENCE, DIGEST, MINER, RECEIPT, ROUND, VALIDATOR


def test_a_receipt_convinces_anybody_who_knows_the_validator():
    check_receipt(RECEIPT)
    check_receipt(RECEIPT, COMMIT_EVIDENCE)


def test_a_receipt_is_for_its_own_evidence_only():
    with pytest.raises(BodyMismatch):
        check_receipt(RECEIPT, COMMIT_EVIDENCE + b"!")
    with pytest.raises(BodyMismatch):
        check_receipt(RECEIPT, b"")


@pytest.mark.parametrize(
    "change",
    [
        {"step": "reveal"},
        {"round_id": DIGEST},
        {"hotkey": VALIDATOR.hotkey},
        {"evidence_sha256": DIGEST},
        {"received_at_ms": RECEIPT.received_at_ms + 1},
        {"validator": MINER.hotkey},
        {"signature": bytes(64)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_no_field_can_be_changed(change):
    with pytest.raises(BadSignature):
        check_receipt(replace(RECEIPT, **change))


def test_the_signed_bytes_are_the_documented_ones():
    told = (
        b"augury/receipt/1\0" + b"\x01" + RECEIPT.round_id + RECEIPT.hotkey + RECEIPT.evidence_sha256
        + RECEIPT.received_at_ms.to_bytes(8, "little") + RECEIPT.validator
    )  # fmt: skip

    assert told == signed_bytes(RECEIPT)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(("commit", "reveal", "submit")), st.binary(max_size=200), st.integers(0, 2**63 - 1))
def test_every_receipt_that_is_signed_checks(step, evidence, at_ms):
    receipt = sign_receipt(step, ROUND, MINER.hotkey, evidence=evidence, received_at_ms=at_ms, key=VALIDATOR)

    check_receipt(receipt, evidence)


def test_a_negative_instant_is_malformed():
    with pytest.raises(Malformed):
        check_receipt(replace(RECEIPT, received_at_ms=-1))
