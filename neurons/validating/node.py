"""One validator: what it serves, what it drives, and how it starts - which is also how it starts again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from neurons.answering import Desk
from neurons.market.calendars import newest_close_ms
from neurons.ports import Caller, Clock, Entropy, Market, Store, StoreUnavailable
from neurons.records import Change, CloseRow, MetaRow, NonceRow
from neurons.telemetry import CallRefused, CloseMissing, CloseSettled, StoreFailed, Telemetry
from neurons.validating.asking import Asker
from neurons.validating.driver import Driver
from neurons.validating.handlers import Doorkeeping, Handlers
from neurons.validating.history import CloseHistory
from neurons.validating.news import News
from neurons.validating.opening import first_start_ms
from neurons.validating.parts import SETTLEMENTS_KEPT_MS, ValidatorParts
from neurons.validating.readings import Readings
from neurons.validating.refusals import offender_of, refusal_change, sender_of
from neurons.validating.registry import Registry
from neurons.validating.rescoring import Rescoring
from neurons.validating.senders import KnownSenders
from neurons.validating.series import FollowedSeries, check_grid, followed_in
from neurons.validating.settling import Settling
from neurons.validating.streams.acts import Acts
from neurons.validating.streams.handlers import StreamHandlers
from neurons.validating.streams.keeping import StreamKeeper
from neurons.validating.streams.readings import StreamReadings
from neurons.validating.streams.rows import taken_back
from neurons.validating.telling import close_news, venue_outcomes
from protocol.admission import Gate
from protocol.errors import AuguryError
from protocol.keys import SigningKey
from protocol.messages import Purpose
from protocol.params import NetworkParams
from protocol.rules.calendar import round_times
from protocol.rules.rounds import UNSCORED_STATES
from protocol.units import MINUTE_MS, UnixMs

FAR_MS: Final = 2**62
KEPT_REPLIES = frozenset({Purpose.SUBMIT, Purpose.STREAM_ACT})
"""Requests whose reply is stored with what they did, and given again to a retry. A registration is done again: the
miner may have moved and moved back meanwhile, and what counts is where it answers now."""


def evidence_kept_ms(params: NetworkParams) -> int:
    """How long after its anchor a round's evidence is kept: to the end of its dispute, plus what retention says, and
    at least as long as its answers are compared with those of rounds that are still to be scored."""
    sharing, lag_ms = params.sharing, max(params.sharing.lags_steps) * params.time.step_ms
    return disputed_ms(params) + max(params.retention.evidence_ms, sharing.window_ms + lag_ms)


def disputed_ms(params: NetworkParams) -> int:
    """How long after its anchor a round may be scored again: no re-score begins with an older sharing window."""
    return params.time.steps * params.time.step_ms + params.time.void_after_ms + params.time.dispute_window_ms


class ValidatorNode:
    """A `Service` for the transport, and the tasks behind it. Make one with `ValidatorNode.open`."""

    def __init__(self, parts: ValidatorParts, gate: Gate, door: Doorkeeping, news: News, keeper: StreamKeeper) -> None:
        self._parts, self._news, self.keeper = parts, news, keeper
        self._asker = Asker(parts)
        self._settling = Settling(parts.store, parts.params)
        self.readings = Readings(parts.store, parts.params, self._settling)
        streams = StreamHandlers(
            keeper,
            Acts(parts.key, parts.params.network, parts.registry.hotkeys),
            StreamReadings(keeper, parts.store),
        )
        self._desk = Desk(
            key=parts.key,
            gate=gate,
            handlers=Handlers(parts, self._asker, self.readings, door, streams).by_purpose(),
            clock=parts.clock,
            entropy=parts.entropy,
            store=parts.store,
            telemetry=parts.telemetry,
            on_refusal=self._note_refusal,
            kept=KEPT_REPLIES,
        )
        self._rescoring = Rescoring(parts, self._settling)
        self.driver = Driver(parts, self._asker, self._settling, self._rescoring)

    @classmethod
    async def open(
        cls,
        *,
        key: SigningKey,
        params: NetworkParams,
        series: Sequence[str | FollowedSeries],
        clock: Clock,
        entropy: Entropy,
        store: Store,
        caller: Caller,
        telemetry: Telemetry,
        door: Doorkeeping,
        provenance: str = "live",
        tells_miners: bool = True,
        settlements_kept_ms: int = SETTLEMENTS_KEPT_MS,
    ) -> ValidatorNode:
        """Reads back everything that a restart needs: miners, nonces, closes. Rounds are read by the driver.

        series: a name alone is a series that is always open, on the network's grid, with rounds.
        Raises InvalidSetting when the database holds a series' closes on another grid.
        """
        now, meta = clock.now_ms(), await store.meta()
        followed = {one.name: one for one in (FollowedSeries(s) if isinstance(s, str) else s for s in series)}
        registry = Registry(await store.miners(), standing=params.standing)
        histories = {name: CloseHistory(name, one.params(params)) for name, one in followed.items()}
        for history in histories.values():
            one = followed[history.series]
            since = max(0, now - history.reach_ms)
            if not one.calendar.is_open(since):
                since = newest_close_ms(one.calendar, since, step_ms=one.params(params).time.step_ms)
            # Also those ahead of a clock that stepped back: agreed again, they would belie the rounds they have scored.
            rows = await store.closes(history.series, from_ms=since, to_ms=FAR_MS)
            check_grid(one, meta, params, has_closes=bool(rows))
            for row in rows:
                history.add(row.close_at_ms, row.close_e8)
        news = News(key, params, clock, entropy)
        keeper = StreamKeeper(store, clock, telemetry, news.publish, await taken_back(store, params.streams))
        gate = Gate(me=key.hotkey, accepted=[params], senders=KnownSenders(registry, keeper))
        nonces = await store.live_nonces(now_ms=now)
        gate.restore(((row.hotkey, row.nonce, row.expires_at_ms) for row in nonces), now_ms=now)
        telemetry.metrics.watch_rounds(await store.round_counts())
        for one in followed.values():
            step_ms = one.params(params).time.step_ms
            telemetry.metrics.market.watch_series(one.name, step_ms=step_ms, expected=one.counter(params))
        parts = ValidatorParts(
            key=key,
            params=params,
            clock=clock,
            entropy=entropy,
            store=store,
            caller=caller,
            telemetry=telemetry,
            registry=registry,
            histories=histories,
            series=followed,
            publish=news.publish,
            provenance=provenance,
            tells_miners=tells_miners,
            settlements_kept_ms=settlements_kept_ms,
        )
        await store.apply(
            Change(
                meta=(
                    MetaRow("network", params.network),
                    MetaRow("validator", key.hotkey.hex()),
                    MetaRow(f"params/{params.digest.hex()}", params.canonical_bytes().decode("ascii")),
                    *(one.meta_row() for one in followed.values() if one != followed_in(meta, one.name)),
                )
            )
        )
        return cls(parts, gate, door, news, keeper)

    def serves(self) -> Sequence[Purpose]:
        return (*self._desk.serves(), Purpose.WATCH)

    async def answer(self, purpose: Purpose, envelope: bytes, *, peer: str) -> bytes:
        """The sealed reply to an admitted request; see the Service port."""
        return await self._desk.answer(purpose, envelope, peer=peer)

    async def watch(self, envelope: bytes, *, peer: str) -> AsyncIterator[bytes]:
        """The frames of a Watch stream; see the Service port and `News.frames`."""
        admitted = await self._desk.admit(Purpose.WATCH, envelope, peer=peer)
        header = admitted.header
        nonce = NonceRow(header.sender, header.nonce, admitted.nonce_expires_at_ms)
        await self._parts.store.apply(Change(nonces=(nonce,)))
        async for frame in self._news.frames(admitted):
            yield frame

    async def _note_refusal(self, error: AuguryError, purpose: Purpose, peer: str) -> None:
        parts, offender = self._parts, offender_of(error)
        called = purpose.name.lower()
        parts.telemetry.record(
            CallRefused(purpose=called, code=error.code, reason=error.public, peer=peer, sender=sender_of(error))
        )
        change = refusal_change(
            error.code,
            error.public,
            hotkey=sender_of(error),
            offender=offender,
            registry=parts.registry,
            now_ms=parts.clock.now_ms(),
        )
        try:
            await parts.store.apply(change)
        except StoreUnavailable as failed:
            parts.telemetry.record(StoreFailed(reason=failed.public))

    # Running

    async def run(self, markets: Mapping[str, Market]) -> None:
        """Runs until cancelled: learns closes, drives rounds, forgets what retention lets go."""
        async with asyncio.TaskGroup() as tasks:
            for series, market in markets.items():
                tasks.create_task(self._learn_closes(series, market), name=f"closes {series}")
            tasks.create_task(self.driver.run(), name="driver")
            tasks.create_task(self.keeper.run(), name="open streams")
            tasks.create_task(self._retain(), name="retention")

    @property
    def watchers(self) -> int:
        """How many subscriptions to news are open."""
        return self._news.watchers

    def newest_close_ms(self, series: str) -> UnixMs | None:
        """The newest instant whose close is agreed or missing; None before the first."""
        return self._parts.histories[series].newest_ms

    async def _learn_closes(self, series: str, market: Market) -> None:
        followed, now = self._parts.series[series], self._parts.clock.now_ms()
        params = followed.params(self._parts.params)
        since = self.newest_close_ms(series) or first_start_ms(followed.calendar, now, params.time, params.truth)
        async for row in market.closes(since_ms=since):
            await self.take_close(row)

    async def take_close(self, row: CloseRow) -> None:
        """Stores an agreed or missing close, or a correction, then lets rounds see it.

        Held while the store cannot take it. Of a correction that changes nothing nobody hears. Out of session there
        is no close, whatever a venue says of it.
        """
        parts = self._parts
        if not parts.series[row.series].calendar.is_open(row.close_at_ms):
            return
        while True:
            try:
                if self._rescoring.is_known(row):
                    if await self._rescoring.take(row):
                        parts.publish(f"closes/{row.series}", close_news(row))
                    return
                await parts.store.apply(Change(closes=(row,)))
                break
            except StoreUnavailable as error:
                parts.telemetry.record(StoreFailed(reason=error.public))
                await parts.clock.sleep_until(parts.clock.now_ms() + parts.params.time.settle_delay_ms)
        parts.histories[row.series].add(row.close_at_ms, row.close_e8)
        parts.telemetry.record(
            CloseSettled(
                series=row.series,
                close_at_ms=row.close_at_ms,
                close_e8=row.close_e8,
                reason=row.reason,
                outcomes=venue_outcomes(row),
            )
        )
        if row.close_e8 is None:
            parts.telemetry.record(CloseMissing(series=row.series, close_at_ms=row.close_at_ms, reason=row.reason))
        if self._is_news(row):
            parts.publish(f"closes/{row.series}", close_news(row))

    def _is_news(self, row: CloseRow) -> bool:
        """Whether a round that still waits for closes can have it among its steps. What a first start or a long
        absence is caught up with is told to whoever asks, not announced close by close."""
        parts = self._parts
        params = parts.series[row.series].params(parts.params)
        return parts.clock.now_ms() < round_times(row.close_at_ms, params.time).void_at_ms

    async def _retain(self) -> None:
        """Prunes expired nonces and old evidence, every ten minutes."""
        parts = self._parts
        while True:
            now = parts.clock.now_ms()
            try:
                unscored = min(now, await self._oldest_unscored_ms())
                kept_since = unscored - evidence_kept_ms(parts.params)
                await parts.store.prune(
                    now_ms=now,
                    evidence_before_ms=kept_since,
                    sharing_before_ms=kept_since,
                    superseded_before_ms=unscored - disputed_ms(parts.params),
                )
                await parts.store.prune_streams(now_ms=now, settled_before_ms=now - parts.settlements_kept_ms)
            except StoreUnavailable as error:
                parts.telemetry.record(StoreFailed(reason=error.public))
            await parts.clock.sleep_until(parts.clock.now_ms() + 10 * MINUTE_MS)

    async def _oldest_unscored_ms(self) -> int:
        """The anchor of the oldest round that is still to be scored, far ahead when there is none.

        A validator that was away for weeks must not let go what it has yet to score.
        """
        waiting = [
            row.anchor_at_ms
            for state in UNSCORED_STATES
            for row in await self._parts.store.rounds(state=state, limit=1, newest_first=False)
        ]
        return min(waiting, default=FAR_MS)
