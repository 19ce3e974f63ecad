"""The ledger recomputed: what every round promises, what every epoch pays, and what every account then holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from neurons.records import EpochRow, RoundRow
from neurons.store.auditing import BookedTransaction
from neurons.validating.replay.findings import Findings
from protocol.errors import LedgerFault
from protocol.params import NetworkParams
from protocol.rules.calendar import epoch_bounds_ms, epoch_of
from protocol.rules.emission import epoch_pool_micros
from protocol.rules.ledger import (
    AUG,
    EPOCH_CLOSE,
    FUNDING,
    Account,
    Pool,
    Transaction,
    Unit,
    accrual_transaction,
    epoch_close_transaction,
    fund_pool_transaction,
    reversal_transaction,
)
from protocol.rules.rounds import RoundState
from protocol.units import Hotkey, Micros, UnixMs

HOTKEY_HEX: Final = re.compile(r"[0-9a-f]{64}")
FINALS_THAT_CLOSE = 2
"""Once so many rounds of a later epoch are final, a validator has had its turn to close the one before."""


@dataclass(slots=True)
class OpenEpoch:
    """One epoch of one pool while its rounds are replayed."""

    pool: Pool
    first_resolved_ms: UnixMs | None = None
    live: int = 0
    final: int = 0
    accrued: dict[Hotkey, Micros] = field(default_factory=dict)

    @property
    def fund_id(self) -> str:
        return f"{FUNDING}/{self.pool.name}"

    @property
    def close_id(self) -> str:
        return f"{EPOCH_CLOSE}/{self.pool.name}"


class ReplayedLedger:
    """Expects transactions, compares those that are booked, and adds up every balance from what it expects."""

    def __init__(self, params: NetworkParams, findings: Findings) -> None:
        self._params, self._findings = params, findings
        self._open: dict[tuple[str, str], OpenEpoch] = {}
        self._ids: set[str] = set()
        self._balances: dict[tuple[Account, Unit], int] = {}
        self._unclosed: list[Pool] = []
        self._finals: dict[tuple[str, str, int], int] = {}

    def ended_by(self, row: RoundRow) -> OpenEpoch | None:
        """The epoch of the same pool that has no more rounds, now that this one has come; it leaves the ledger."""
        held = self._open.get((row.series, row.challenge))
        if held is None or held.pool.epoch == epoch_of(row.anchor_at_ms, self._params.time):
            return None
        return self._open.pop((row.series, row.challenge))

    def all_ended(self) -> Iterator[OpenEpoch]:
        """What is still open when every round has come."""
        yield from self._open.values()
        self._open.clear()

    def add_round(self, row: RoundRow, accrued: Mapping[Hotkey, Micros]) -> None:
        """Counts a replayed round into its epoch."""
        epoch = epoch_of(row.anchor_at_ms, self._params.time)
        held = self._open.setdefault((row.series, row.challenge), OpenEpoch(Pool(row.series, row.challenge, epoch)))
        held.final += row.state == RoundState.FINAL
        held.live += row.state not in (RoundState.FINAL, RoundState.VOID)
        if row.resolved_at_ms is not None and held.first_resolved_ms is None:
            held.first_resolved_ms = row.resolved_at_ms
        for hotkey, micros in accrued.items():
            if micros:
                held.accrued[hotkey] = Micros(held.accrued.get(hotkey, 0) + micros)

    def expect(self, wanted: Transaction, booked: BookedTransaction | None, where: str) -> None:
        """Compares one expected transaction with the booked one, leg by leg."""
        self._findings.checked["transactions"] += 1
        self._ids.add(wanted.id)
        legs: dict[tuple[Account, Unit], int] = {}
        for posting in wanted.postings:
            legs[posting.account, posting.unit] = posting.amount_micros
            self._add(posting.account, posting.unit, posting.amount_micros)
        if booked is None:
            self._findings.differ("transactions", where, wanted.id, None, f"a transaction of {wanted.kind}")
            return
        stored = _told(booked.at_ms, booked.kind, booked.memo, booked.legs)
        self._findings.compare("postings", where, stored, _told(wanted.at_ms, wanted.kind, wanted.memo, legs))

    def take(self, booked: BookedTransaction) -> None:
        """Counts a booking whose cause is not kept any more into its accounts, as it stands."""
        self._findings.checked["transactions"] += 1
        self._ids.add(booked.id)
        for (account, unit), amount in booked.legs.items():
            self._add(account, unit, amount)

    def expect_taken_back(
        self, row: RoundRow, revision: int, booked: BookedTransaction, undone: BookedTransaction | None, where: str
    ) -> None:
        """Compares an accrual that a re-score took back with what an accrual is, and its reversal with it, leg by leg.

        What it amounted to followed from closes that are not the truth any more; all of it must be undone.
        """
        pool = Pool(row.series, row.challenge, epoch_of(row.anchor_at_ms, self._params.time))
        accrued: dict[Hotkey, Micros] = {}
        for account, unit in booked.legs:
            owner = account.removeprefix(pool.accrued(Hotkey(b"")))
            if unit == AUG and owner != account and HOTKEY_HEX.fullmatch(owner):
                accrued[Hotkey(bytes.fromhex(owner))] = Micros(booked.legs[account, unit])
        accrual = accrual_transaction(pool, row.round_id, accrued, revision=revision, at_ms=booked.at_ms)
        self.expect(accrual, booked, where)
        at_ms, reason = (booked.at_ms, row.reason) if undone is None else (undone.at_ms, undone.memo)
        self.expect(reversal_transaction(accrual, at_ms=at_ms, reason=reason), undone, where)

    def close(
        self,
        epoch: OpenEpoch,
        row: EpochRow | None,
        fund: BookedTransaction | None,
        closed: BookedTransaction | None,
    ) -> None:
        """Compares an ended epoch with its row and its two transactions."""
        pool, findings = epoch.pool, self._findings
        question = pool.series, pool.challenge
        where = f"epoch {pool.name}"
        key = (*question, pool.epoch)
        self._finals[key] = epoch.final
        pool_micros = epoch_pool_micros(self._params, self._params.challenge(pool.challenge))
        funded_ms = epoch.first_resolved_ms if row is None else epoch.first_resolved_ms or row.closed_at_ms
        if funded_ms is not None:
            self.expect(fund_pool_transaction(pool, pool_micros, at_ms=funded_ms), fund, where)
        if row is None:
            if not epoch.live:
                self._unclosed.append(pool)
            return
        findings.checked["epochs"] += 1
        if epoch.live:
            findings.differ("epochs", where, "closed_at_ms", row.closed_at_ms, f"{epoch.live} rounds are not final")
        if row.closed_at_ms < epoch_bounds_ms(pool.epoch, self._params.time)[1]:
            findings.differ("epochs", where, "closed_at_ms", row.closed_at_ms, "the epoch's end")
        try:
            close = epoch_close_transaction(
                pool, pool_micros=pool_micros, accrued_micros=epoch.accrued, at_ms=row.closed_at_ms
            )
        except LedgerFault as error:
            findings.differ("epochs", where, "paid_micros", row.paid_micros, error)
            return
        self.expect(close, closed, where)
        paid = sum(epoch.accrued.values())
        findings.compare(
            "epochs",
            where,
            {"paid_micros": row.paid_micros, "reserve_micros": row.reserve_micros},
            {"paid_micros": paid, "reserve_micros": pool_micros - paid},
        )
        findings.tell({"epoch": pool.name, "paid": paid, "reserve": pool_micros - paid})

    def is_expected(self, transaction_id: str) -> bool:
        """Whether a booked transaction follows from a round or an epoch."""
        return transaction_id in self._ids

    def finish(self, balances: Mapping[tuple[Account, Unit], int], sums: Mapping[Unit, int]) -> None:
        """Compares every account with the sum of what was expected for it, and says which epochs were never paid.

        sums: of all stored postings, by unit.
        """
        findings = self._findings
        for pool in self._unclosed:
            later = sum(
                finals
                for (series, challenge, epoch), finals in self._finals.items()
                if (series, challenge) == (pool.series, pool.challenge) and epoch > pool.epoch
            )
            if later >= FINALS_THAT_CLOSE:
                findings.differ(
                    "epochs", f"epoch {pool.name}", "closed_at_ms", None, "closed: all its rounds are final"
                )
        for unit, total in sums.items():
            findings.checked["sums"] += 1
            if total and not any(name.startswith(("postings.", "transactions.")) for name in findings.found):
                findings.differ("postings", f"all in {unit}", "sum", total, 0)
        for account, unit in sorted({*balances, *self._balances}):
            findings.checked["balances"] += 1
            stored, recomputed = balances.get((account, unit), 0), self._balances.get((account, unit), 0)
            if stored != recomputed:
                findings.differ("accounts", f"{account} ({unit})", "balance_micros", stored, recomputed)
        findings.tell({f"{account} {unit}": amount for (account, unit), amount in self._balances.items()})

    def _add(self, account: Account, unit: Unit, amount: int) -> None:
        after = self._balances.get((account, unit), 0) + amount
        if after:
            self._balances[account, unit] = after
        else:
            self._balances.pop((account, unit), None)


def _told(at_ms: int, kind: str, memo: str, legs: Mapping[tuple[Account, Unit], int]) -> dict[str, object]:
    """A transaction's fields, one for each account."""
    told: dict[str, object] = {"at_ms": at_ms, "kind": kind, "memo": memo}
    return told | {
        account if unit == AUG else f"{account} ({unit})": amount for (account, unit), amount in legs.items()
    }
