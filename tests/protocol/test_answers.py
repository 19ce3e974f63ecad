"""Answers as arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from protocol.answers import answer_array, answer_of
from protocol.errors import Malformed
from tests.support.strategies import answers


@settings(max_examples=60, deadline=None)
@given(answers())
def test_an_answer_comes_back_bit_for_bit(answer):
    assert answer == answer_of(answer_array(answer))


def test_the_bytes_are_little_endian_and_row_after_row():
    answer = answer_of(np.array([[1.0, 2.0], [3.0, -0.5]], dtype=np.float32))

    assert bytes.fromhex("0000803f0000004000004040000000bf") == answer.values
    assert ((2, 2), "float32") == (answer.shape, answer.dtype)


@pytest.mark.parametrize("array", [
    np.array([[1, 2], [3, 4]], dtype=">f4"),
    np.array([[1, 3], [2, 4]], dtype="<f4").T,
    np.array([[1, 9, 2, 9], [3, 9, 4, 9]], dtype="<f4")[:, ::2],
], ids=["big-endian", "transposed", "strided"])  # fmt: skip
def test_the_layout_in_memory_does_not_show(array):
    assert answer_of(np.array([[1, 2], [3, 4]], dtype="<f4")) == answer_of(array)


def test_the_array_is_a_read_only_view():
    array = answer_array(answer_of(np.zeros((2, 3))))

    assert ((2, 3), np.float64) == (array.shape, array.dtype)
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1.0


def test_nothing_is_rounded_in_silence():
    with pytest.raises(ValueError, match="int64"):
        answer_of(np.array([1, 2]))


def test_an_answer_without_sides_is_malformed():
    with pytest.raises(Malformed):
        answer_of(np.float32(1.0).reshape(()))
