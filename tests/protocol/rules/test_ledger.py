import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import LedgerFault
from protocol.rules.ledger import (
    AUG,
    RESERVE,
    Book,
    Pool,
    Posting,
    Transaction,
    accrual_transaction,
    apply,
    apply_all,
    balance_account,
    epoch_close_transaction,
    fund_pool_transaction,
    reversal_transaction,
)

POOL = Pool("BTC-USD", "closes.paths", 7)
POOL_MICROS = 1_000
FLOORS = {POOL.emission: -POOL_MICROS}
MINERS = [bytes([i]) * 32 for i in range(4)]
ROUNDS = [bytes([100 + i]) * 32 for i in range(4)]

accruals = st.lists(st.dictionaries(st.sampled_from(MINERS), st.integers(0, 60), max_size=4), min_size=1, max_size=4)


def funded():
    return apply(Book(), fund_pool_transaction(POOL, POOL_MICROS, at_ms=0), floors=FLOORS)


def accrue(earned, round_id=ROUNDS[0], revision=0):
    return accrual_transaction(POOL, round_id, earned, revision=revision, at_ms=1)


def close(earned):
    return epoch_close_transaction(POOL, pool_micros=POOL_MICROS, accrued_micros=earned, at_ms=2)


def test_a_transaction_that_does_not_sum_to_zero_cannot_be_built():
    with pytest.raises(LedgerFault, match="sum to zero"):
        Transaction("x", 0, "test", (Posting(RESERVE, AUG, 5), Posting(POOL.account, AUG, -4)))


def test_one_unit_cannot_pay_for_another():
    with pytest.raises(LedgerFault, match="sum to zero"):
        Transaction("x", 0, "test", (Posting(RESERVE, AUG, 5), Posting(POOL.account, "points", -5)))


def test_an_account_stands_once_in_a_transaction_and_a_posting_is_never_empty():
    with pytest.raises(LedgerFault, match="twice"):
        Transaction("x", 0, "test", (Posting(RESERVE, AUG, 5), Posting(RESERVE, AUG, -5)))
    with pytest.raises(LedgerFault, match="needs an account"):
        Posting(RESERVE, AUG, 0)


def test_no_account_falls_below_its_floor_and_a_refused_batch_changes_nothing():
    book = funded()
    with pytest.raises(LedgerFault, match="its floor is 0"):
        apply_all(book, [accrue({MINERS[0]: 400}), accrue({MINERS[1]: 601}, ROUNDS[1])], floors=FLOORS)

    assert funded() == book
    with pytest.raises(LedgerFault, match="its floor is -1000"):
        apply(book, fund_pool_transaction(Pool("BTC-USD", "closes.paths", 8), 1, at_ms=0), floors=FLOORS)


def test_a_transaction_given_again_changes_nothing():
    once = apply(funded(), accrue({MINERS[0]: 10}), floors=FLOORS)

    assert once == apply(once, accrue({MINERS[0]: 10}), floors=FLOORS)


def test_an_id_that_comes_back_with_other_postings_is_refused():
    book = apply(funded(), accrue({MINERS[0]: 10}), floors=FLOORS)
    with pytest.raises(LedgerFault, match="other postings"):
        apply(book, accrue({MINERS[0]: 11}), floors=FLOORS)


@given(accruals)
@settings(max_examples=100, deadline=None)
def test_an_epoch_pays_exactly_what_was_accrued_once_and_the_rest_is_the_reserves(rounds):
    totals = {miner: sum(earned.get(miner, 0) for earned in rounds) for miner in MINERS}
    resolved = [accrue(earned, round_id) for round_id, earned in zip(ROUNDS, rounds, strict=False)]
    before = apply_all(funded(), resolved, floors=FLOORS)

    assert all(before.balance(balance_account(miner)) == 0 for miner in MINERS)
    after = apply_all(before, [close(totals), close(totals)], floors=FLOORS)
    assert totals == {miner: after.balance(balance_account(miner)) for miner in MINERS}
    assert POOL_MICROS - sum(totals.values()) == after.balance(RESERVE)
    assert {0} == {after.balance(account) for account in [POOL.account, *(POOL.accrued(miner) for miner in MINERS)]}
    assert 0 == sum(after.balances.values())
    assert -POOL_MICROS == after.balance(POOL.emission)


@given(accruals, accruals)
@settings(max_examples=50, deadline=None)
def test_a_re_score_leaves_the_balances_that_the_new_score_alone_would_have_left(first, second):
    def nonzero(book):
        return {key: amount for key, amount in book.balances.items() if amount}

    old, new = accrue(first[0]), accrue(second[0], revision=1)
    corrected = [old, reversal_transaction(old, at_ms=2, reason="a venue's correction"), new]

    assert nonzero(apply(funded(), new, floors=FLOORS)) == nonzero(apply_all(funded(), corrected, floors=FLOORS))


def test_only_an_accrual_is_reversed():
    with pytest.raises(LedgerFault, match="only accruals"):
        reversal_transaction(close({MINERS[0]: 5}), at_ms=3, reason="regret")


def test_a_close_that_pays_what_was_not_accrued_is_refused():
    book = apply(funded(), accrue({MINERS[0]: 10}), floors=FLOORS)
    with pytest.raises(LedgerFault, match="its floor is 0"):
        apply(book, close({MINERS[0]: 11}), floors=FLOORS)
    with pytest.raises(LedgerFault, match="cannot pay"):
        close({MINERS[0]: POOL_MICROS + 1})


def test_a_paid_epoch_takes_no_more_accruals_nor_reversals():
    accrual = accrue({MINERS[0]: 10})
    paid = apply_all(funded(), [accrual, close({MINERS[0]: 10})], floors=FLOORS)
    for late in (accrue({MINERS[1]: 1}, ROUNDS[1]), reversal_transaction(accrual, at_ms=3, reason="too late")):
        with pytest.raises(LedgerFault, match="its floor is 0"):
            apply(paid, late, floors=FLOORS)


def test_an_epoch_in_which_nobody_earned_moves_its_pool_to_the_reserve():
    assert POOL_MICROS == apply(funded(), close({}), floors=FLOORS).balance(RESERVE)
