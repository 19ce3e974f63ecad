"""Corrections: a venue's later word on a close, inside the dispute window, scores the rounds that it belongs to again.

A correction is stored as a further revision of its close; that is all that has to survive. What follows from it is
found by comparing each resolved round's truth digest with the closes as they stand, at every start and after every
correction: so a node that was killed in between goes on where it was, and doing it twice changes nothing.

From the first round whose truth is another on, all resolved rounds of the challenge are settled again in the order of
anchors, because skill and sharing in a round follow from the rounds before it. They become durable in one change.
No final round can be concerned: it resolved after its last close, and a whole dispute window ago, so each of its
closes is older than the window, and corrections of those are not taken any more. Void rounds stay void.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from neurons.records import Change, CloseRow, MetaRow, RoundRow
from neurons.telemetry import CloseCorrected, CorrectionDisputed, RoundRescored
from neurons.validating.parts import ValidatorParts
from neurons.validating.settling import RESTORE_PAGE, SettledRound, Settling
from neurons.validating.telling import round_news
from protocol import codec
from protocol.rules.calendar import round_times, step_closes_ms
from protocol.rules.rounds import Event, Round, RoundState, Truth, advance, look_for_truth
from protocol.units import PriceE8

BY_EARLIER_ROUNDS: Final = "re-scored: rounds before it were"
DISPUTE: Final = "dispute"
"""Meta rows `dispute/SERIES/INSTANT/REVISION` keep corrections that came and change nothing."""

Tell = Callable[[RoundRow, SettledRound], Awaitable[None]]


class Rescoring:
    """Takes corrections of one validator's closes, and settles again what they change."""

    def __init__(self, parts: ValidatorParts, settling: Settling) -> None:
        self._parts, self._settling = parts, settling
        self._to_compare = set(parts.histories)
        """Series whose closes may differ from what rounds were scored by: all of them at a start."""
        self.turn = asyncio.Lock()
        """Held while closes change, and while rounds move by them."""

    def is_known(self, row: CloseRow) -> bool:
        """Whether the row speaks of an instant that has been settled already, and not of the next one."""
        newest = self._parts.histories[row.series].newest_ms
        return newest is not None and row.close_at_ms <= newest

    async def take(self, row: CloseRow) -> bool:
        """Stores a correction; True when it is the close from now on. Raises StoreUnavailable.

        A revision that is known already changes nothing, and one older than the newest is only kept. What comes too
        late, takes a close away, or says under a known revision another thing than it said, is kept as a dispute.
        """
        parts = self._parts
        async with self.turn:
            now = parts.clock.now_ms()
            revisions = await parts.store.revisions(row.series, row.close_at_ms)
            known = {known.revision: known for known in revisions}
            if row.revision in known:
                if known[row.revision].close_e8 != row.close_e8:
                    await self._dispute(row, f"revision {row.revision} said another close before")
                return False
            if row.close_e8 is None:
                await self._dispute(row, "a correction does not take a close away")
                return False
            if now - row.close_at_ms >= parts.params.time.dispute_window_ms:
                await self._dispute(row, "it came after the dispute window")
                return False
            await parts.store.apply(Change(closes=(replace(row, agreed_at_ms=now),)))
            if revisions and row.revision < revisions[-1].revision:
                return False
            parts.histories[row.series].add(row.close_at_ms, row.close_e8)
            self._to_compare.add(row.series)
            before = revisions[-1].close_e8 if revisions else None
            parts.telemetry.record(
                CloseCorrected(
                    series=row.series,
                    close_at_ms=row.close_at_ms,
                    revision=row.revision,
                    before_e8=before,
                    after_e8=row.close_e8,
                )
            )
            return True

    async def _dispute(self, row: CloseRow, reason: str) -> None:
        """Keeps a correction that changes nothing, the first of its revision, where no round looks for its truth."""
        key = f"{DISPUTE}/{row.series}/{row.close_at_ms}/{row.revision}"
        if key in await self._parts.store.meta():
            return
        told: dict[str, Any] = {field.name: getattr(row, field.name) for field in fields(row)}
        told |= {"evidence": row.evidence.hex(), "dispute": reason, "received_at_ms": self._parts.clock.now_ms()}
        await self._parts.store.apply(Change(meta=(MetaRow(key, json.dumps(told, sort_keys=True)),)))
        self._parts.telemetry.record(
            CorrectionDisputed(series=row.series, close_at_ms=row.close_at_ms, revision=row.revision, reason=reason)
        )

    async def redo(self, *, meanwhile: Callable[[], Awaitable[None]], tell: Tell) -> None:
        """Settles again whatever a correction has changed; call it with the turn held, before any round moves.

        meanwhile: what cannot wait, done after each round.  tell: what miners hear of a round, once it is stored.
        """
        for series in sorted(self._to_compare):
            for challenge in self._parts.params.challenges:
                await self._redo(series, challenge.name, meanwhile, tell)
            self._to_compare.discard(series)

    async def _redo(self, series: str, challenge: str, meanwhile: Callable[[], Awaitable[None]], tell: Tell) -> None:
        """All of one challenge's rounds that follow from changed closes, in one change."""
        store, time = self._parts.store, self._parts.params.time
        rows = await self._resolved(series, challenge)
        if not rows:
            return
        last_ms = round_times(rows[-1].anchor_at_ms, time).last_step_ms
        found = await store.closes(series, from_ms=rows[0].anchor_at_ms, to_ms=last_ms)
        closes = {int(close.close_at_ms): close for close in found}
        truths = [self._truth(row, closes) for row in rows]
        changed = [
            truth is not None and truth.digest != row.truth_digest for row, truth in zip(rows, truths, strict=True)
        ]
        if True not in changed:
            return
        first = changed.index(True)
        book = await self._settling.book_before(series, challenge, rows[first].anchor_at_ms, meanwhile=meanwhile)
        redone: list[SettledRound] = []
        for row, truth, is_changed in zip(rows[first:], truths[first:], changed[first:], strict=True):
            if truth is None:
                raise RuntimeError(f"the closes of {challenge} at {row.anchor_at_ms}, which it was scored by, are gone")
            reason = await self._reason(row, closes) if is_changed else BY_EARLIER_ROUNDS
            settled = await self._settling.settle_again(
                book, self._next_revision(row, reason), truth, now_ms=self._parts.clock.now_ms()
            )
            if settled is not None:
                redone.append(settled)
            await meanwhile()
        await store.apply(_together(redone))
        self._settling.forget(series, challenge)
        for settled in redone:
            await self._announce(settled, tell)

    async def _resolved(self, series: str, challenge: str) -> list[RoundRow]:
        """Every round whose dispute window runs, oldest anchor first, page by page."""
        found: list[RoundRow] = []
        while True:
            page = await self._parts.store.rounds(
                series=series,
                challenge=challenge,
                state=RoundState.RESOLVED,
                from_ms=found[-1].anchor_at_ms + 1 if found else 0,
                limit=RESTORE_PAGE,
                newest_first=False,
            )
            found += page
            if len(page) < RESTORE_PAGE:
                return found

    def _truth(self, row: RoundRow, closes: dict[int, CloseRow]) -> Truth | None:
        """A round's truth by these closes; None when they do not give one."""
        time = self._parts.params.time
        prices = {at: close.close_e8 for at, close in closes.items()}
        _, truth, _ = look_for_truth(
            prices.get(row.anchor_at_ms),
            [prices.get(at) for at in step_closes_ms(row.anchor_at_ms, time)],
            anchor_at_ms=row.anchor_at_ms,
            now_ms=self._parts.clock.now_ms(),
            time=time,
            session_steps=codec.decode_opening(row.opening).session_steps,
        )
        return truth

    async def _reason(self, row: RoundRow, closes: dict[int, CloseRow]) -> str:
        """Which close was corrected, from what to what: of several, the one that was corrected last."""
        instants = [int(row.anchor_at_ms), *map(int, step_closes_ms(row.anchor_at_ms, self._parts.params.time))]
        within = [closes[at] for at in instants if at in closes]
        newest = max(within, key=lambda close: (close.revision > 0, close.agreed_at_ms, close.close_at_ms))
        revisions = await self._parts.store.revisions(newest.series, newest.close_at_ms)
        before = revisions[-2].close_e8 if len(revisions) > 1 else None
        return (
            f"re-scored: {newest.series} close at {newest.close_at_ms} corrected "
            f"from {_price(before)} to {_price(newest.close_e8)}"
        )

    def _next_revision(self, row: RoundRow, reason: str) -> RoundRow:
        before = Round(row.round_id, row.challenge, row.anchor_at_ms, RoundState(row.state), row.due_at_ms)
        after, _ = advance(before, Event.TRUTH_REVISED, time=self._parts.params.time, now_ms=self._parts.clock.now_ms())
        return replace(row, state=after.state, due_at_ms=after.due_at_ms, revision=row.revision + 1, reason=reason)

    async def _announce(self, settled: SettledRound, tell: Tell) -> None:
        [row] = settled.change.rounds
        self._parts.telemetry.record(
            RoundRescored(
                round_id=row.round_id,
                series=row.series,
                challenge=row.challenge,
                anchor_at_ms=row.anchor_at_ms,
                revision=row.revision,
                reason=row.reason,
            )
        )
        self._parts.publish(f"rounds/{row.series}/{row.challenge}", round_news(row))
        await tell(row, settled)


def _together(settled: Sequence[SettledRound]) -> Change:
    """The rows of all these rounds as one change."""
    changes = [one.change for one in settled]
    return Change(
        rounds=tuple(row for change in changes for row in change.rounds),
        scores=tuple(row for change in changes for row in change.scores),
        pays=tuple(row for change in changes for row in change.pays),
        transactions=tuple(row for change in changes for row in change.transactions),
    )


def _price(close_e8: PriceE8 | None) -> str:
    """A price as people write it; `missing` where there was none."""
    if close_e8 is None:
        return "missing"
    whole, part = divmod(close_e8, 10**8)
    return f"{whole}.{part:08d}".rstrip("0").rstrip(".")
