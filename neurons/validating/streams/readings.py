"""What a validator tells of its open streams: each question of `stream_questions` to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurons.ports import StoreReader
from neurons.transport.limits import Door
from neurons.validating.streams.keeping import StreamKeeper
from protocol import messages as m
from protocol.codec import MAX_STRING_CHARS
from protocol.errors import InvalidRequest
from protocol.messages import MAX_ROWS, StreamAnswer, StreamQuestion, StreamReadReply
from protocol.rules.cdf_points import points_from_lags
from protocol.rules.cdfs import Cdf, SmoothCdf, cdf_2021, cdf_2023, empirical_cdf
from protocol.rules.memorable import name_code, shown_names
from protocol.rules.stream_book.effects import Said
from protocol.rules.stream_names import horizon_name, split_horizon_name
from protocol.rules.stream_records import NoticeKind, transactions_of
from protocol.rules.stream_standings import Board, BoardKey, Category, Contest, Memory
from protocol.rules.stream_values import Lag
from protocol.rules.streams import Stream, state_of
from protocol.units import Hotkey, Micros, UnixMs

MAX_ANSWER_BYTES: Final = 400_000
"""Of values in one answer: what fits the body of a reply with everything around it."""
MOST_SEARCHES: Final = 64
"""For a key's settlements: one is under way, the others wait."""
DRAWN_AT_ONCE: Final = 200
"""Owners whose distribution takes a millisecond; of more it is drawn by a thread."""
MOST_DRAWINGS: Final = 64
"""Of many owners: one is under way, the others wait; of 10,000 owners one takes up to a tenth of a second."""
SMOOTH_POINTS: Final = 451
"""Quantiles that stand for a smooth distribution: its ends, and twice as many points as a submission has."""
BEST_2021: Final = 10
"""The owners that the distribution of 2021 counts."""
LOOKS_2021: Final = 100_000
"""Owners times values that it looks at: half a second of a core."""
LEAST_2021: Final = 50
"""Values that it is told for, whatever the number of owners."""


@dataclass(frozen=True)
class StreamReadings:
    """Answers to questions about one validator's open streams."""

    keeper: StreamKeeper
    store: StoreReader
    searches: Door = field(default_factory=lambda: Door("searches of settlements", MOST_SEARCHES))
    one_search: asyncio.Lock = field(default_factory=asyncio.Lock)
    drawings: Door = field(default_factory=lambda: Door("distributions of many owners", MOST_DRAWINGS))
    one_drawing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, question: StreamQuestion, asker: Hotkey) -> StreamReadReply:
        """The answer as of now. Raises NotFound and InvalidRequest (the asker's) as the rules of what is read say."""
        now_ms = self.keeper.now_ms()
        answer = await _ANSWERS[type(question)](self, question, self.keeper.owner_of(asker), now_ms)
        return StreamReadReply(now_ms, answer)

    async def streams(self, asked: m.StreamsQuestion, _: Hotkey, now_ms: UnixMs) -> m.StreamsAnswer:
        """Live streams by name, after one."""
        state = self.keeper.book.state
        names = (one for one in self.keeper.book.streams(now_ms=now_ms) if one.name > asked.after)
        return m.StreamsAnswer(
            tuple(self._summary(one, state.streams[one.name].rule, now_ms) for one in islice(names, asked.limit))
        )

    async def lags(self, asked: m.LagsQuestion, _: Hotkey, now_ms: UnixMs) -> m.LagsAnswer:
        """The newest values; of a stream without lags, its history."""
        book = self.keeper.book
        book.value(asked.name, now_ms=now_ms)
        record = book.state.streams[asked.name]
        newest = [(lag.at_ms, lag.sequence, _text(lag)) for lag in reversed(record.lags)]
        if not newest:
            newest = [(old.at_ms, old.sequence, old.value.text) for old in reversed(record.history)]
        before_ms = asked.before_ms or now_ms + 1
        lines: list[m.LagLine] = []
        size = 0
        for at_ms, sequence, text in [one for one in newest if one[0] < before_ms][: asked.limit]:
            value = text.encode()
            size += len(value)
            if size > MAX_ANSWER_BYTES and lines:
                break
            lines.append(m.LagLine(at_ms, sequence, value))
        return m.LagsAnswer(tuple(lines))

    async def cdf(self, asked: m.CdfQuestion, _: Hotkey, now_ms: UnixMs) -> m.CdfAnswer:
        """A distribution in one of its forms."""
        if asked.form not in FORMS:
            raise InvalidRequest(f"no distribution is called {asked.form[:64]!r}", field="form", limit=tuple(FORMS))
        said = self.keeper.book.standing(asked.name, asked.delay, now_ms=now_ms)
        drawn = FORMS[asked.form](self, asked, said, now_ms)
        cdf = drawn() if len(said) <= DRAWN_AT_ONCE else await self._drawn_aside(drawn)
        return m.CdfAnswer(len(said), cdf.x, cdf.y)

    async def _drawn_aside(self, drawn: _Drawn) -> Cdf:
        """A distribution of many owners, computed where the event loop does not wait for it; one after the other."""
        with self.drawings:
            async with self.one_drawing:
                return await asyncio.to_thread(drawn)

    async def board(self, asked: m.BoardQuestion, _: Hotkey, now_ms: UnixMs) -> m.BoardAnswer:
        """A leaderboard, with the names that its keys have."""
        memory = Memory(asked.half_life_days or None, asked.since_day)
        places = self.keeper.book.tallies.leaderboard(_board(asked), now_ms, memory=memory, rows=MAX_ROWS)
        codes = {owner: self._code(owner) for owner, _ in places}
        shown = shown_names(codes.values())
        return m.BoardAnswer(
            tuple(m.BoardLine(Hotkey(bytes.fromhex(owner)), score, shown[codes[owner]]) for owner, score in places)
        )

    async def balance(self, asked: m.BalanceQuestion, _: Hotkey, now_ms: UnixMs) -> m.BalanceAnswer:
        """What a line of keys has, under whichever of its keys it is asked for."""
        owner = self.keeper.owner_of(asked.owner)
        state, text = self.keeper.book.state, owner.hex()
        named = owner in self.keeper.nonces
        return m.BalanceAnswer(
            balance_micros=state.tallies.balance(text),
            level_micros=state.level(text),
            difficulty=state.letters.get(text, 0),
            name=next(iter(shown_names([self._code(text)]).values())) if named else "",
        )

    async def transactions(self, asked: m.TransactionsQuestion, _: Hotkey, now_ms: UnixMs) -> m.TransactionsAnswer:
        """A key's settlements, the newest first, and its days of those that are not kept one by one any more.

        One search at a time: it may look at all settlements of a day, and the store has few connections to read by.
        Raises Overloaded when too many wait.
        """
        owner, before_ms = self.keeper.owner_of(asked.owner), asked.before_ms or None
        with self.searches:
            async with self.one_search:
                rows, days = await self.store.settled_of(owner, before_ms=before_ms, limit=asked.limit)
        lines = [
            m.TransactionLine(
                settlement_time_ms=one.settlement_time_ms,
                amount_micros=one.amount_micros,
                budget_micros=one.budget_micros,
                rule=one.rule,
                stream=one.stream,
                delay=one.delay,
                value=one.value,
                window=one.window,
                mass=one.mass,
                density=one.density,
                average=one.average,
                submissions_count=one.submissions_count,
                submissions_close=one.submissions_close,
                stream_owner=one.stream_owner,
            )
            for row in rows
            for one in transactions_of(
                row.settlement, stream=row.name, delay=row.delay, stream_owner=row.sponsor.hex(), at_ms=row.at_ms
            )
            if one.recipient == owner.hex()
        ]
        sums = [
            m.TransactionDay(day.day, day.name, day.delay, day.folded_micros, day.folded, day.sponsor.hex())
            for day in days
        ]
        return m.TransactionsAnswer(tuple(lines), tuple(sums))

    async def performance(self, asked: m.PerformanceQuestion, _: Hotkey, now_ms: UnixMs) -> m.PerformanceAnswer:
        """What a key earned on each horizon, the best first."""
        earned = self.keeper.book.tallies.performance(self.keeper.owner_of(asked.owner).hex())
        return m.PerformanceAnswer(tuple(m.PerformanceLine(*one) for one in earned[:MAX_ROWS]))

    async def notices(self, asked: m.NoticesQuestion, asker: Hotkey, now_ms: UnixMs) -> m.NoticesAnswer:
        """The asker's own log."""
        try:
            kind = NoticeKind(asked.kind)
        except ValueError:
            raise InvalidRequest(
                f"no log is called {asked.kind[:64]!r}", field="kind", limit=tuple(NoticeKind)
            ) from None
        rows = await self.store.notices(asker, kind, limit=asked.limit)
        return m.NoticesAnswer(
            tuple(m.NoticeLine(r.notice.operation.value, r.notice.at_ms, _about(r.notice.fields)) for r in rows)
        )

    async def mailbox(self, asked: m.MailboxQuestion, asker: Hotkey, now_ms: UnixMs) -> m.MailboxAnswer:
        """What the asker's stream was sent."""
        letters = self.keeper.book.mailbox(asked.name, asker, now_ms=now_ms)
        lines: list[m.LetterLine] = []
        size = 0
        for sender, text in sorted(letters.items()):
            value = text.encode()
            size += len(value)
            if size > MAX_ANSWER_BYTES and lines:
                break
            lines.append(m.LetterLine(sender, value))
        return m.MailboxAnswer(tuple(lines[:MAX_ROWS]))

    async def links(self, asked: m.LinksQuestion, _: Hotkey, now_ms: UnixMs) -> m.LinksAnswer:
        """The links from a stream, then those to it."""
        out = sorted(self.keeper.book.state.links.get(asked.name, frozenset()))
        every = (*out, *self.keeper.book.backlinks(asked.name))
        return m.LinksAnswer(tuple(m.LinkLine(one.name, one.delay, one.target) for one in every[:MAX_ROWS]))

    async def subscriptions(self, asked: m.SubscriptionsQuestion, _: Hotkey, now_ms: UnixMs) -> m.SubscriptionsAnswer:
        """What a stream subscribes to, and who subscribes to it."""
        into = sorted(one.subscriber for one in self.keeper.book.state.subscribed.get(asked.name, frozenset()))
        return m.SubscriptionsAnswer(tuple(self.keeper.book.sources(asked.name)[:MAX_ROWS]), tuple(into[:MAX_ROWS]))

    async def taking_part(self, asked: m.TakingPartQuestion, _: Hotkey, now_ms: UnixMs) -> m.TakingPartAnswer:
        """The horizons at which scenarios of a key stand."""
        owner, state = self.keeper.owner_of(asked.owner).hex(), self.keeper.book.state
        after = split_horizon_name(asked.after) if asked.after else ("", 0)
        found = [
            (name, delay)
            for name, record in state.streams.items()
            for delay, horizon in record.horizons.items()
            if (name, delay) > after
            and (newest := horizon.newest(owner)) is not None
            and not newest.word.cancels
            and newest.word.received_at_ms > now_ms - state.life_ms
        ]
        return m.TakingPartAnswer(tuple(horizon_name(name, delay) for name, delay in sorted(found)[:MAX_ROWS]))

    async def predictions(self, asked: m.PredictionsQuestion, asker: Hotkey, now_ms: UnixMs) -> m.PredictionsAnswer:
        """Scenarios as they stand: of one's own stream everybody's, of another's one's own."""
        book = self.keeper.book
        said = (book.judged if asked.judged else book.standing)(asked.name, asked.delay, now_ms=now_ms)
        stream = book.state.streams[asked.name].stream
        if stream.owner != asker:
            said = [one for one in said if one.word.owner == asker.hex()]
        said = [one for one in said if one.word.owner > asked.after.hex()]
        most = MAX_ANSWER_BYTES // (8 * book.state.limits.num_predictions)
        lines = [
            m.PredictionLine(Hotkey(bytes.fromhex(one.word.owner)), one.word.received_at_ms, tuple(one.row().tolist()))
            for one in said[:most]
        ]
        return m.PredictionsAnswer(tuple(lines))

    async def volumes(self, asked: m.VolumesQuestion, _: Hotkey, now_ms: UnixMs) -> m.VolumesAnswer:
        """What moved on each horizon, the most first."""
        volumes = self.keeper.book.tallies.volumes
        most = sorted(volumes.items(), key=lambda one: (-one[1], one[0]))[: asked.limit]
        return m.VolumesAnswer(tuple(m.PerformanceLine(horizon, Micros(moved)) for horizon, moved in most))

    def _summary(self, stream: Stream, rule: str, now_ms: UnixMs) -> m.StreamSummary:
        return m.StreamSummary(
            name=stream.name,
            owner=stream.owner,
            state=state_of(stream, now_ms, self.keeper.book.state.limits).value,
            incarnation=stream.incarnation,
            created_at_ms=stream.created_at_ms,
            value_at_ms=stream.value_at_ms,
            alive_until_ms=stream.alive_until_ms,
            sequence=stream.sequence,
            budget_micros=Micros(stream.budget_micros),
            rule=rule,
        )

    def _code(self, owner: str) -> str:
        """What a key's memorable name is read from; its own digits for a key without one."""
        hotkey = Hotkey(bytes.fromhex(owner))
        nonce = self.keeper.nonces.get(hotkey)
        return owner if nonce is None else name_code(hotkey, int.from_bytes(nonce, "big"))


def _text(lag: Lag) -> str:
    numbers = lag.value
    return repr(numbers) if isinstance(numbers, float) else repr(list(numbers))


def _about(fields: Sequence[tuple[str, str]]) -> str:
    """In words that travel: a published value may have line breaks, and worse."""
    said = ", ".join(f"{name} {value}" for name, value in fields)
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in said)[:MAX_STRING_CHARS]


def _board(asked: m.BoardQuestion) -> BoardKey:
    if not asked.category:
        return Board(asked.stream or None, asked.delay or None)
    try:
        return Contest(asked.sponsor or None, Category(asked.category), asked.month or None)
    except ValueError:
        raise InvalidRequest(
            f"no category is called {asked.category[:64]!r}", field="category", limit=tuple(Category)
        ) from None


_Drawn = Callable[[], Cdf]
"""A distribution that is still to be computed, from nothing that changes meanwhile."""
_Form = Callable[[StreamReadings, m.CdfQuestion, list[Said], UnixMs], _Drawn]


def _plain(readings: StreamReadings, asked: m.CdfQuestion, said: list[Said], now_ms: UnixMs) -> _Drawn:
    """At quantiles of its own unless the asker says where: lags may lie anywhere but where the value will be."""
    return lambda: empirical_cdf(_pool(said), asked.values or None)


def _smooth(readings: StreamReadings, asked: m.CdfQuestion, said: list[Said], now_ms: UnixMs) -> _Drawn:
    def drawn() -> Cdf:
        smooth = SmoothCdf.of(_pool(said))
        if asked.values:
            values = sorted(asked.values)
            return Cdf(tuple(values), tuple(smooth.share(values).tolist()))
        shares = np.linspace(0.0, 1.0, SMOOTH_POINTS)
        return Cdf(tuple(smooth.quantile(shares).tolist()), tuple(shares.tolist()))

    return drawn


def _of_2021(readings: StreamReadings, asked: m.CdfQuestion, said: list[Said], now_ms: UnixMs) -> _Drawn:
    most = max(LEAST_2021, LOOKS_2021 // max(1, len(said)))
    if len(asked.values) > most:
        raise InvalidRequest(f"of {len(said)} owners this form is told at {most} values", field="values", limit=most)
    board = Board(asked.name, asked.delay)
    best = readings.keeper.book.tallies.leaderboard(board, now_ms, rows=BEST_2021)
    values = _values(readings, asked)
    return lambda: cdf_2021(
        [one.word.owner for one in said], _rows(said), values, included=[owner for owner, _ in best]
    )


def _of_2023(_: StreamReadings, asked: m.CdfQuestion, said: list[Said], now_ms: UnixMs) -> _Drawn:
    return lambda: cdf_2023(_rows(said), sorted(asked.values) or None)


def _pool(said: list[Said]) -> NDArray[np.float64]:
    """Everybody's scenarios as one."""
    return np.concatenate([one.row() for one in said] or [np.empty(0)])


def _rows(said: list[Said]) -> NDArray[np.float64]:
    """Scenarios, a row an owner."""
    return np.stack([one.row() for one in said]) if said else np.empty((0, 0))


def _values(readings: StreamReadings, asked: m.CdfQuestion) -> list[float]:
    record = readings.keeper.book.state.streams[asked.name]
    return sorted(asked.values) or points_from_lags(record.newest_numbers(len(record.lags)))


FORMS: Final[Mapping[str, _Form]] = {
    "": _plain,
    "empirical": _plain,
    "smooth": _smooth,
    "2021": _of_2021,
    "2023": _of_2023,
}
"""The forms of a distribution, as `CdfQuestion.form` names them."""

_ANSWERS: Final[Mapping[type, Callable[[StreamReadings, Any, Hotkey, UnixMs], Awaitable[StreamAnswer]]]] = {
    m.StreamsQuestion: StreamReadings.streams,
    m.LagsQuestion: StreamReadings.lags,
    m.CdfQuestion: StreamReadings.cdf,
    m.BoardQuestion: StreamReadings.board,
    m.BalanceQuestion: StreamReadings.balance,
    m.TransactionsQuestion: StreamReadings.transactions,
    m.PerformanceQuestion: StreamReadings.performance,
    m.NoticesQuestion: StreamReadings.notices,
    m.MailboxQuestion: StreamReadings.mailbox,
    m.LinksQuestion: StreamReadings.links,
    m.SubscriptionsQuestion: StreamReadings.subscriptions,
    m.VolumesQuestion: StreamReadings.volumes,
    m.TakingPartQuestion: StreamReadings.taking_part,
    m.PredictionsQuestion: StreamReadings.predictions,
}
