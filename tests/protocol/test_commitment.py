"""Commitments bind round, miner, salt and every bit of the answer."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from protocol.answers import answer_of
from protocol.commitment import check_commitment, commitment
from protocol.errors import CommitmentMismatch, Malformed
from protocol.messages import Answer
from tests.support.samples import ANSWER, MINER, ROUND, SALT, VALIDATOR
from tests.support.strategies import BYTES_32, answers

CASES = st.tuples(BYTES_32, BYTES_32, answers(), BYTES_32)


@pytest.mark.parametrize(("dtype", "number"), [(np.float32, b"\x01"), (np.float64, b"\x02")])
def test_the_digest_is_the_documented_one(dtype, number):
    answer = answer_of(np.array([[0.5, -0.25, 0.0, 1.0]], dtype=dtype))
    sides = b"\x02" + (1).to_bytes(4, "little") + (4).to_bytes(4, "little")
    told = b"augury/commit/1\0" + ROUND + MINER.hotkey + sides + number + SALT + answer.values

    assert hashlib.sha256(told).digest() == commitment(ROUND, MINER.hotkey, answer, SALT)


@settings(max_examples=60, deadline=None)
@given(CASES)
def test_what_was_committed_is_accepted(case):
    check_commitment(commitment(*case), *case)


@settings(max_examples=100, deadline=None)
@given(CASES, CASES)
def test_two_different_cases_have_two_digests(first, second):
    assume(first != second)

    assert commitment(*first) != commitment(*second)


@pytest.mark.parametrize(
    "other",
    [
        (bytes(32), MINER.hotkey, ANSWER, SALT),
        (ROUND, VALIDATOR.hotkey, ANSWER, SALT),
        (ROUND, MINER.hotkey, ANSWER, bytes(32)),
        (ROUND, MINER.hotkey, replace(ANSWER, shape=(4, 1)), SALT),
        (ROUND, MINER.hotkey, replace(ANSWER, shape=(4,)), SALT),
        (ROUND, MINER.hotkey, Answer((2,), "float64", ANSWER.values), SALT),
        (ROUND, MINER.hotkey, answer_of(np.array([[0.5, -0.25, -0.0, 1 / 3]], dtype=np.float32)), SALT),
    ],
    ids=["round", "miner", "salt", "shape", "sides", "dtype", "the sign of a zero"],
)
def test_anything_else_is_a_mismatch(other):
    with pytest.raises(CommitmentMismatch):
        check_commitment(commitment(ROUND, MINER.hotkey, ANSWER, SALT), *other)


def test_a_salt_of_another_size_is_malformed():
    with pytest.raises(Malformed):
        commitment(ROUND, MINER.hotkey, ANSWER, SALT[:-1])
