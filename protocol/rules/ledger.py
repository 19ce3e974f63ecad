"""Double entry: what is earned, promised and paid, as postings that sum to zero; a balance is a sum of postings.

An epoch of one challenge's pool, from left to right; nothing goes back but by a reversal:

    emission/S/C --fund_pool--> pool/S/C/E --accrual (each resolve)--> accrued/S/C/E/M --epoch_close--> balance/M
                                     \\------------- what nobody earned, at epoch_close -----------> reserve

S is the series, C the challenge, E the epoch, M the miner's hotkey in hex. Only the close pays, and it can pay only
once: its id is the epoch's, and it empties accounts that may not go below zero. Points of open streams will be
another unit; no posting can turn one unit into another, because every transaction sums to zero in each unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NewType

from protocol.errors import LedgerFault
from protocol.units import Hotkey, Micros, RoundId, UnixMs

Account = NewType("Account", str)
Unit = NewType("Unit", str)
"""What an amount counts. Amounts of different units never meet in one sum."""

Balances = Mapping[tuple[Account, Unit], Micros]
Floors = Mapping[Account, Micros]
"""The lowest balance an account may have, where that is not 0: the emission's, minus what was emitted so far."""

AUG: Final = Unit("aug")
"""The network's unit of account."""

RESERVE: Final = Account("reserve")
FUNDING: Final = "fund_pool"
ACCRUAL: Final = "accrual"
REVERSAL: Final = "reversal"
EPOCH_CLOSE: Final = "epoch_close"


@dataclass(frozen=True, slots=True)
class Pool:
    """One challenge's pool of one epoch."""

    series: str
    challenge: str
    epoch: int

    @property
    def name(self) -> str:
        return f"{self.series}/{self.challenge}/{self.epoch}"

    @property
    def account(self) -> Account:
        return Account(f"pool/{self.name}")

    @property
    def emission(self) -> Account:
        return emission_account(self.series, self.challenge)

    def accrued(self, hotkey: Hotkey) -> Account:
        """What this pool has promised a miner, until the epoch closes."""
        return Account(f"accrued/{self.name}/{hotkey.hex()}")


def emission_account(series: str, challenge: str) -> Account:
    """Where new units come from; its balance is minus all that was ever emitted."""
    return Account(f"emission/{series}/{challenge}")


def balance_account(hotkey: Hotkey) -> Account:
    """What a miner has been paid."""
    return Account(f"balance/{hotkey.hex()}")


@dataclass(frozen=True, slots=True)
class Posting:
    """One account's side of a transaction: amount > 0 comes in, < 0 goes out, 0 is refused."""

    account: Account
    unit: Unit
    amount_micros: Micros

    def __post_init__(self) -> None:
        if self.amount_micros == 0 or not self.account or not self.unit:
            raise LedgerFault(f"a posting needs an account, a unit and an amount: {self.account!r} {self.unit!r}")


@dataclass(frozen=True, slots=True)
class Transaction:
    """Postings that happen together. Refuses to be built unless they sum to zero in every unit.

    id: says what was done, not when, so that doing it again is the same transaction.
    Raises LedgerFault (ours) when unbalanced, or when an account occurs twice in one unit.
    """

    id: str
    at_ms: UnixMs
    kind: str
    postings: tuple[Posting, ...]
    memo: str = ""

    def __post_init__(self) -> None:
        sums: dict[Unit, int] = {}
        for posting in self.postings:
            sums[posting.unit] = sums.get(posting.unit, 0) + posting.amount_micros
        for unit, total in sums.items():
            if total != 0:
                raise LedgerFault(f"transaction {self.id} does not sum to zero: {total} {unit}", transaction=self.id)
        if len({(posting.account, posting.unit) for posting in self.postings}) != len(self.postings):
            raise LedgerFault(f"transaction {self.id} names an account twice", transaction=self.id)


@dataclass(frozen=True, slots=True)
class Book:
    """Every balance, and every transaction that made them, by id."""

    balances: Balances = field(default_factory=dict)
    applied: Mapping[str, Transaction] = field(default_factory=dict)

    def balance(self, account: Account, unit: Unit = AUG) -> Micros:
        return self.balances.get((account, unit), Micros(0))


def apply(book: Book, transaction: Transaction, *, floors: Floors) -> Book:
    """The book after a transaction; the same book when it holds the transaction already.

    Raises LedgerFault as `apply_all` does; the book given is never changed.
    """
    return apply_all(book, [transaction], floors=floors)


def apply_all(book: Book, transactions: Iterable[Transaction], *, floors: Floors) -> Book:
    """The book after these transactions in this order, all or none; what it holds already is passed over.

    Raises LedgerFault (ours) when an account would fall below its floor, or when an id comes back with other postings.
    """
    balances, applied = dict(book.balances), dict(book.applied)
    for transaction in transactions:
        known = applied.get(transaction.id)
        if known is None:
            balances.update(touched_balances(balances, transaction, floors=floors))
            applied[transaction.id] = transaction
        elif known.postings != transaction.postings:
            raise LedgerFault(f"transaction {transaction.id} came back with other postings", transaction=transaction.id)
    return Book(balances, applied)


def touched_balances(
    balances: Balances, transaction: Transaction, *, floors: Floors
) -> dict[tuple[Account, Unit], Micros]:
    """The new balances of the accounts that a transaction touches: what a store has to write.

    Raises LedgerFault (ours) when one would fall below its floor (0 where `floors` does not name it).
    """
    touched = {}
    for posting in transaction.postings:
        key = posting.account, posting.unit
        after = Micros(balances.get(key, 0) + posting.amount_micros)
        floor = floors.get(posting.account, 0)
        if posting.amount_micros < 0 and after < floor:
            raise LedgerFault(
                f"transaction {transaction.id} takes {posting.account} to {after} {posting.unit}, its floor is {floor}",
                transaction=transaction.id,
                account=posting.account,
            )
        touched[key] = after
    return touched


def fund_pool_transaction(pool: Pool, amount_micros: Micros, *, at_ms: UnixMs) -> Transaction:
    """Emits an epoch's pool. Its id is the epoch's, so it may be given again with every accrual."""
    return Transaction(
        f"{FUNDING}/{pool.name}", at_ms, FUNDING, _move(pool.emission, {pool.account: amount_micros}), memo=pool.name
    )


def accrual_transaction(
    pool: Pool, round_id: RoundId, accrued_micros: Mapping[Hotkey, Micros], *, revision: int, at_ms: UnixMs
) -> Transaction:
    """Promises what a resolved round earned; pays nothing. Zero amounts are left out.

    revision: 0 at resolve, one more with every re-score, whose earlier accrual must be reversed first.
    """
    to = {pool.accrued(hotkey): accrued_micros[hotkey] for hotkey in sorted(accrued_micros)}
    return Transaction(
        f"{ACCRUAL}/{round_id.hex()}/{revision}", at_ms, ACCRUAL, _move(pool.account, to), memo=pool.name
    )


def reversal_transaction(accrual: Transaction, *, at_ms: UnixMs, reason: str) -> Transaction:
    """Takes an accrual back, before a re-score accrues anew. Raises LedgerFault for any other kind (ours)."""
    if accrual.kind != ACCRUAL:
        raise LedgerFault(f"only accruals are reversed, {accrual.id} is a {accrual.kind}", transaction=accrual.id)
    undone = tuple(Posting(p.account, p.unit, Micros(-p.amount_micros)) for p in accrual.postings)
    return Transaction(f"{REVERSAL}/{accrual.id}", at_ms, REVERSAL, undone, memo=reason)


def epoch_close_transaction(
    pool: Pool, *, pool_micros: Micros, accrued_micros: Mapping[Hotkey, Micros], at_ms: UnixMs
) -> Transaction:
    """Pays all that the epoch accrued, and moves the rest of its pool to the reserve.

    accrued_micros: each miner's sum over the epoch's rounds, as the accounts `pool.accrued` hold it.
    Raises LedgerFault (ours) when more was accrued than the pool had.
    """
    unearned = Micros(pool_micros - sum(accrued_micros.values()))
    if unearned < 0 or any(amount < 0 for amount in accrued_micros.values()):
        raise LedgerFault(f"pool {pool.name} of {pool_micros} cannot pay what was accrued: {-unearned} too much")
    postings = [posting for hotkey in sorted(accrued_micros) for posting in _move(
        pool.accrued(hotkey), {balance_account(hotkey): accrued_micros[hotkey]}
    )]  # fmt: skip
    postings += _move(pool.account, {RESERVE: unearned})
    return Transaction(f"{EPOCH_CLOSE}/{pool.name}", at_ms, EPOCH_CLOSE, tuple(postings), memo=pool.name)


def _move(source: Account, to: Mapping[Account, Micros]) -> tuple[Posting, ...]:
    """Postings that take the sum from the source and give each its amount; amounts of 0 are left out."""
    into = tuple(Posting(account, AUG, amount) for account, amount in to.items() if amount != 0)
    total = sum(posting.amount_micros for posting in into)
    return (Posting(source, AUG, Micros(-total)), *into) if into else ()
