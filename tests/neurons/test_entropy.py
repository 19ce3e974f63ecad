"""Chance from the system: as much as asked for, and not the same twice."""

from __future__ import annotations

import pytest

from neurons.entropy import SystemEntropy


@pytest.mark.parametrize("count", [0, 1, 16, 32, 1_000])
def test_as_many_bytes_come_as_were_asked_for(count):
    assert count == len(SystemEntropy().bytes(count))


def test_two_draws_differ():
    entropy = SystemEntropy()
    assert entropy.bytes(32) != entropy.bytes(32)
