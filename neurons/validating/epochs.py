"""Paying: an epoch is closed once, when it is over and every round of it is final or void."""

from __future__ import annotations

from neurons.records import RoundRow
from neurons.telemetry import EpochPaid
from neurons.validating.parts import ValidatorParts
from neurons.validating.settling import Settling
from protocol.rules.calendar import epoch_bounds_ms, epoch_of
from protocol.rules.rounds import LIVE_STATES


class Epochs:
    """The epochs of every (series, challenge) that may be complete and are not closed.

    One that could not be stored stays in mind; one that waits for a round comes back with that round.
    """

    def __init__(self, parts: ValidatorParts, settling: Settling) -> None:
        self._parts, self._settling = parts, settling
        self._unpaid: set[tuple[str, str, int]] = set()

    def note(self, row: RoundRow) -> None:
        """A round is final or void: its epoch, and the one before, may be complete now."""
        here = epoch_of(row.anchor_at_ms, self._parts.params.time)
        self._unpaid |= {(row.series, row.challenge, here - 1), (row.series, row.challenge, here)}

    async def find_unpaid(self) -> None:
        """After a restart: looks at every epoch since the last that was closed, or since the first round."""
        store, time = self._parts.store, self._parts.params.time
        for series in self._parts.histories:
            for challenge in (one.name for one in self._parts.params.challenges):
                oldest = await store.rounds(series=series, challenge=challenge, limit=1, newest_first=False)
                newest = await store.rounds(series=series, challenge=challenge, limit=1)
                closed = [epoch.epoch for epoch in await store.epochs(series, challenge)]
                ends = [epoch_of(row.anchor_at_ms, time) for row in (*oldest, *newest)]
                if ends:
                    self._unpaid |= {
                        (series, challenge, epoch) for epoch in range(max(ends[0], *closed, 0), ends[1] + 1)
                    }

    async def close_complete(self) -> None:
        """Closes what is complete, oldest first."""
        while self._unpaid:
            series, challenge, epoch = oldest = min(self._unpaid)
            await self._close(series, challenge, epoch)
            self._unpaid.discard(oldest)

    async def _close(self, series: str, challenge: str, epoch: int) -> None:
        parts = self._parts
        start, end = epoch_bounds_ms(epoch, parts.params.time)
        closed = await parts.store.epochs(series, challenge)
        if parts.clock.now_ms() < end or any(one.epoch == epoch for one in closed):
            return
        rounds = await parts.store.rounds(
            series=series,
            challenge=challenge,
            from_ms=start,
            before_ms=end,
            limit=(end - start) // parts.params.challenge(challenge).cadence_ms,
        )
        if not rounds or any(one.state in LIVE_STATES for one in rounds):
            return
        change, paid = await self._settling.close_epoch(series, challenge, epoch, now_ms=parts.clock.now_ms())
        await parts.store.apply(change)
        parts.telemetry.record(
            EpochPaid(
                series=series,
                challenge=challenge,
                epoch=epoch,
                paid_micros=paid.paid_micros,
                reserve_micros=paid.reserve_micros,
            )
        )
