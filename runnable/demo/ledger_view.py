"""What the demo shows, read from the validator's database: rounds, prices, standings, refusals."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final

from neurons.ports import StoreReader
from neurons.records import CloseRow, PayRow, RefusalRow, RoundRow
from protocol.params import NetworkParams
from protocol.rules.challenges import VALID
from protocol.rules.ledger import AUG, balance_account
from protocol.rules.rounds import RoundState
from protocol.units import HOUR_MS, Hotkey, RoundId
from runnable.demo.cast import SERIES, Cast

CHALLENGES: Final = ("closes.point", "closes.paths")


@dataclass(slots=True)
class Record:
    """One miner's record in one challenge, added up over all scored rounds."""

    rounds: int = 0
    valid: int = 0
    gain_nano: int = 0
    baseline_nano: int = 0
    accrued_micros: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    last_pay: PayRow | None = None

    @property
    def gain_percent(self) -> float:
        """Mean gain over the baseline, in percent of the baseline's loss; for display."""
        return 100 * self.gain_nano / self.baseline_nano if self.baseline_nano else 0.0

    @property
    def proof(self) -> dict[str, int | str]:
        """The arithmetic of its latest proof, empty before the first and when it is so old that it was let go."""
        return dict(json.loads(self.last_pay.detail)["proof"]) if self.last_pay and self.last_pay.detail else {}


@dataclass(slots=True)
class Snapshot:
    """What one look at the database showed."""

    now_ms: int
    rounds: list[RoundRow] = field(default_factory=list)
    counts: dict[RoundId, tuple[int, int]] = field(default_factory=dict)
    closes: list[CloseRow] = field(default_factory=list)
    refusals: list[RefusalRow] = field(default_factory=list)
    paid_micros: dict[Hotkey, int] = field(default_factory=dict)
    live_states: Counter[str] = field(default_factory=Counter)
    paid_epochs: int = 0
    """Epochs with live rounds that were paid."""


class LedgerView:
    """Looks at the store again and again, reading only what is new of the scores."""

    def __init__(self, store: StoreReader, cast: Cast, params: NetworkParams, live_from_ms: int) -> None:
        self._store, self._cast, self._params, self._live_from = store, cast, params, live_from_ms
        self._scored_to: dict[str, int] = dict.fromkeys(CHALLENGES, 0)
        self.records: dict[tuple[Hotkey, str], Record] = defaultdict(Record)

    async def look(self, now_ms: int) -> Snapshot:
        """The newest state; `records` grows by what was scored since the last look."""
        store, seen = self._store, Snapshot(now_ms)
        seen.rounds = list(await store.rounds(limit=14))
        seen.counts = dict(await store.counts([row.round_id for row in seen.rounds]))
        seen.closes = list(await store.closes(SERIES, from_ms=now_ms - 2 * HOUR_MS, to_ms=now_ms))
        seen.refusals = list(await store.refusals(from_ms=0))
        balances = await store.balances()
        for player in self._cast.players:
            hotkey = player.key.hotkey
            seen.paid_micros[hotkey] = balances.get((balance_account(hotkey), AUG), 0)
        live = await store.rounds(from_ms=self._live_from, limit=1_000)
        seen.live_states = Counter(row.state for row in live if row.provenance == "live")
        for challenge in CHALLENGES:
            await self._read_scores(challenge)
            epochs = await store.epochs(SERIES, challenge)
            first = self._live_from // self._params.time.epoch_ms
            seen.paid_epochs += sum(epoch.epoch >= first for epoch in epochs)
        return seen

    async def _read_scores(self, challenge: str) -> None:
        fresh = await self._store.scores(SERIES, challenge, from_ms=self._scored_to[challenge])
        for score in fresh:
            record = self.records[score.hotkey, challenge]
            record.rounds += 1
            record.valid += score.status == VALID
            record.gain_nano += score.gain_nano
            record.baseline_nano += score.baseline_loss_nano
            record.statuses[score.status] += 1
        if not fresh:
            return
        self._scored_to[challenge] = fresh[-1].anchor_at_ms + 1
        for pay in await self._store.pays(fresh[-1].round_id):
            self.records[pay.hotkey, challenge].last_pay = pay

    def record(self, hotkey: Hotkey, challenge: str) -> Record:
        """A miner's record in a challenge."""
        return self.records[hotkey, challenge]


def is_over(seen: Snapshot, *, rounds: int) -> bool:
    """Whether enough live rounds are final and an epoch that held some of them has been paid."""
    return seen.live_states[RoundState.FINAL] >= rounds and seen.paid_epochs > 0
