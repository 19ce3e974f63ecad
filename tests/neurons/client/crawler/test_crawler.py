"""Crawlers at a market of one book: they find streams, answer what is pushed, earn, give up, and forget nothing."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from neurons.client import StreamWriter
from neurons.client.crawler import Crawler, CrawlerHooks, CrawlSettings, Prize
from neurons.client.crawler.forecasting import Forecasting
from neurons.client.crawler.horizons import HorizonState
from neurons.peers_file import ListedValidator
from neurons.supervise import FAULT
from protocol.errors import NodeFault, WrongRecipient
from protocol.units import HOUR_MS, MICRO
from tests.support.crawling import QUICK, Sampling, crawler, crawling, play, quiet_log, wait, walk
from tests.support.stream_market import MarketWriter, StreamMarket
from tests.support.stream_play import key
from tests.support.world import signing_key


def balance(market: StreamMarket, one: Crawler) -> float:
    return market.book.tallies.balance(one.owner.hex()) / MICRO


def test_a_new_stream_is_answered_with_its_first_value_that_makes_enough_lags() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        async with crawling(one):
            await wait(market, 1)
            await walk(market, "cop.json", 5)
        assert [3, 4, 5] == [len(lags) for _, _, _, lags in one.calls]
        published = [lag.value for lag in reversed(market.book.lags("cop.json", now_ms=market.now_ms()))]
        assert published[::-1] == one.calls[-1][3]
        assert [1, 1, 1] == market.batches

    play(scenario)


def test_values_of_one_moment_are_answered_in_one_batch() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, settings=CrawlSettings(min_lags=2))
        async with crawling(one):
            await asyncio.gather(*(walk(market, f"s{number}.json", 6, seed=number) for number in range(5)))
        assert [20] * 5 == market.batches
        assert 2 * 5 == market.calls["LagsQuestion"]  # when they were met, and when news began

    play(scenario)


def test_in_a_day_of_ten_streams_the_better_samplers_win_and_the_bad_ones_give_up() -> None:
    """A law of the right width beats the owner's bootstrap; who is off or far too wide is out of most horizons."""

    class Off(Sampling):
        shift = 3.0

    class Wide(Sampling):
        width = 8.0

    async def scenario(market: StreamMarket) -> None:
        await asyncio.gather(*(walk(market, f"s{number}.json", 30, every=1, seed=number) for number in range(10)))
        settings = CrawlSettings(delays=(70, 910))
        right = [crawler(market, f"right {number}", settings=settings) for number in range(3)]
        off, wide = (crawler(market, kind.__name__, kind, settings) for kind in (Off, Wide))
        async with crawling(*right, off, wide), asyncio.TaskGroup() as streams:
            for number in range(10):
                await wait(market, 180)
                streams.create_task(walk(market, f"s{number}.json", 48, every=1_800, seed=number))
        benchmark = market.book.tallies.balance(key("publisher").hex()) / MICRO + 10 * 500
        assert all(balance(market, one) > 100 for one in right)
        assert benchmark < 0
        for bad in (off, wide):
            assert balance(market, bad) < -100
            assert 15 < bad.counts["horizon_given_up"]
            assert 10 > bad.game.horizons.states()[HorizonState.PLAYED]
            assert len(bad.calls) < 0.8 * len(right[0].calls)
        assert 20 == right[0].game.horizons.states()[HorizonState.PLAYED]

    play(scenario)


def test_a_horizon_is_left_when_the_stop_loss_is_gone_and_tried_again_after_its_rest() -> None:
    class Off(Sampling):
        shift = 50.0

    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, kind=Off, stop_loss_micros=3 * MICRO)
        async with crawling(one):
            await walk(market, "cop.json", 12)
            left = one.game.horizons.of("cop.json", 70)
            assert (HorizonState.RESTING, 1) == (left.state, left.strikes)
            assert left.earned_micros <= -3 * MICRO
            quiet = len(one.calls)
            await walk(market, "cop.json", 30, every=600)
            assert quiet == len(one.calls)
            assert [] == [
                said
                for said in market.book.standing("cop.json", 70, now_ms=market.now_ms())
                if said.word.owner == one.owner.hex()
            ]
            await walk(market, "cop.json", 14, every=600)
            assert quiet < len(one.calls)
            again = one.game.horizons.of("cop.json", 70)
        assert (HorizonState.RESTING, 2) == (again.state, again.strikes)
        assert 11 * HOUR_MS < again.until_ms - market.clock.now_ms() < 12 * HOUR_MS

    play(scenario)


def test_a_crawler_that_starts_again_knows_what_it_gave_up_and_withdraws_what_still_stands() -> None:
    class Off(Sampling):
        shift = 50.0

    async def scenario(market: StreamMarket) -> None:
        first = crawler(market, kind=Off)
        async with crawling(first):
            await walk(market, "cop.json", 9)
        assert first.game.horizons.of("cop.json", 70).is_played
        await walk(market, "cop.json", 3)
        second = crawler(market, stop_loss_micros=3 * MICRO)
        async with crawling(second):
            await walk(market, "cop.json", 5)
            resting = second.game.horizons.of("cop.json", 70)
        assert (HorizonState.RESTING, []) == (resting.state, second.calls)
        assert {} == {
            said.word.owner: said
            for said in market.book.standing("cop.json", 70, now_ms=market.now_ms())
            if said.word.owner == second.owner.hex()
        }

    play(scenario)


def test_a_sample_that_fails_costs_its_horizon_one_value_and_is_tried_at_the_next() -> None:
    class Moody(Sampling):
        def sample(self, lagged_values, lagged_times, name, delay):
            drawn = super().sample(lagged_values, lagged_times, name, delay)
            if name == "a.json" and len(lagged_values) % 2:
                raise ZeroDivisionError("moody")
            return drawn if name != "c.json" else drawn[:5]

    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, kind=Moody)
        async with crawling(one):
            await asyncio.gather(*(walk(market, f"{name}.json", 8) for name in "abc"))
        assert [1, 2, 1, 2, 1, 2] == market.batches
        assert 3 + 6 == one.counts["sample_failed"]
        told = [line for line in one.told.getvalue().splitlines() if "sample_failed" in line]
        assert ["ZeroDivisionError: moody"] * 3 == [
            text for line in told for text in [line.split('"error": "')[1].split('"')[0]] if "moody" in text
        ]
        assert 3 == sum("70::c.json" in line for line in told)

    play(scenario)


def test_a_horizon_that_passes_says_nothing_and_is_asked_again() -> None:
    class Silent(Sampling):
        def sample(self, *lags):
            super().sample(*lags)

    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, kind=Silent)
        async with crawling(one):
            await walk(market, "cop.json", 6)
        assert (4, [], 0) == (len(one.calls), market.batches, one.counts["sample_failed"])

    play(scenario)


def test_only_what_is_wanted_is_played() -> None:
    class Choosy(Sampling):
        def include_stream(self, name):
            return not name.startswith("rain")

        def include_sponsor(self, sponsor):
            return sponsor.hotkey != key("stranger")

        def include_delay(self, name, delay):
            return delay < 900

        def exclude_delay(self, name, delay):
            return name == "b.json" and delay == 310

    async def scenario(market: StreamMarket) -> None:
        market.named(key("stranger"))
        one = crawler(market, kind=Choosy, delays=(70, 310, 910), max_budget_micros=5 * MICRO)
        async with crawling(one):
            walks = [walk(market, f"{name}.json", 5) for name in ("a", "b", "rain")]
            walks += [walk(market, "c.json", 5, owner="stranger"), walk(market, "d.json", 5, budget_micros=6 * MICRO)]
            await asyncio.gather(*walks)
        assert {("a.json", 70), ("a.json", 310), ("b.json", 70)} == {(name, delay) for _, name, delay, _ in one.calls}

    play(scenario)


def test_no_more_horizons_are_played_than_is_said_and_the_most_important_first() -> None:
    async def scenario(market: StreamMarket) -> None:
        prize = Prize(100.0, sponsor=key("sponsor"))
        market.named(key("sponsor"))
        for turn in range(3):
            for number in range(6):
                market.named(key("publisher"))
                market.publish(f"s{number}.json", turn, budget_micros=(number + 1) * MICRO)
            market.publish("prize.json", turn, "sponsor")
            await wait(market, 2)
        one = crawler(market, delays=(70, 3555), most_horizons=5, prizes=(prize,))
        async with crawling(one):
            await wait(market, 5)
        played = [f"{name}/{delay}" for name, delay in one.game.horizons.played]
        assert ["prize.json/70", "prize.json/3555", "s5.json/70", "s5.json/3555", "s4.json/70"] == played
        assert 3 == market.calls["LagsQuestion"]
        assert () == await one.places(prize)

    play(scenario)


def test_a_stream_that_is_not_wanted_any_more_is_left_with_its_lags() -> None:
    class Fickle(Sampling):
        is_tired = False

        def exclude_stream(self, name):
            return self.is_tired

    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, kind=Fickle)
        async with crawling(one):
            await walk(market, "cop.json", 5)
            one.is_tired = True
            await wait(market, 700)
            assert [] == list(one.game.horizons.played)
            standing = market.book.standing("cop.json", 70, now_ms=market.now_ms())
            assert [key("publisher").hex()] == [said.word.owner for said in standing]
            assert 0 == len(one.game.streams.by_name["cop.json"].lags)

    play(scenario)


def test_a_derived_stream_is_answered_at_every_twentieth_value() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        async with crawling(one):
            await walk(market, "cop.json", 60, every=80, with_percentiles=True)
        names = [name for _, name, _, _ in one.calls]
        assert 58 == names.count("cop.json")
        assert 3 == names.count("z1~cop~70.json")

    play(scenario)


def test_the_hooks_are_told_what_happens() -> None:
    class Told(Sampling):
        def __init__(self, *given, **named) -> None:
            super().__init__(*given, **named)
            self.heard: list[str] = []

        def on_start(self):
            self.heard.append("start")

        def on_value(self, name, value):
            self.heard.append(f"value {name}")

        def on_submitted(self, forecasts):
            self.heard += [f"submitted {name} {delay} {len(row)}" for (name, delay), row in forecasts.items()]

        def on_settled(self, name, delay, amount_micros):
            self.heard.append(f"settled {name} {delay}")

        def on_retired(self, name, delay):
            self.heard.append(f"retired {name} {delay}")

        def downtime(self):
            self.heard.append("downtime")

    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, kind=Told)
        async with crawling(one):
            await wait(market, 2)
            await walk(market, "cop.json", 5)
            await wait(market, 40)
            market.apply(market.book.delete("cop.json", key("publisher"), now_ms=market.now_ms()))
            await wait(market, 700)
        assert "start" == one.heard[0]
        assert {
            "value cop.json", "submitted cop.json 70 225", "settled cop.json 70", "retired cop.json 70", "downtime"
        } <= set(one.heard)  # fmt: skip
        assert (5, 3, 1) == tuple(
            one.heard.count(told) for told in ("value cop.json", "submitted cop.json 70 225", "settled cop.json 70")
        )

    play(scenario)


def test_a_crawl_ends_when_its_time_is_over_and_withdraws_if_it_is_to() -> None:
    async def scenario(market: StreamMarket) -> None:
        for stays in (True, False):
            one = crawler(market, f"stays {stays}")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(one.crawl(for_ms=400_000, withdraw_at_end=not stays))
                await walk(market, "cop.json", 6)
                await wait(market, 60)
            standing = {said.word.owner for said in market.book.standing("cop.json", 70, now_ms=market.now_ms())}
            assert stays == (one.owner.hex() in standing)

    play(scenario)


def test_a_settlement_of_a_handed_over_key_counts_for_its_first_key() -> None:
    class Wide(Sampling):
        width = 30.0

    async def scenario(market: StreamMarket) -> None:
        one = crawler(market)
        successor = crawler(market, "successor", Wide)
        successor.owner = one.owner
        async with crawling(one, successor):
            await walk(market, "cop.json", 8)
        assert one.game.earned_micros == successor.game.earned_micros > 0
        assert market.book.tallies.balance(successor.writer.hotkey.hex()) < 0

    play(scenario)


def test_a_key_whose_name_is_too_short_is_told_so_before_anything_is_sampled() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = Sampling(MarketWriter(market, "nameless", letters=0), QUICK, log=quiet_log())
        with pytest.raises(NodeFault, match=r"takes a name of 6 letters.*augury keys mine"):
            await one.crawl()
        assert [] == one.calls

    play(scenario)


def test_run_says_in_one_sentence_why_nothing_can_be_asked(capsys) -> None:
    class Refusing(StreamWriter):
        async def submit(self, forecasts):
            raise WrongRecipient("addressed to somebody else")

    refusing = Refusing(ListedValidator(key("validator"), "127.0.0.1:1"), signing_key("lost"))
    assert FAULT == Sampling(refusing, QUICK, log=quiet_log()).run()
    told = "augury: the validator answers nothing (wrong-recipient): addressed to somebody else"
    assert told == capsys.readouterr().err.strip()


def test_what_hangs_in_the_thread_ends_the_crawl_with_its_name() -> None:
    release = Event()

    class Hanging(CrawlerHooks):
        def downtime(self) -> None:
            release.wait(20)

    thread = ThreadPoolExecutor(max_workers=1)
    forecasting = Forecasting(Hanging(CrawlSettings(sample_limit_s=0.02)), None, None, None, thread)
    try:
        with pytest.raises(NodeFault, match="downtime did not return"):
            asyncio.run(forecasting.idle())
    finally:
        release.set()
        thread.shutdown()


def test_the_default_sample_is_the_default_sampler() -> None:
    hooks = CrawlerHooks(QUICK)
    drawn = hooks.sample(np.array([3.0, 2.0, 1.0]), np.array([180.0, 120.0, 60.0]), "cop.json", 70)
    assert (225,) == drawn.shape
    assert np.isfinite(drawn).all()
