"""The rhythm of a poll, and all that can go wrong with a reading: a day of it passes in about a second."""

from __future__ import annotations

import asyncio
import threading

import pytest

from neurons.client import MicroPoll, Outcome
from neurons.client.poll_loop import Rhythm
from protocol.errors import InvalidRequest
from protocol.units import DAY_MS, MINUTE_MS, SECOND_MS
from tests.support.poll_play import NAME, BookPublisher, Feed, minutes_of, played
from tests.support.virtual_time import START_MS
from tests.support.world import signing_key


def test_a_day_of_readings_is_published_in_time() -> None:
    async def scenario(writer: BookPublisher) -> None:
        feed = Feed(*range(288))
        poll = MicroPoll(feed, 5 * MINUTE_MS, name=NAME, writer=writer, clock=writer.clock)
        await poll.run(times=288)
        assert [5.0 * number for number in range(288)] == minutes_of(writer.published)
        assert [{NAME: repr(float(number))} for number in range(288)] == [told for _, told in writer.published]
        assert (288, 0, 0, 0, 0) == (
            poll.counts.published,
            poll.counts.quiet,
            poll.counts.failed,
            poll.counts.refused,
            poll.counts.missed,
        )
        assert START_MS + DAY_MS - 5 * MINUTE_MS == writer.clock.now_ms()

    played(scenario)


def test_readings_can_keep_to_the_clock() -> None:
    async def scenario(writer: BookPublisher) -> None:
        await writer.clock.sleep_until(START_MS + 61_000)
        hour = MicroPoll(Feed(1), 15 * MINUTE_MS, name=NAME, writer=writer, clock=writer.clock, origin_ms=0)
        await hour.run(times=3)
        assert {0} == {at_ms % (15 * MINUTE_MS) for at_ms, _ in writer.published}

    played(scenario)


def test_nothing_to_publish_lets_the_stream_live_on() -> None:
    async def scenario(writer: BookPublisher) -> None:
        results = []
        poll = MicroPoll(
            Feed(None, 1.0, None), DAY_MS, name=NAME, writer=writer, clock=writer.clock, tell=results.append
        )
        await poll.run(times=9)
        assert [Outcome.QUIET, Outcome.PUBLISHED] + [Outcome.QUIET] * 7 == [one.outcome for one in results]
        assert [2 + number for number in range(7)] == [(at_ms - START_MS) / DAY_MS for at_ms, _ in writer.touched]
        assert [NAME] == [stream.name for stream in writer.play.book.streams(now_ms=writer.clock.now_ms())]

    played(scenario)


@pytest.mark.parametrize("wrong", [ValueError("no signal"), float("nan"), "inf", object(), [1.0, "x"], StopIteration()])
def test_a_function_that_fails_or_returns_nonsense_is_told_and_counted_and_ends_nothing(wrong: object) -> None:
    async def scenario(writer: BookPublisher) -> None:
        results = []
        feed = Feed(1.0, wrong, 3.0)
        poll = MicroPoll(feed, MINUTE_MS, name=NAME, writer=writer, clock=writer.clock, tell=results.append)
        await poll.run(times=3)
        assert [Outcome.PUBLISHED, Outcome.FAILED, Outcome.PUBLISHED] == [one.outcome for one in results]
        assert any(word in results[1].why for word in (type(wrong).__name__, "value", "number"))
        assert [START_MS + MINUTE_MS] == [at_ms for at_ms, _ in writer.touched]
        assert (2, 1) == (poll.counts.published, poll.counts.failed)

    played(scenario)


def test_a_validator_that_is_away_or_refuses_is_told_and_counted_and_ends_nothing() -> None:
    async def scenario(writer: BookPublisher) -> None:
        results = []
        poll = MicroPoll(Feed(1.0), MINUTE_MS, name=NAME, writer=writer, clock=writer.clock, tell=results.append)
        await poll.run(times=1)
        writer.away = True
        await poll.run(times=1)
        writer.away = False
        other = BookPublisher(key=signing_key("stranger"))
        other.play = writer.play
        writer.play.do(writer.play.book.recognise(other.key.hotkey, 13, now_ms=START_MS))
        await other.publish("taken.json", "5.0")
        foreign = MicroPoll(Feed(1.0), MINUTE_MS, name="taken", writer=writer, clock=writer.clock, tell=results.append)
        await foreign.run(times=1)
        assert [Outcome.PUBLISHED, Outcome.REFUSED, Outcome.REFUSED] == [one.outcome for one in results]
        assert "connection refused" in results[1].why
        assert "only its owner may publish" in results[2].why
        assert {"taken.json": "1.0"} == results[2].values
        assert (1, 1) == (poll.counts.refused, foreign.counts.refused)

    played(scenario)


def test_a_failing_function_and_a_validator_that_is_away_are_both_told() -> None:
    async def scenario(writer: BookPublisher) -> None:
        results = []
        writer.away = True
        feed = Feed(ValueError("no signal"))
        poll = MicroPoll(feed, MINUTE_MS, name=NAME, writer=writer, clock=writer.clock, tell=results.append)
        await poll.run(times=1)
        assert "ValueError: no signal; touch: validator:1: unavailable: connection refused" == results[0].why

    played(scenario)


def test_a_slow_reading_delays_nothing_but_itself_and_what_passed_is_counted() -> None:
    async def scenario(writer: BookPublisher) -> None:
        async def slow() -> float:
            await writer.clock.sleep_until(writer.clock.now_ms() + 150 * SECOND_MS)
            return 1.0

        poll = MicroPoll(slow, MINUTE_MS, name=NAME, writer=writer, clock=writer.clock, limit_ms=10 * MINUTE_MS)
        await poll.run(times=3)
        assert [2.5, 5.5, 8.5] == minutes_of(writer.published)
        assert 4 == poll.counts.missed

    played(scenario)


def test_a_reading_that_takes_too_long_is_given_up() -> None:
    async def scenario(writer: BookPublisher) -> None:
        async def endless() -> float:
            await writer.clock.sleep_until(START_MS + DAY_MS)
            return 1.0

        results = []
        poll = MicroPoll(endless, MINUTE_MS, name=NAME, writer=writer, clock=writer.clock, tell=results.append)
        await poll.run(times=2)
        assert [(Outcome.FAILED, "TimeoutError: no reading within 60000 ms")] * 2 == [
            (one.outcome, one.why) for one in results
        ]

    played(scenario)


def test_a_thread_that_hangs_is_never_joined_by_a_second_one() -> None:
    async def scenario() -> None:
        writer, release, calls = BookPublisher.__new__(BookPublisher), threading.Event(), []
        writer.away = True

        def hanging() -> float:
            calls.append(threading.get_ident())
            release.wait(20)
            return 1.0

        results = []
        poll = MicroPoll(hanging, 1_000, name=NAME, writer=writer, limit_ms=20, tell=results.append)
        first, second = await poll.poll(), await poll.poll()
        assert "TimeoutError: no reading within 20 ms" in first.why
        assert "the last reading is still under way" in second.why
        assert 1 == len(calls)
        release.set()

    asyncio.run(scenario())


def test_a_poll_is_stopped_while_it_waits_and_can_run_again_but_not_twice_at_once() -> None:
    async def scenario(writer: BookPublisher) -> None:
        poll = MicroPoll(Feed(1.0), 5 * MINUTE_MS, name=NAME, writer=writer, clock=writer.clock)
        running = asyncio.create_task(poll.run())
        await writer.clock.sleep_until(START_MS + 12 * MINUTE_MS)
        with pytest.raises(InvalidRequest, match="runs already"):
            await poll.run()
        poll.stop()
        assert 3 == (await running).published
        assert START_MS + 12 * MINUTE_MS == writer.clock.now_ms()
        await poll.run(times=1)
        assert [0.0, 5.0, 10.0, 12.0] == minutes_of(writer.published)

    played(scenario)


def test_a_stop_during_a_reading_lets_it_end() -> None:
    async def scenario(writer: BookPublisher) -> None:
        poll = MicroPoll(lambda: poll.stop() or 7.0, MINUTE_MS, name=NAME, writer=writer, clock=writer.clock)
        await poll.run()
        assert [(START_MS, {NAME: "7.0"})] == writer.published

    played(scenario)


def test_downtime_is_the_users() -> None:
    class Counting(MicroPoll):
        breaks = 0

        async def downtime(self) -> None:
            self.breaks += 1

    async def scenario(writer: BookPublisher) -> None:
        poll = Counting(Feed(1.0), MINUTE_MS, name=NAME, writer=writer, clock=writer.clock)
        await poll.run(times=4)
        assert 4 == poll.breaks

    played(scenario)


def test_a_rhythm_keeps_its_instants_whatever_the_time_a_reading_takes() -> None:
    rhythm = Rhythm(1_000, origin_ms=200)
    assert [200, 1_200, 1_200, 2_200] == [rhythm.first(now) for now in (200, 201, 1_200, 1_201)]
    assert [(2_200, 0), (2_200, 0), (3_200, 1), (4_200, 2)] == [
        rhythm.next(1_200, now) for now in (1_200, 2_200, 2_201, 4_200)
    ]
    assert 777 == Rhythm(1_000).first(777)
