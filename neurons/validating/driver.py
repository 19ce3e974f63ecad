"""The driver: the clock says what is due, the rules say what follows, the store keeps it, then it is done.

One step settles again what a correction has changed, opens the rounds whose time has come, moves every due round one
state on, oldest due first and until none is left, and closes the epochs that are complete. Asking miners runs beside
it, each window in a task of its own. A restart is the same step: whatever is due is due, and a window that is still
open is asked again for what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from neurons.ports import StoreUnavailable
from neurons.records import Change, MinerRow, RoundRow
from neurons.telemetry import AnswerTaken, RoundEntered, RoundSkipped, StoreFailed
from neurons.validating.asking import Asker
from neurons.validating.epochs import Epochs
from neurons.validating.opening import is_asked, last_scored_ms, new_opening
from neurons.validating.parts import ValidatorParts
from neurons.validating.rescoring import Rescoring
from neurons.validating.settling import SettledRound, Settling
from neurons.validating.telling import feedback_for, round_news
from protocol import codec
from protocol.errors import TooLittleHistory
from protocol.params import ChallengeParams
from protocol.rules.calendar import next_anchor_ms, round_times, step_closes_ms
from protocol.rules.challenges import SILENT, UNREVEALED
from protocol.rules.rounds import (
    CLOCK_EVENTS,
    Effect,
    Event,
    Round,
    RoundState,
    advance,
    effects_on_entry,
    look_for_truth,
    open_round,
    round_id,
)
from protocol.units import SECOND_MS, RoundId, UnixMs

DUE_AT_ONCE: Final = 256
LONGEST_WAIT_S: Final = 30
"""The driver looks at the clock at least this often (wall time), whatever it believes to be due."""
SHORTEST_RETRY_S: Final = 0.05
"""A round that cannot be opened yet is not tried more often than this (wall time), nor more than once a second."""
PATIENCE_S: Final = 2.0
"""How long (wall time) a step waits for a memory that is being read back."""
MISSED: Final = "the validator was not there to ask the miners"
CATCHING_UP_STEPS: Final = 2
"""For so many steps after its start a validator waits for closes that it may have missed."""


class Driver:
    """Moves one validator's rounds along."""

    def __init__(self, parts: ValidatorParts, asker: Asker, settling: Settling, rescoring: Rescoring) -> None:
        self._parts, self._asker, self._settling, self._rescoring = parts, asker, settling, rescoring
        self._opened: dict[tuple[str, str], int] = {}
        """(series, challenge) -> the newest anchor whose opening record is stored."""
        self._skipped: dict[tuple[str, str], int] = {}
        self._asked: dict[RoundId, Effect] = {}
        """The window in which this process last asked a round's miners, if there was time to answer."""
        self._reading: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._epochs = Epochs(parts, settling)
        self._started_ms = parts.clock.now_ms()
        self._asking: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Drives until cancelled. What the store cannot take is tried again; any other failure stops the node."""
        async with asyncio.TaskGroup() as self._asking:
            await self._resume()
            while True:
                try:
                    next_ms = await self.step()
                except StoreUnavailable as error:
                    self._parts.telemetry.record(StoreFailed(reason=error.public))
                    next_ms = self._parts.clock.now_ms() + self._parts.params.time.settle_delay_ms // 6
                now = self._parts.clock.now_ms()
                await self._parts.clock.sleep_until(min(next_ms, now + self._wall_ms(LONGEST_WAIT_S)))

    async def step(self) -> int:
        """Does everything that is due now; returns the instant at which something may be due next."""
        async with self._rescoring.turn:
            await self._rescoring.redo(meanwhile=self._keep_windows, tell=self._tell)
            return await self._move_all()

    async def _keep_windows(self) -> None:
        """Opens rounds, and opens and closes their windows: what cannot wait until rounds are settled again."""
        now = self._parts.clock.now_ms()
        await self._open_rounds(now)
        for row in await self._parts.store.due_rounds(now_ms=now, limit=DUE_AT_ONCE):
            if row.state not in (RoundState.SCORING, RoundState.RESOLVED):
                await self._move(row)

    async def _move_all(self) -> int:
        parts = self._parts
        next_open = await self._open_rounds(parts.clock.now_ms())
        while due := await parts.store.due_rounds(now_ms=parts.clock.now_ms(), limit=DUE_AT_ONCE):
            parts.telemetry.metrics.watch_due(due[0].due_at_ms)
            for row in due:
                await self._move(row)
        await self._epochs.close_complete()
        next_due = await parts.store.next_due_ms()
        next_ms = min(next_open, next_due) if next_due is not None else next_open
        parts.telemetry.metrics.watch_due(next_ms)
        return next_ms

    def _wall_ms(self, seconds: float) -> int:
        """Wall seconds in this clock's own time: a scaled clock is not polled more often than a real one."""
        return int(seconds / self._parts.clock.wall_seconds(1))

    # Opening

    async def _open_rounds(self, now_ms: int) -> int:
        """Opens every round whose opening time has come and whose commit window has not; returns the next opening."""
        parts, time = self._parts, self._parts.params.time
        next_open = now_ms + time.step_ms
        for series in [followed.name for followed in parts.series.values() if followed.rounds]:
            for challenge in parts.params.challenges:
                anchor = next_anchor_ms(UnixMs(now_ms + time.commit_opens_before_ms), challenge, time)
                while anchor - time.opens_before_ms <= now_ms:
                    if not await self._open(series, challenge, anchor):
                        next_open = min(next_open, now_ms + max(SECOND_MS, self._wall_ms(SHORTEST_RETRY_S)))
                    anchor = UnixMs(anchor + challenge.cadence_ms)
                next_open = min(next_open, anchor - time.opens_before_ms)
        return next_open

    async def _open(self, series: str, challenge: ChallengeParams, anchor: UnixMs) -> bool:
        """Stores the opening record, once, of a round that is asked. False when its history is not complete yet."""
        parts, params = self._parts, self._parts.params
        if anchor <= self._opened.get((series, challenge.name), -1):
            return True
        calendar = parts.series[series].calendar
        if not is_asked(calendar, anchor, params.time):
            self._opened[series, challenge.name] = anchor
            return True
        identity = round_id(params, series, challenge, anchor)
        if await parts.store.round(identity) is not None:
            self._opened[series, challenge.name] = anchor
            return True
        try:
            opening = new_opening(
                params, parts.histories[series], calendar, challenge.name, anchor, opened_at_ms=parts.clock.now_ms()
            )
        except TooLittleHistory as error:
            if anchor > self._skipped.get((series, challenge.name), -1):
                self._skipped[series, challenge.name] = anchor
                parts.telemetry.record(
                    RoundSkipped(series=series, challenge=challenge.name, anchor_at_ms=anchor, reason=error.public)
                )
            return False
        opened = open_round(identity, challenge.name, anchor, params.time)
        row = RoundRow(
            round_id=identity,
            series=series,
            challenge=challenge.name,
            anchor_at_ms=anchor,
            params_digest=params.digest,
            state=opened.state,
            due_at_ms=opened.due_at_ms,
            opening=codec.encode_opening(opening),
            sigma_pico=opening.sigma_pico,
            provenance=parts.provenance,
        )
        await self._store_and_tell(row, Change(rounds=(row,)), previous="")
        self._opened[series, challenge.name] = anchor
        return True

    # Moving on

    async def _move(self, row: RoundRow) -> None:
        """One due round, one state on."""
        if row.state == RoundState.SCORING:
            await self._score_or_wait(row)
            return
        if await self._missed_window(row):
            await self._give_up(row, Event.WINDOW_MISSED, MISSED)
            return
        moved, effects = self._advanced(row, CLOCK_EVENTS[RoundState(row.state)])
        await self._store_and_tell(moved, Change(rounds=(moved,)), previous=row.state)
        for effect in effects:
            self._start(effect, moved)
        if moved.state == RoundState.SCORING:
            self._asked.pop(row.round_id, None)
        if moved.state == RoundState.FINAL:
            self._epochs.note(moved)

    def _advanced(
        self, row: RoundRow, event: Event, *, now_ms: UnixMs | None = None
    ) -> tuple[RoundRow, tuple[Effect, ...]]:
        """now_ms: when what led to the event was looked at; else this moment."""
        now_ms = self._parts.clock.now_ms() if now_ms is None else now_ms
        before = Round(row.round_id, row.challenge, row.anchor_at_ms, RoundState(row.state), row.due_at_ms)
        after, effects = advance(before, event, time=self._parts.params.time, now_ms=now_ms)
        return replace(row, state=after.state, due_at_ms=after.due_at_ms), effects

    async def _missed_window(self, row: RoundRow) -> bool:
        """Whether a window passed in which this validator was not there to ask: nobody committed, or not all revealed.

        A miner that was never asked must not lose for it; the validator's absence costs nobody anything.
        """
        store, asked = self._parts.store, self._asked.get(row.round_id)
        times, now = round_times(row.anchor_at_ms, self._parts.params.time), self._parts.clock.now_ms()
        if row.state == RoundState.COMMITTING and asked is not Effect.ASK_COMMITMENTS:
            return now >= times.commit_closes_ms and not await store.commitments(row.round_id)
        is_revealing = row.state in (RoundState.LOCKED, RoundState.REVEALING)
        if is_revealing and now >= times.reveal_closes_ms and asked is not Effect.ASK_ANSWERS:
            committed = {commitment.hotkey for commitment in await store.commitments(row.round_id)}
            return bool(committed - {submission.hotkey for submission in await store.submissions(row.round_id)})
        return False

    async def _give_up(self, row: RoundRow, event: Event, reason: str) -> None:
        """Makes a round VOID, and tells those who answered."""
        moved, _ = self._advanced(row, event)
        moved = replace(moved, reason=reason)
        await self._store_and_tell(moved, Change(rounds=(moved,)), previous=row.state)
        self._asked.pop(row.round_id, None)
        self._epochs.note(moved)
        await self._tell(moved, None)

    async def _resume(self) -> None:
        """After a restart: asks again, in windows that are still open, for what has not come."""
        await self._epochs.find_unpaid()
        for state in (RoundState.COMMITTING, RoundState.REVEALING):
            for row in await self._parts.store.rounds(state=state, limit=1_000):
                for effect in effects_on_entry(state):
                    self._start(effect, row)

    def _start(self, effect: Effect, row: RoundRow) -> None:
        """Begins what an effect asks for, beside the driver. The round's row is stored already."""
        if self._asking is None:
            raise RuntimeError("the driver is not running")
        parts, opening = self._parts, codec.decode_opening(row.opening)
        times = round_times(row.anchor_at_ms, parts.params.time)
        now = parts.clock.now_ms()
        if effect is Effect.ASK_COMMITMENTS:
            closes, ask = times.commit_closes_ms, self._asker.commitments
        elif effect is Effect.ASK_ANSWERS:
            closes, ask = times.reveal_closes_ms, self._asker.answers
        else:
            return
        if now >= closes:
            return
        if now + parts.params.wire.call_timeout_ms <= closes:
            self._asked[row.round_id] = effect
        asking = partial(ask, row, opening, self._participants(row))
        self._asking.create_task(self._outlive_the_store(asking), name=f"{effect} {row.challenge} {row.anchor_at_ms}")

    async def _outlive_the_store(self, work: Callable[[], Awaitable[object]]) -> None:
        """A store that cannot be read now costs this piece of work, not the node."""
        try:
            await work()
        except StoreUnavailable as error:
            self._parts.telemetry.record(StoreFailed(reason=error.public))

    def _participants(self, row: RoundRow) -> Sequence[MinerRow]:
        """Who is asked: registered before the commit window opened."""
        opens = round_times(row.anchor_at_ms, self._parts.params.time).commit_opens_ms
        return self._parts.registry.participants(row.challenge, registered_by_ms=opens)

    # Scoring

    async def _score_or_wait(self, row: RoundRow) -> None:
        """Looks for the truth; scores, waits or gives up. Rounds of one challenge resolve in the order of anchors."""
        parts, time = self._parts, self._parts.params.time
        history, now = parts.histories[row.series], parts.clock.now_ms()
        event, truth, reason = look_for_truth(
            history.close(row.anchor_at_ms),
            history.closes(step_closes_ms(row.anchor_at_ms, time)),
            anchor_at_ms=row.anchor_at_ms,
            now_ms=now,
            time=time,
            session_steps=codec.decode_opening(row.opening).session_steps,
        )
        if event is Event.TRUTH_GIVEN_UP and self._is_catching_up(row):
            event = Event.TRUTH_AWAITED
        if event is Event.TRUTH_GIVEN_UP:
            await self._give_up(row, event, reason)
            return
        if await self._earlier_unscored(row):
            event, truth, reason = Event.TRUTH_AWAITED, None, "an earlier round is not scored yet"
        elif truth is not None and not await self._has_memory(row):
            event, truth, reason = Event.TRUTH_AWAITED, None, "the challenge's memory is being read back"
        moved, _ = self._advanced(row, event, now_ms=now)
        moved = replace(moved, reason=reason)
        if truth is None:
            await parts.store.apply(Change(rounds=(moved,)))
            return
        participants = [miner.hotkey for miner in self._participants(row)]
        try:
            settled = await self._settling.settle(moved, truth, participants=participants, now_ms=now)
            scored = settled.change.rounds[0]
            await self._store_and_tell(scored, settled.change, previous=row.state)
        except BaseException:
            self._settling.forget(row.series, row.challenge)
            raise
        self._note_absent(scored, settled)
        await self._tell(scored, settled)

    async def _has_memory(self, row: RoundRow) -> bool:
        """Whether the challenge's book is held. After a restart it is read back beside the driver, which waits for it
        a moment only: hours of answers take seconds, minutes where no sums were kept, and no window must be missed."""
        key = (row.series, row.challenge)
        if self._settling.holds(*key) or self._asking is None:
            return True
        if key not in self._reading or self._reading[key].done():
            reading = partial(self._settling.book, *key)
            self._reading[key] = self._asking.create_task(self._outlive_the_store(reading), name=f"memory {key}")
            await asyncio.wait({self._reading[key]}, timeout=PATIENCE_S)
        return self._settling.holds(*key)

    def _note_absent(self, row: RoundRow, settled: SettledRound) -> None:
        """Counts who said nothing; every other answer was counted when it came."""
        for score in settled.scores.scores:
            if score.status in (SILENT, UNREVEALED):
                self._parts.telemetry.record(
                    AnswerTaken(round_id=row.round_id, challenge=row.challenge, miner=score.hotkey, status=score.status)
                )

    def _is_catching_up(self, row: RoundRow) -> bool:
        """Whether this node has just started and has not heard yet what became of the round's last close.

        A validator that was away for hours finds rounds that are past their void instant, and must look first.
        """
        parts = self._parts
        newest = parts.histories[row.series].newest_ms
        last_ms = last_scored_ms(codec.decode_opening(row.opening), parts.params.time)
        is_new = parts.clock.now_ms() < self._started_ms + CATCHING_UP_STEPS * parts.params.time.step_ms
        return is_new and (newest is None or newest < last_ms)

    async def _earlier_unscored(self, row: RoundRow) -> bool:
        """Whether a round anchored earlier still waits for its truth; none does longer than to its void instant."""
        times = round_times(row.anchor_at_ms, self._parts.params.time)
        earlier = await self._parts.store.rounds(
            series=row.series,
            challenge=row.challenge,
            state=RoundState.SCORING,
            from_ms=max(0, row.anchor_at_ms - (times.void_at_ms - row.anchor_at_ms)),
            before_ms=row.anchor_at_ms,
            limit=1,
        )
        return bool(earlier)

    async def _tell(self, row: RoundRow, settled: SettledRound | None) -> None:
        """Starts telling the miners who answered what became of it."""
        if not self._parts.tells_miners:
            return
        submissions = await self._parts.store.submissions(row.round_id)
        told = feedback_for(row, settled, submissions, self._participants(row), key=self._parts.key)
        if told and self._asking is not None:
            until = self._parts.clock.now_ms() + self._parts.params.wire.call_timeout_ms
            self._asking.create_task(self._asker.tell(told, until_ms=until), name=f"tell {row.anchor_at_ms}")

    async def _store_and_tell(self, row: RoundRow, change: Change, *, previous: str) -> None:
        """Stores first; then the log, the metrics and whoever watches."""
        await self._parts.store.apply(change)
        self._parts.telemetry.record(
            RoundEntered(
                round_id=row.round_id,
                series=row.series,
                challenge=row.challenge,
                anchor_at_ms=row.anchor_at_ms,
                state=row.state,
                previous=previous,
            )
        )
        self._parts.publish(f"rounds/{row.series}/{row.challenge}", round_news(row))
