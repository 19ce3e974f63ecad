"""What each kind of poll publishes, against a stream book in virtual time."""

from __future__ import annotations

import numpy as np
import pytest

from neurons.client import ChangePoll, MicroPoll, MultiChangePoll, MultiPoll, PandasLoop
from protocol.errors import InvalidRequest
from protocol.units import MINUTE_MS
from tests.support.poll_play import NAME, BookPublisher, Feed, minutes_of, played
from tests.support.virtual_time import START_MS


def test_a_coroutine_function_is_awaited() -> None:
    async def read() -> float:
        return 2.5

    async def scenario(writer: BookPublisher) -> None:
        poll = MicroPoll(read, MINUTE_MS, name="cop", writer=writer, clock=writer.clock, budget=0.5, rule="logpool")
        await poll.run(times=2)
        assert [{NAME: "2.5"}] * 2 == [told for _, told in writer.published]
        record = writer.play.book.state.record(NAME)
        assert ("logpool", 500_000) == (record.rule, record.stream.budget_micros)

    played(scenario)


def test_changes_are_published_while_the_feed_moves_and_a_failure_makes_it_cold() -> None:
    async def scenario(writer: BookPublisher) -> None:
        feed = Feed(1.0, 2.0, 4.0, 3.0, 3.0, 5.0, 6.0, ValueError(), 7.0, 9.0, 10.5)
        poll = ChangePoll(feed, MINUTE_MS, name=NAME, writer=writer, clock=writer.clock)
        await poll.run(times=11)
        assert [2.0, 3.0, 6.0, 10.0] == minutes_of(writer.published)
        assert ["2.0", "-1.0", "1.0", "1.5"] == [told[NAME] for _, told in writer.published]

    played(scenario)


def test_several_streams_are_published_in_one_instant_or_all_touched() -> None:
    async def scenario(writer: BookPublisher) -> None:
        feed = Feed([1.0, 2.0], [3.0, None], None, np.array([4.0, 5.0]), [1.0], [1.0, float("nan")])
        poll = MultiPoll(
            feed,
            MINUTE_MS,
            names=["a", "b.json"],
            writer=writer,
            clock=writer.clock,
            budgets={"b": 0.25},
            with_copulas=True,
        )
        counts = await poll.run(times=6)
        assert [{"a.json": "1.0", "b.json": "2.0"}, {"a.json": "4.0", "b.json": "5.0"}] == [
            told for _, told in writer.published
        ]
        assert [1.0, 2.0, 4.0, 5.0] == minutes_of(writer.touched)
        assert (2, 2, 2) == (counts.published, counts.quiet, counts.failed)
        assert [(False, True)] * 2 == writer.flags
        budgets = {stream.name: stream.budget_micros for stream in writer.play.book.streams(now_ms=START_MS + 1)}
        assert (1_000_000, 250_000) == (budgets["a.json"], budgets["b.json"])

    played(scenario)


def test_changes_of_several_numbers_can_be_turned_into_others() -> None:
    async def scenario(writer: BookPublisher) -> None:
        feed = Feed([1.0, 1.0, 1.0], [2.0, 3.0, 1.0], [4.0, 7.0, 1.0], [5.0, 7.0, 1.0], [6.0, 8.0, 1.0])
        poll = MultiChangePoll(
            feed,
            MINUTE_MS,
            names=["mean", "spread"],
            numbers=3,
            moving=2,
            change_func=lambda changes: [sum(changes), max(changes) - min(changes)],
            writer=writer,
            clock=writer.clock,
        )
        await poll.run(times=5)
        assert [(START_MS + 2 * MINUTE_MS, {"mean.json": "6.0", "spread.json": "4.0"})] == writer.published

    played(scenario)


class Frame:
    """As much of a DataFrame as a loop needs."""

    def __init__(self, columns: list[str], rows: np.ndarray) -> None:
        self.columns, self._rows = columns, rows

    def to_numpy(self) -> np.ndarray:
        return self._rows


def test_a_table_is_published_row_by_row_by_the_clock_and_begins_again() -> None:
    rows = np.stack([np.arange(10_001.0), -np.arange(10_001.0)], axis=1)
    rows[1, 0] = np.nan

    async def scenario(writer: BookPublisher) -> None:
        origin = START_MS - 9_999 * MINUTE_MS
        loop = PandasLoop(Frame(["up", "down"], rows), MINUTE_MS, writer=writer, clock=writer.clock, origin_ms=origin)
        counts = await loop.run(times=5)
        assert ["9999.0", "10000.0", "0.0", "2.0"] == [told["up.json"] for _, told in writer.published]
        assert [0.0, 1.0, 2.0, 4.0] == minutes_of(writer.published)
        assert 1 == counts.quiet

    played(scenario)


@pytest.mark.parametrize(
    ("columns", "rows"), [(["a"], 10_000), ([], 10_001), ([f"s{n}" for n in range(11)], 10_001), (["a", "a"], 10_001)]
)
def test_a_table_that_makes_no_fair_streams_is_refused(columns: list[str], rows: int) -> None:
    frame = Frame(columns, np.zeros((rows, len(columns))))
    with pytest.raises(InvalidRequest):
        PandasLoop(frame, MINUTE_MS, writer=BookPublisher.__new__(BookPublisher))


def test_names_and_intervals_that_cannot_be_are_refused_before_anything_is_read() -> None:
    writer = BookPublisher.__new__(BookPublisher)
    with pytest.raises(InvalidRequest, match="no stream name"):
        MicroPoll(Feed(1.0), MINUTE_MS, name="a~b", writer=writer)
    with pytest.raises(InvalidRequest, match="at least 1000 ms apart"):
        MicroPoll(Feed(1.0), 999, name="a", writer=writer)
    with pytest.raises(InvalidRequest, match="all of them different"):
        MultiPoll(Feed([1.0, 1.0]), MINUTE_MS, names=["a", "a.json"], writer=writer)
