"""Points: the original's levels and transfers to the micro, and bookings that conserve."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import InvalidRequest, LedgerFault
from protocol.rules.ledger import AUG, Account, Book, apply, apply_all
from protocol.rules.points import (
    POINTS,
    POINTS_CREATION,
    POINTS_LOST,
    POINTS_RESERVE,
    POINTS_SUBSIDY,
    Transfer,
    bankruptcy_level_micros,
    creation_transaction,
    distance_to_bankruptcy_micros,
    may_submit,
    must_withdraw,
    points_account,
    points_floors,
    settlement_transaction,
    transfer,
    transfer_transaction,
)
from protocol.rules.pot import RULES, settle
from protocol.units import MICRO, Micros, UnixMs

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "points.json").read_text())
NOW = UnixMs(1_000)


def micros(units):
    return None if units is None else Micros(round(units * MICRO))


@pytest.mark.parametrize(("difficulty", "level"), VECTORS["levels"].items())
def test_levels_of_bankruptcy_are_the_originals(difficulty, level):
    assert micros(level) == bankruptcy_level_micros(int(difficulty))


@pytest.mark.parametrize("year", ["2021", "2023"])
@pytest.mark.parametrize("place", range(len(VECTORS["2021"])))
def test_transfers_are_the_originals(year, place):
    case = VECTORS[year][place]
    arguments = {
        "source_balance_micros": micros(case["source_balance"]),
        "source_difficulty": case["source_difficulty"],
        "recipient_balance_micros": micros(case["recipient_balance"]),
        "recipient_difficulty": 9,
        "amount_micros": micros(case["amount"]),
        "rule": f"transfer{year}",
    }
    if case["success"]:
        moved = transfer(**arguments)
        assert micros(case["given"]) == moved.given_micros
        assert abs(moved.received_micros - case["received"] * MICRO) <= 0.51
    else:
        with pytest.raises(InvalidRequest) as refused:
            transfer(**arguments)
        assert "reason" in refused.value.fields


@settings(max_examples=100, deadline=None)
@given(
    st.integers(-(10**12), 10**12), st.integers(0, 16), st.integers(-(10**12), 0),
    st.none() | st.integers(-(10**9), 10**12),
)  # fmt: skip
def test_a_transfer_conserves_and_makes_neither_side_rich_nor_bankrupt(source, difficulty, recipient, amount):
    try:
        moved = transfer(
            source_balance_micros=Micros(source), source_difficulty=difficulty,
            recipient_balance_micros=Micros(recipient), recipient_difficulty=6, amount_micros=amount,
        )  # fmt: skip
    except InvalidRequest:
        return
    assert moved.given_micros == moved.received_micros + moved.lost_micros
    assert moved.lost_micros >= 0
    assert recipient + moved.received_micros <= 0
    assert source - moved.given_micros >= bankruptcy_level_micros(difficulty)


def test_a_key_without_a_name_is_given_nothing_and_an_unknown_rule_has_no_transfers():
    asked = {"source_balance_micros": 0, "source_difficulty": 11, "recipient_balance_micros": -2 * MICRO}
    with pytest.raises(InvalidRequest, match="only a memorable key"):
        transfer(**asked, recipient_difficulty=0)
    with pytest.raises(InvalidRequest, match="no rule of transfers is called 'x'"):
        transfer(**asked, recipient_difficulty=6, rule="x")


def test_a_balance_exactly_at_its_level_is_not_bankrupt():
    assert 0 == distance_to_bankruptcy_micros(Micros(-16 * MICRO), 10)
    assert may_submit(Micros(-16 * MICRO), 10, None)
    assert not may_submit(Micros(-16 * MICRO - 1), 10, None)


@pytest.mark.parametrize(
    ("submits", "withdraws", "standing"),
    [(False, False, None), (True, False, -MICRO), (False, True, -MICRO - 1), (True, False, 5)],
)
def test_a_bankrupt_key_plays_on_where_it_has_not_lost(submits, withdraws, standing):
    broke = Micros(-MICRO - 1)
    assert (submits, withdraws) == (may_submit(broke, 9, standing), must_withdraw(broke, 9, standing))
    assert (True, False) == (may_submit(Micros(0), 9, standing), must_withdraw(Micros(0), 9, standing))


ROWS = [[0.0] * 225, [0.004] * 225, [9.0] * 225]


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_settlement_is_booked_once_and_balances(rule):
    done = settle(["a", "b", "c"], ROWS, 0.0, rule=rule, spread=1.0)
    booked = settlement_transaction(done, publisher="p", stream="s.json", delay=70, sequence=3, at_ms=NOW)
    assert "settle_stream/p/s.json/70/3" == booked.id
    book = apply_all(Book(), [booked, booked], floors=points_floors(booked))
    for owner, amount in zip(done.owners, done.amounts_micros, strict=True):
        assert amount == book.balance(points_account(owner), POINTS)
    assert done.subsidy_micros == book.balance(POINTS_SUBSIDY, POINTS)
    assert 0 == sum(book.balances.values())
    assert {POINTS} == {unit for _, unit in book.balances}


def test_a_carry_over_goes_to_the_reserve():
    done = settle(["a", "b", "c"], ROWS, 5.0, rule="micro2021", carry_over=True)
    booked = settlement_transaction(done, publisher="p", stream="s.json", delay=70, sequence=3, at_ms=NOW)
    assert 3 * MICRO == apply(Book(), booked, floors=points_floors(booked)).balance(POINTS_RESERVE, POINTS)


def test_a_settlement_that_moves_nothing_books_nothing():
    done = settle(["a"], ROWS[:1], 5.0)
    assert None is settlement_transaction(done, publisher="p", stream="s.json", delay=70, sequence=3, at_ms=NOW)


def test_creating_a_stream_costs_500_budgets():
    charged = creation_transaction("a", stream="s.json", budget_micros=Micros(MICRO // 10), sequence=1, at_ms=NOW)
    book = apply(Book(), charged, floors=points_floors(charged))
    assert (-50 * MICRO, 50 * MICRO) == (
        book.balance(points_account("a"), POINTS),
        book.balance(POINTS_CREATION, POINTS),
    )


def test_a_transfer_is_booked_with_its_loss():
    moved = Transfer(Micros(1_000_000), Micros(900_000), Micros(100_000))
    booked = transfer_transaction(moved, source="a", recipient="b", request="00ff", at_ms=NOW)
    book = apply(Book(), booked, floors=points_floors(booked))
    expected = {points_account("a"): -1_000_000, points_account("b"): 900_000, POINTS_LOST: 100_000}
    assert expected == {account: amount for (account, _), amount in book.balances.items()}


def test_nobody_gives_points_to_itself():
    with pytest.raises(InvalidRequest, match="somebody else"):
        transfer_transaction(
            Transfer(Micros(2), Micros(1), Micros(1)), source="a", recipient="a", request="", at_ms=NOW
        )


def test_floors_of_points_leave_the_floors_of_money_alone():
    charged = creation_transaction("a", stream="s", budget_micros=Micros(1), sequence=1, at_ms=NOW)
    assert Account("pool/x") not in points_floors(charged)
    assert AUG not in {posting.unit for posting in charged.postings}
    with pytest.raises(LedgerFault):
        apply(Book(), charged, floors={})
