"""What settlements add up to: balances, sums of days for boards, performance of keys, volumes of horizons.

All of it is sums, so the order of what is added does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from protocol.rules.ledger import Account, Transaction
from protocol.rules.points import points_account
from protocol.rules.stream_book.effects import Settled
from protocol.rules.stream_names import horizon_name
from protocol.rules.stream_standings import (
    FOR_EVER,
    ROWS,
    BoardKey,
    Memory,
    board_scores,
    boards_of,
    performance,
    ranked,
    volume_micros,
)
from protocol.units import DAY_MS, Micros, UnixMs

_account = lru_cache(maxsize=65_536)(points_account)


@dataclass
class Tallies:
    """Sums in micro-points, as plain integers.

    balances: by account.  days: board -> day -> owner -> sum.  performed: owner -> (stream, delay) -> sum.
    volumes: by horizon, as "70::cop.json", everything that moved.
    """

    balances: dict[Account, int] = field(default_factory=dict)
    days: dict[BoardKey, dict[int, dict[str, int]]] = field(default_factory=dict)
    performed: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)
    volumes: dict[str, int] = field(default_factory=dict)

    def book(self, transactions: Iterable[Transaction]) -> None:
        """Adds postings; each transaction sums to zero by itself."""
        balances = self.balances
        for transaction in transactions:
            for posting in transaction.postings:
                balances[posting.account] = balances.get(posting.account, 0) + posting.amount_micros

    def count(self, settled: Settled) -> None:
        """Adds what one horizon's settlement moved to the boards, the keys and the volumes."""
        stream, delay, settlement = settled.name, settled.delay, settled.settlement
        moved = [pair for pair in zip(settlement.owners, settlement.amounts_micros, strict=True) if pair[1] != 0]
        if not moved:
            return
        boards = boards_of(stream, delay, sponsor=settled.sponsor, at_ms=settled.at_ms)
        self._add(boards, settled.at_ms // DAY_MS, moved, horizon=(stream, delay))
        name = horizon_name(stream, delay)
        self.volumes[name] = self.volumes.get(name, 0) + volume_micros(settlement)

    def take_back(
        self, stream: str, delay: int, *, sponsor: str, day: int, earned: Sequence[tuple[str, int]], moved_micros: int
    ) -> None:
        """Adds what a store has kept of one horizon's settlements on one day. earned: (owner, sum)."""
        boards = boards_of(stream, delay, sponsor=sponsor, at_ms=UnixMs(day * DAY_MS))
        self._add(boards, day, earned, horizon=(stream, delay))
        name = horizon_name(stream, delay)
        self.volumes[name] = self.volumes.get(name, 0) + moved_micros

    def _add(
        self, boards: Iterable[BoardKey], day: int, moved: Sequence[tuple[str, int]], *, horizon: tuple[str, int]
    ) -> None:
        for board in boards:
            sums = self.days.setdefault(board, {}).setdefault(day, {})
            for owner, amount in moved:
                sums[owner] = sums.get(owner, 0) + amount
        for owner, amount in moved:
            performed = self.performed.setdefault(owner, {})
            performed[horizon] = performed.get(horizon, 0) + amount

    def balance(self, owner: str) -> Micros:
        """An owner's points; 0 before anything moved."""
        return Micros(self.balances.get(_account(owner), 0))

    def standing(self, owner: str, stream: str, delay: int) -> Micros | None:
        """An owner's sum on one horizon's board, ever; None when nothing ever moved for it there."""
        standing = self.performed.get(owner, {}).get((stream, delay))
        return None if standing is None else Micros(standing)

    def performance(self, owner: str) -> list[tuple[str, Micros]]:
        """What a key earned by horizon, the best first."""
        by_horizon = self.performed.get(owner, {})
        return performance((stream, delay, Micros(amount)) for (stream, delay), amount in by_horizon.items())

    def leaderboard(
        self, board: BoardKey, as_of_ms: UnixMs, *, memory: Memory = FOR_EVER, rows: int = ROWS
    ) -> list[tuple[str, Micros]]:
        """A board's places, the best first."""
        days = self.days.get(board, {})
        sums = {
            (board, owner, day): Micros(amount) for day, by_owner in days.items() for owner, amount in by_owner.items()
        }
        return ranked(board_scores(sums, board, as_of_day=as_of_ms // DAY_MS, memory=memory), rows=rows)
