"""`StreamReader`: looks at open streams through one validator, signed questions and verified answers.

async with StreamReader(validator, key, params=MAIN) as reader:
    values = await reader.lagged_values("cop.json")
    low, high = await reader.interval("cop.json", 70, 0.95)
    async for news in reader.watch(stream_topic("cop.json")):
        print(news.message)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np

from neurons.client.reader import Reader, expect
from protocol.errors import InvalidRequest, NotFound
from protocol.messages import (
    MAX_ROWS,
    BalanceAnswer,
    BalanceQuestion,
    BoardAnswer,
    BoardLine,
    BoardQuestion,
    CdfAnswer,
    CdfQuestion,
    LagLine,
    LagsAnswer,
    LagsQuestion,
    LetterLine,
    LinkLine,
    LinksAnswer,
    LinksQuestion,
    MailboxAnswer,
    MailboxQuestion,
    NoticeLine,
    NoticesAnswer,
    NoticesQuestion,
    PerformanceAnswer,
    PerformanceLine,
    PerformanceQuestion,
    PredictionLine,
    PredictionsAnswer,
    PredictionsQuestion,
    StreamQuestion,
    StreamReadReply,
    StreamReadRequest,
    StreamsAnswer,
    StreamsQuestion,
    StreamSummary,
    SubscriptionsAnswer,
    SubscriptionsQuestion,
    TakingPartAnswer,
    TakingPartQuestion,
    TransactionLine,
    TransactionsAnswer,
    TransactionsQuestion,
    VolumesAnswer,
    VolumesQuestion,
)
from protocol.rules.stream_names import horizon_name, split_horizon_name
from protocol.rules.stream_records import NoticeKind
from protocol.rules.stream_values import ValueKind, read_value
from protocol.units import SECOND_MS, Hotkey

AnswerT = TypeVar("AnswerT")

SMOOTH: Final = "smooth"
"""The form of a distribution that rises strictly, so that it has one quantile for each share."""
MAX_STREAM_PAGES: Final = 100


class StreamReader(Reader):
    """Open streams as anyone may see them. Use as `async with`; raises as `Reader` does.

    Delays are whole seconds, amounts micro-points, instants UTC epoch ms unless a method says otherwise.
    """

    async def streams(self, *, after: str = "", limit: int = MAX_ROWS) -> tuple[StreamSummary, ...]:
        """Live streams in the order of names, after one (empty: from the first)."""
        return (await self._told(StreamsQuestion(after, limit), StreamsAnswer)).streams

    async def all_streams(self) -> list[StreamSummary]:
        """Every live stream, page by page, in the order of names. Raises InvalidRequest beyond 100 pages of 1,000."""
        found: list[StreamSummary] = []
        for _ in range(MAX_STREAM_PAGES):
            page = await self.streams(after=found[-1].name if found else "")
            found += page
            if not page:
                return found
        raise InvalidRequest(f"the validator lists more than {len(found)} streams", limit=len(found))

    async def lags(self, name: str, *, limit: int = MAX_ROWS, before_ms: int = 0) -> tuple[LagLine, ...]:
        """The newest values as they were published, newest first. before_ms: only those that came earlier; 0 for all.

        Raises NotFound where there is no such stream.
        """
        return (await self._told(LagsQuestion(name, limit, before_ms), LagsAnswer)).lags

    async def lagged(self, name: str, count: int = MAX_ROWS) -> tuple[list[float], list[float]]:
        """The numbers among the newest `count` values, newest first, and when each came (epoch seconds).

        What is no single number (a vector, a record, a text) is left out, as settlements leave it out.
        """
        values, times = [], []
        for line in await self._newest(name, count):
            value = read_value(line.value.decode())
            if value.kind is ValueKind.SCALAR:
                values.append(value.numbers[0])
                times.append(line.at_ms / SECOND_MS)
        return values, times

    async def lagged_values(self, name: str, count: int = MAX_ROWS) -> list[float]:
        """The values of `lagged`."""
        return (await self.lagged(name, count))[0]

    async def lagged_times(self, name: str, count: int = MAX_ROWS) -> list[float]:
        """The times of `lagged`, in epoch seconds."""
        return (await self.lagged(name, count))[1]

    async def delayed_value(self, name: str, delay: int) -> float:
        """The newest value that is at least `delay` seconds old by the network's time.

        Raises NotFound while there is none, InvalidRequest when it is no number.
        """
        told = await self.lags(name, limit=1, before_ms=self._clock.now_ms() - delay * SECOND_MS + 1)
        if not told:
            raise NotFound(f"no value of {name} is {delay} s old yet", field="delay")
        value = read_value(told[0].value.decode())
        if value.kind is not ValueKind.SCALAR:
            raise InvalidRequest(f"{name} holds a {value.kind}, not a number", field="name")
        return value.numbers[0]

    async def cdf(self, name: str, delay: int, *, values: Sequence[float] = (), form: str = "") -> CdfAnswer:
        """How the value `delay` seconds ahead is distributed, by everybody's scenarios together.

        values: where to look; empty for points that the validator chooses.  form: a name of `rules/cdfs.py`.
        Raises NotFound where nobody predicts.
        """
        return await self._told(CdfQuestion(name, delay, form, tuple(map(float, values))), CdfAnswer)

    async def quantiles(self, name: str, delay: int, probabilities: Sequence[float]) -> list[float]:
        """The values that stay below each probability, 0 to 1: straight lines through the smooth distribution's points.

        Raises NotFound where nobody predicts, InvalidRequest for what is no probability.
        """
        wanted = np.asarray(probabilities, dtype=np.float64)
        if not ((wanted >= 0.0) & (wanted <= 1.0)).all():
            raise InvalidRequest("a probability lies within 0 and 1", field="probabilities", limit=1)
        told = await self.cdf(name, delay, form=SMOOTH)
        if not told.values:
            raise NotFound(f"nobody predicts {name} {delay} s ahead", field="delay")
        found: list[float] = np.interp(wanted, told.probabilities, told.values).tolist()
        return found

    async def median(self, name: str, delay: int) -> float:
        """The value that is as likely passed as not. Raises as `quantiles`."""
        return (await self.quantiles(name, delay, [0.5]))[0]

    async def interval(self, name: str, delay: int, probability: float = 0.95) -> tuple[float, float]:
        """The central interval that holds the value with this probability. Raises as `quantiles`."""
        low, high = await self.quantiles(name, delay, [(1 - probability) / 2, (1 + probability) / 2])
        return low, high

    async def board(
        self,
        *,
        stream: str = "",
        delay: int = 0,
        category: str = "",
        sponsor: str = "",
        month: str = "",
        half_life_days: int = 0,
        since_day: int = 0,
    ) -> tuple[BoardLine, ...]:
        """A leaderboard, best first; empty or 0 counts everything, see `BoardQuestion`. sponsor: a hotkey in hex."""
        question = BoardQuestion(stream, delay, category, sponsor, month, half_life_days, since_day)
        return (await self._told(question, BoardAnswer)).places

    async def balance(self, owner: Hotkey | None = None) -> BalanceAnswer:
        """What a key has and how much of it it can lose; one's own unless another is named."""
        return await self._told(BalanceQuestion(self._or_own(owner)), BalanceAnswer)

    async def transactions(
        self, owner: Hotkey | None = None, *, before_ms: int = 0, limit: int = 50
    ) -> tuple[TransactionLine, ...]:
        """A key's settlements that are kept one by one, newest first. before_ms: only earlier ones; 0 for all."""
        return (await self.settled(owner, before_ms=before_ms, limit=limit)).transactions

    async def settled(self, owner: Hotkey | None = None, *, before_ms: int = 0, limit: int = 50) -> TransactionsAnswer:
        """A key's `transactions`, and its older ones as sums of a day and a horizon, at most `limit` of either.

        Together they are everything that settlements moved for the key, each of them once. before_ms: of earlier
        instants, and of days that began earlier.
        """
        return await self._told(TransactionsQuestion(self._or_own(owner), before_ms, limit), TransactionsAnswer)

    async def performance(self, owner: Hotkey | None = None) -> tuple[PerformanceLine, ...]:
        """What a key earned on each horizon, best first."""
        return (await self._told(PerformanceQuestion(self._or_own(owner)), PerformanceAnswer)).horizons

    async def confirms(self, limit: int = MAX_ROWS) -> tuple[NoticeLine, ...]:
        """What one's own key did that was taken, newest first."""
        return await self._notices(NoticeKind.CONFIRM, limit)

    async def errors(self, limit: int = MAX_ROWS) -> tuple[NoticeLine, ...]:
        """What one's own key did that was refused, newest first."""
        return await self._notices(NoticeKind.ERROR, limit)

    async def warnings(self, limit: int = MAX_ROWS) -> tuple[NoticeLine, ...]:
        """What happened to one's own key without its doing, newest first."""
        return await self._notices(NoticeKind.WARNING, limit)

    async def mailbox(self, name: str) -> tuple[LetterLine, ...]:
        """What one's own stream was sent by those it subscribes to, by sender."""
        return (await self._told(MailboxQuestion(name), MailboxAnswer)).letters

    async def links(self, name: str) -> tuple[LinkLine, ...]:
        """The links from a stream, then those to it."""
        return (await self._told(LinksQuestion(name), LinksAnswer)).links

    async def subscriptions(self, name: str) -> SubscriptionsAnswer:
        """What a stream subscribes to, and who subscribes to it."""
        return await self._told(SubscriptionsQuestion(name), SubscriptionsAnswer)

    async def volumes(self, limit: int = MAX_ROWS) -> tuple[PerformanceLine, ...]:
        """Everything that moved on each horizon, without signs: the most first."""
        return (await self._told(VolumesQuestion(limit), VolumesAnswer)).horizons

    async def taking_part(self, owner: Hotkey | None = None) -> list[tuple[str, int]]:
        """(name, delay) of every horizon at which scenarios of a key stand, quarantined or not."""
        found: list[tuple[str, int]] = []
        for _ in range(MAX_STREAM_PAGES):
            after = horizon_name(*found[-1]) if found else ""
            page = (await self._told(TakingPartQuestion(self._or_own(owner), after), TakingPartAnswer)).horizons
            if not page:
                return found
            found += map(split_horizon_name, page)
        raise InvalidRequest(f"the validator lists more than {len(found)} horizons", limit=len(found))

    async def predictions(self, name: str, delay: int, *, judged: bool = False) -> list[PredictionLine]:
        """Everybody's scenarios at a horizon of one's own stream, by owner; at one of another's stream, one's own.

        judged: those that a value would meet now, which left quarantine; else the newest.
        """
        found: list[PredictionLine] = []
        for _ in range(MAX_STREAM_PAGES):
            after = found[-1].owner if found else b""
            page = (await self._told(PredictionsQuestion(name, delay, judged, after), PredictionsAnswer)).predictions
            if not page:
                return found
            found += page
        raise InvalidRequest(f"more than {len(found)} keys predict {name}", limit=len(found))

    async def _newest(self, name: str, count: int) -> list[LagLine]:
        """So many of the newest values, or all there are: an answer may hold fewer than asked where they are large."""
        found: list[LagLine] = []
        before_ms = 0
        while len(found) < count:
            page = await self.lags(name, limit=min(MAX_ROWS, count - len(found)), before_ms=before_ms)
            if not page:
                break
            found += page
            before_ms = page[-1].at_ms
        return found

    async def _notices(self, kind: NoticeKind, limit: int) -> tuple[NoticeLine, ...]:
        return (await self._told(NoticesQuestion(kind, limit), NoticesAnswer)).notices

    async def _told(self, question: StreamQuestion, wanted: type[AnswerT]) -> AnswerT:
        reply = expect(await self.ask(StreamReadRequest(question)), StreamReadReply)
        return expect(reply.answer, wanted)

    def _or_own(self, owner: Hotkey | None) -> Hotkey:
        return self.hotkey if owner is None else owner
