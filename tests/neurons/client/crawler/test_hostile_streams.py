"""What a crawler bears: watches that break, a validator that is away, floods, deletions, texts that are no numbers."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from neurons.ports import PeerUnreachable
from protocol.messages import StreamNews
from protocol.units import MICRO
from tests.support.crawling import Sampling, crawler, crawling, play, wait, walk
from tests.support.stream_market import StreamMarket
from tests.support.stream_play import key


def published(market: StreamMarket, name: str) -> list[float]:
    return [lag.value for lag in market.book.lags(name, now_ms=market.now_ms())]


def test_a_watch_that_breaks_is_opened_again_and_what_was_missed_is_read() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        async with crawling(one):
            await walk(market, "cop.json", 5)
            market.break_watches()
            await wait(market, 0.1)
            await walk(market, "cop.json", 1, every=0.1, seed=1)
            assert [] == market.watchers
            await wait(market, 70)
            assert 1 == len(market.watchers)
            await walk(market, "cop.json", 2, seed=2)
            assert published(market, "cop.json") == one.calls[-1][3]
        assert 1 == one.counts["watch_broken"]
        assert 8 == len(one.calls[-1][3])

    play(scenario)


def test_a_value_that_was_missed_just_before_the_first_news_is_read_too() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        async with crawling(one):
            await walk(market, "cop.json", 5)
            market.break_watches()
            await wait(market, 0.3)
            await walk(market, "cop.json", 1, every=1.2, seed=1)
            assert 1 == len(market.watchers)
            await walk(market, "cop.json", 1, seed=2)
            assert published(market, "cop.json") == one.calls[-1][3]

    play(scenario)


def test_a_value_that_came_while_nothing_was_watched_is_answered_if_it_is_no_old_news() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        async with crawling(one):
            await asyncio.gather(walk(market, "cop.json", 5), walk(market, "rain.json", 5))
            spoken = len(one.calls)
            market.break_watches()
            await wait(market, 0.1)
            market.publish("cop.json", 9.0)
            await wait(market, 5)
            market.publish("rain.json", 9.0)
            await wait(market, 1)
        assert {"cop.json", "rain.json"} == {name for _, name, _, _ in one.calls[spoken:]}

    play(scenario)


def test_while_the_watch_stays_broken_it_is_tried_ever_more_seldom_but_each_minute() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        async with crawling(one):
            await wait(market, 1)
            market.away = True
            market.break_watches()
            await wait(market, 600)
        assert 7 + 9 >= market.calls["watch"] >= 7 + 6
        pauses = [
            line.split('"pause_ms": ')[1].split(",")[0]
            for line in one.told.getvalue().splitlines()
            if "pause_ms" in line
        ]
        assert ["1000", "2000", "4000", "8000", "16000", "32000", "60000", "60000"] == pauses[:8]

    play(scenario)


def test_a_watch_that_has_told_something_is_tried_at_once_again() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        async with crawling(one):
            for turn in range(3):
                await walk(market, "cop.json", 3, seed=turn)
                market.break_watches()
                await wait(market, 0.1)
        pauses = [
            line.split('"pause_ms": ')[1].split(",")[0] for line in one.told.getvalue().splitlines() if "pause" in line
        ]
        assert ["1000", "1000", "1000"] == pauses

    play(scenario)


def test_a_validator_that_was_away_is_answered_again_when_it_is_back() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        async with crawling(one):
            await walk(market, "cop.json", 5)
            market.away = True
            await walk(market, "cop.json", 3, seed=1)
            assert 0 < one.counts["validator_unanswered"]
            market.away = False
            before = len(market.batches)
            await walk(market, "cop.json", 3, seed=2)
            assert before + 3 == len(market.batches)

    play(scenario)


def test_a_validator_that_cannot_be_asked_at_all_ends_the_crawl_at_once() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        market.away = True
        with pytest.raises(PeerUnreachable):
            await one.crawl()

    play(scenario)


def test_a_flood_of_values_gets_no_more_forecasts_than_quarantine_takes() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, delays=(70, 910))
        async with crawling(one):
            await walk(market, "cop.json", 900, every=1.0)
        spoken = [delay for _, _, delay, _ in one.calls]
        assert 0 == one.counts["forecast_refused"]
        assert 400 < spoken.count(70) < 900
        assert 50 < spoken.count(910) < 62

    play(scenario)


def test_a_stream_that_is_deleted_in_mid_crawl_is_forgotten_and_its_successor_played_anew() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        async with crawling(one):
            await asyncio.gather(walk(market, "cop.json", 5), walk(market, "rain.json", 5))
            market.apply(market.book.delete("cop.json", key("publisher"), now_ms=market.now_ms()))
            gone = StreamNews("cop.json", key("publisher"), 1, 10**6, market.now_ms(), b"1.0", MICRO)
            market.tell(gone)
            await wait(market, 10)
            assert [("rain.json", 70)] == list(one.game.horizons.played)
            assert 1 == one.counts["forecast_refused"]
            before = len(one.calls)
            await walk(market, "cop.json", 5, seed=3)
            assert [3, 4, 5] == [len(lags) for _, name, _, lags in one.calls[before:] if name == "cop.json"]

    play(scenario)


@pytest.mark.parametrize("text", ["nan", "-inf", "1e999", "x" * 99_999, '{"a": NaN}', "[1.0, 2.0]"])
def test_a_text_that_is_no_number_is_passed_over(text: str) -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        async with crawling(one):
            await walk(market, "cop.json", 5)
            before = len(one.calls)
            last = market.book.state.streams["cop.json"].stream.sequence
            for turn in range(50):
                news = StreamNews("cop.json", key("publisher"), 1, last, market.now_ms(), text.encode(), MICRO)
                market.tell(replace(news, sequence=last + 10_000 + turn))
            await wait(market, 5)
            assert before == len(one.calls)
            assert {} == {title: count for title, count in one.counts.items() if "fail" in title or "broken" in title}

    play(scenario)


def test_what_could_not_be_withdrawn_is_not_withdrawn_once_it_is_played_again() -> None:
    class Off(Sampling):
        shift = 50.0

    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, kind=Off, stop_loss_micros=MICRO // 2, first_rest_ms=90_000)
        async with crawling(one):
            await walk(market, "cop.json", 4)
            market.publish("cop.json", 1.0)
            market.away = True
            await wait(market, 60)
            await walk(market, "cop.json", 3, seed=2)
            assert [("cop.json", 70)] == list(one.game.horizons.played)
            tried = market.calls["cancel"]
            market.away = False
            await walk(market, "rain.json", 1, every=10)
            assert (tried, 1) == (market.calls["cancel"], one.counts["horizon_given_up"])

    play(scenario)


def test_a_flood_of_new_names_is_passed_over_beyond_the_limit() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, most_streams=5)
        async with crawling(one):
            await walk(market, "cop.json", 4)
            for turn in range(500):
                market.tell(StreamNews(f"n{turn}.json", key("x"), 1, turn + 1, market.now_ms(), b"1.0", MICRO))
            await walk(market, "cop.json", 2, seed=1)
            assert 5 >= len(one.game.streams.by_name)
            assert 495 < one.game.streams.passed_over
            assert 4 == len(market.batches)

    play(scenario)


def test_a_bankrupt_key_leaves_its_horizons_alone_ever_longer() -> None:
    class Off(Sampling):
        shift = 50.0

    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, kind=Off, stop_loss_micros=100 * MICRO)
        market.book.state.letters[one.owner.hex()] = 6
        async with crawling(one):
            await walk(market, "cop.json", 400)
        assert 6 < one.counts["forecast_refused"] < 20
        told = [line for line in one.told.getvalue().splitlines() if "forecast_refused" in line]
        assert "bankrupt" in told[0]
        assert 30 < one.counts["key_bankrupt"] < 42
        assert len(told) <= 5

    play(scenario)
