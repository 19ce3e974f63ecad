"""The nonces that have been acted on."""

from __future__ import annotations

import pytest

from protocol.errors import Expired, Overloaded, Replayed
from protocol.nonces import NonceTable
from protocol.units import Hotkey

ALICE, BOB = Hotkey(b"a" * 32), Hotkey(b"b" * 32)
NONCE = b"n" * 16


def test_a_nonce_is_acted_on_once():
    table = NonceTable(capacity=10)
    table.remember(ALICE, NONCE, expires_at_ms=100, now_ms=0)

    with pytest.raises(Replayed):
        table.remember(ALICE, NONCE, expires_at_ms=100, now_ms=1)
    with pytest.raises(Replayed):
        table.check(ALICE, NONCE, expires_at_ms=100)


def test_two_senders_may_draw_the_same_nonce():
    table = NonceTable(capacity=10)
    table.remember(ALICE, NONCE, expires_at_ms=100, now_ms=0)
    table.remember(BOB, NONCE, expires_at_ms=100, now_ms=0)

    assert 2 == len(table)


def test_a_nonce_is_held_through_its_last_instant_and_then_dropped():
    table = NonceTable(capacity=10)
    table.remember(ALICE, NONCE, expires_at_ms=100, now_ms=0)
    table.remember(BOB, b"1" * 16, expires_at_ms=200, now_ms=100)
    assert 2 == len(table)

    table.remember(BOB, b"2" * 16, expires_at_ms=200, now_ms=101)
    assert 2 == len(table)


def test_a_clock_that_steps_back_brings_no_message_back_to_life():
    table = NonceTable(capacity=10)
    table.remember(ALICE, NONCE, expires_at_ms=100, now_ms=0)
    table.remember(BOB, NONCE, expires_at_ms=300, now_ms=200)

    with pytest.raises(Expired):
        table.remember(ALICE, NONCE, expires_at_ms=100, now_ms=50)


def test_a_full_table_refuses_newcomers_and_forgets_nobody():
    table = NonceTable(capacity=1)
    table.remember(ALICE, NONCE, expires_at_ms=100, now_ms=0)

    with pytest.raises(Overloaded):
        table.remember(BOB, NONCE, expires_at_ms=100, now_ms=0)
    with pytest.raises(Replayed):
        table.check(ALICE, NONCE, expires_at_ms=100)

    table.remember(BOB, NONCE, expires_at_ms=200, now_ms=101)
    assert 1 == len(table)


def test_stored_nonces_come_back_after_a_restart_also_beyond_the_capacity():
    table = NonceTable(capacity=1)
    table.restore(ALICE, NONCE, expires_at_ms=100)
    table.restore(ALICE, NONCE, expires_at_ms=100)
    table.restore(BOB, NONCE, expires_at_ms=100)

    assert 2 == len(table)
    with pytest.raises(Replayed):
        table.check(BOB, NONCE, expires_at_ms=100)
