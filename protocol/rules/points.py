"""Points of open streams: what settlements, creations and transfers move between accounts, and who is bankrupt.

    points/OWNER <--settle--> points/OWNER            and with 2021's and 2023's rules: points-reserve, points-subsidy
    points/OWNER --create---> points-creation
    points/OWNER --transfer-> points/OWNER, a tenth of it to points-lost

Settlements that are not kept one by one any more are booked by the day: the same accounts, the same sums.
A unit of their own in the ledger. A publisher is its own oracle: it can pay whom it likes, itself under another name
too; so points never become pay, stake or emission, and no transaction can turn one unit into another.
A balance may fall without end (bankruptcy is a state, not a fault), so its account has a floor that nobody reaches.
Source of the figures: rediz 0.16.3 and 1.0.12, `_transfer_implementation`, `bankruptcy` and `_pipelined_set_new`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from protocol.errors import InvalidRequest
from protocol.params import MAIN
from protocol.rules.exact import round_div
from protocol.rules.ledger import Account, Floors, Posting, Transaction, Unit
from protocol.rules.pot import Settlement
from protocol.units import DAY_MS, MICRO, Micros, UnixMs

POINTS: Final = Unit("points")
POINTS_RESERVE: Final = Account("points-reserve")
POINTS_SUBSIDY: Final = Account("points-subsidy")
POINTS_CREATION: Final = Account("points-creation")
POINTS_LOST: Final = Account("points-lost")
LOWEST_MICROS: Final = Micros(-(2**62))

SETTLEMENT: Final = "settle_stream"
SETTLED_DAY: Final = "settle_day"
CREATION: Final = "create_stream"
TRANSFER: Final = "transfer_points"

CREATION_BUDGETS: Final = 500
"""A new stream costs its owner this many budgets."""
MIN_BALANCE_MICROS: Final = Micros(-MICRO)
"""The level of bankruptcy of a key of difficulty 9; each letter more is worth 16 times as much."""
EASY_LEVEL_MICROS: Final = Micros(-MICRO // 100)
"""The level up to difficulty 8. (The original's client package said -0.001; its server, which decided, -0.01.)"""
BAD_STANDING_MICROS: Final = Micros(-MICRO)
"""Below this on a horizon's board a bankrupt key has nothing to lose there any more."""
LEAST_GIVEN_MICROS: Final = Micros(MICRO // 10)
"""A transfer must exceed this."""
KEEPS_TENTHS: Final = 9
VALID_DIFFICULTY: Final = MAIN.streams.submit_difficulty


def points_account(owner: str) -> Account:
    """Where an owner's points are. owner: the hotkey in hex."""
    return Account(f"points/{owner}")


def points_floors(transaction: Transaction) -> Floors:
    """The floors under which `ledger.apply` books a transaction in points: so low that none is met."""
    return {posting.account: LOWEST_MICROS for posting in transaction.postings if posting.unit == POINTS}


def bankruptcy_level_micros(difficulty: int, *, min_balance_micros: Micros = MIN_BALANCE_MICROS) -> Micros:
    """The balance below which a key is bankrupt: -0.01 up to difficulty 8, else -|min balance| * 16**(difficulty - 9).

    difficulty: letters of the key's animal (`memorable.difficulty`), 0 for a key without one.
    """
    if difficulty <= 8:
        return EASY_LEVEL_MICROS
    return Micros(-abs(min_balance_micros) * 16 ** (difficulty - 9))


def distance_to_bankruptcy_micros(balance_micros: Micros, difficulty: int) -> Micros:
    """What a key can still lose: its balance above its level. Exactly 0 is not bankrupt, below it is."""
    return Micros(balance_micros - bankruptcy_level_micros(difficulty))


def may_submit(balance_micros: Micros, difficulty: int, standing_micros: Micros | None) -> bool:
    """Whether a key's new scenarios are taken: it is solvent, or it stands at -1 or better on this horizon's board.

    standing_micros: its score on the board of this stream and horizon, None when it is not on it.
    """
    solvent = distance_to_bankruptcy_micros(balance_micros, difficulty) >= 0
    return solvent or (standing_micros is not None and standing_micros >= BAD_STANDING_MICROS)


def must_withdraw(balance_micros: Micros, difficulty: int, standing_micros: Micros | None) -> bool:
    """Whether a key's scenarios are cancelled: it is bankrupt and below -1 on this horizon's board."""
    bankrupt = distance_to_bankruptcy_micros(balance_micros, difficulty) < 0
    return bankrupt and standing_micros is not None and standing_micros < BAD_STANDING_MICROS


@dataclass(frozen=True, slots=True)
class TransferRule:
    """What differed between the original's versions: how difficult the giver's key must be."""

    source_difficulty: int


TRANSFER_RULES: Final[Mapping[str, TransferRule]] = MappingProxyType(
    {"transfer2021": TransferRule(11), "transfer2023": TransferRule(7)}
)
DEFAULT_TRANSFER_RULE: Final = "transfer2023"


@dataclass(frozen=True, slots=True)
class Transfer:
    """What changes hands: given = received + lost."""

    given_micros: Micros
    received_micros: Micros
    lost_micros: Micros


def transfer(
    *,
    source_balance_micros: Micros,
    source_difficulty: int,
    recipient_balance_micros: Micros,
    recipient_difficulty: int,
    amount_micros: Micros | None = None,
    rule: str = DEFAULT_TRANSFER_RULE,
) -> Transfer:
    """A gift to a key in debt: as much as the giver has above its own level, the receiver owes, and was asked for.

    amount_micros: None for all that can be given. The receiver gets nine tenths (half a micro to even); it never rises
    above zero, while the giver may go down to its level: so a fresh key of difficulty 11 is worth 256 points.
    Raises InvalidRequest (the giver's fault) for an unknown rule, a key that is not difficult enough on either side,
    a receiver that is not below -1, and for 0.1 or less; field reason, and limit where there is one.
    """
    needed = _transfer_rule(rule).source_difficulty
    if source_difficulty < needed:
        raise _refused("source-difficulty", f"giving points takes a key of difficulty {needed}", needed)
    if recipient_difficulty < VALID_DIFFICULTY:
        raise _refused("recipient-difficulty", "only a memorable key can be given points", VALID_DIFFICULTY)
    if recipient_balance_micros >= -MICRO:
        raise _refused("not-in-debt", "points go only to a key whose balance is below -1", -MICRO)
    can_give = max(0, distance_to_bankruptcy_micros(source_balance_micros, source_difficulty))
    asked = can_give if amount_micros is None else amount_micros
    given = Micros(min(can_give, -recipient_balance_micros, asked))
    if given <= LEAST_GIVEN_MICROS:
        raise _refused(
            "too-little", f"a transfer must exceed 0.1 points, {given} micros can be given", LEAST_GIVEN_MICROS
        )
    received = Micros(round_div(given * KEEPS_TENTHS, 10))
    return Transfer(given, received, Micros(given - received))


def _transfer_rule(name: str) -> TransferRule:
    if name not in TRANSFER_RULES:
        raise InvalidRequest(
            f"no rule of transfers is called {name!r}; there are {', '.join(TRANSFER_RULES)}", rule=name
        )
    return TRANSFER_RULES[name]


def _refused(reason: str, sentence: str, limit: int) -> InvalidRequest:
    return InvalidRequest(sentence, reason=reason, limit=limit)


def settlement_transaction(
    settlement: Settlement, *, publisher: str, stream: str, delay: int, sequence: int, at_ms: UnixMs
) -> Transaction | None:
    """What a settlement books; None when it moved nothing.

    sequence: the publisher's signed number of the value, which makes the id the same on every node.
    """
    counter = ((POINTS_RESERVE, settlement.reserve_micros), (POINTS_SUBSIDY, settlement.subsidy_micros))
    amounts = zip(map(points_account, settlement.owners), settlement.amounts_micros, strict=True)
    postings = tuple(Posting(account, POINTS, amount) for account, amount in (*amounts, *counter) if amount != 0)
    if not postings:
        return None
    memo = f"{settlement.rule} {stream} {delay} s"
    return Transaction(settlement_id(publisher, stream, delay, sequence), at_ms, SETTLEMENT, postings, memo=memo)


def settlement_id(publisher: str, stream: str, delay: int, sequence: int) -> str:
    """The id of what a settlement books. publisher: the hotkey in hex."""
    return f"{SETTLEMENT}/{publisher}/{stream}/{delay}/{sequence}"


def day_transaction(
    amounts: Mapping[Account, Micros], *, publisher: str, stream: str, delay: int, day: int
) -> Transaction:
    """What settlements of one horizon and one day book together, in the place of what each of them had booked.

    amounts: the sums by account; those of 0 are left out, so a day on which all came back has no postings.
    day: UTC, at_ms // 86,400,000.
    """
    postings = tuple(Posting(account, POINTS, amount) for account, amount in amounts.items() if amount != 0)
    id_ = f"{SETTLED_DAY}/{publisher}/{stream}/{delay}/{day}"
    return Transaction(id_, UnixMs(day * DAY_MS), SETTLED_DAY, postings, memo=f"day {day} of {stream} {delay} s")


def creation_transaction(
    owner: str, *, stream: str, budget_micros: Micros, sequence: int, at_ms: UnixMs
) -> Transaction:
    """The charge for a stream that its owner's signed value `sequence` created: CREATION_BUDGETS times its budget.

    A derived stream is charged like any other, by its own budget. Raises LedgerFault (ours) for a budget of 0.
    """
    cost = Micros(CREATION_BUDGETS * budget_micros)
    return _moved(f"{CREATION}/{owner}/{stream}/{sequence}", CREATION, owner, {POINTS_CREATION: cost}, at_ms, stream)


def transfer_transaction(moved: Transfer, *, source: str, recipient: str, request: str, at_ms: UnixMs) -> Transaction:
    """What a transfer books. request: the digest of the giver's signed request, in hex.

    Raises InvalidRequest (the giver's fault) for a transfer to itself.
    """
    if source == recipient:
        raise _refused("to-itself", "points are given to somebody else", 1)
    into = {points_account(recipient): moved.received_micros, POINTS_LOST: moved.lost_micros}
    return _moved(f"{TRANSFER}/{request}", TRANSFER, source, into, at_ms, f"{source} to {recipient}")


def _moved(id_: str, kind: str, source: str, into: Mapping[Account, Micros], at_ms: UnixMs, memo: str) -> Transaction:
    out = Posting(points_account(source), POINTS, Micros(-sum(into.values())))
    to = tuple(Posting(account, POINTS, amount) for account, amount in into.items() if amount != 0)
    return Transaction(id_, at_ms, kind, (out, *to), memo=memo)
