"""Crawlers with a state: each value is learnt once and in order, whatever was missed, and what they learn pays."""

from __future__ import annotations

import numpy as np
import pytest

from mining_objects.running_laws import RunningNormal
from neurons.client.crawler import OnlineCrawler, SequentialCrawler
from protocol.units import MICRO
from tests.support.crawling import crawler, crawling, play, wait, walk
from tests.support.stream_market import StreamMarket
from tests.support.stream_play import key


class Remembering(OnlineCrawler):
    """Its state is everything that it was told."""

    def initial_state(self, name):
        return []

    def update_state(self, state, value, at_s, name):
        return [*state, (at_s, value)]

    def sample_from_state(self, state, lagged_values, lagged_times, delay):
        self.known = state
        return np.full(225, state[-1][1])


def test_every_value_is_learnt_once_in_its_order_also_those_that_were_missed() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, kind=Remembering, delays=(70, 310))
        async with crawling(one):
            await walk(market, "cop.json", 5)
            market.break_watches()
            await wait(market, 0.1)
            await walk(market, "cop.json", 3, seed=1)
            lags = market.book.lags("cop.json", now_ms=market.now_ms())
            assert [(lag.at_ms / 1_000, lag.value) for lag in reversed(lags)] == one.known
            market.apply(market.book.delete("cop.json", key("publisher"), now_ms=market.now_ms()))
            await wait(market, 700)
            assert {} == one._learnt

    play(scenario)


@pytest.mark.parametrize("law", [None, RunningNormal], ids=["the newest values", "a normal law"])
def test_a_law_that_learns_the_moves_of_a_walk_beats_the_benchmark(law) -> None:
    class Sequential(SequentialCrawler):
        def law(self, name):
            return super().law(name) if law is None else law()

    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, kind=Sequential, min_lags=30)
        async with crawling(one):
            await walk(market, "walk.json", 150)
        assert 0 == one.counts["sample_failed"]
        assert one.game.horizons.of("walk.json", 70).earned_micros > 3 * MICRO

    play(scenario)


def test_of_noise_the_values_themselves_are_sampled() -> None:
    async def scenario(market: StreamMarket) -> None:
        one = crawler(market, kind=SequentialCrawler)
        values = np.random.default_rng(5).standard_normal(500)
        times = 60.0 * np.arange(500)[::-1]
        drawn = np.asarray(one.sample(values, times, "noise.json", 3_555))
        assert (225,) == drawn.shape
        assert 0.1 > abs(np.median(drawn) - np.median(values))
        assert 0.2 > abs(drawn.std() - values.std())

    play(scenario)
