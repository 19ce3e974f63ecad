"""Crawlers on a whole validator in virtual time: signed questions, pushed news, batches; through a restart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurons.client.crawler import Crawler, CrawlSettings
from protocol.units import MICRO
from tests.support.crawling import QUICK as QUICK_CRAWL
from tests.support.crawling import Sampling, quiet_log
from tests.support.sample_database import QUICK
from tests.support.stream_writers import stream_writer
from tests.support.world import World, run_world

PARAMS = replace(QUICK, streams=replace(QUICK.streams, letters_given=7))


class Off(Sampling):
    """Always three deviations too high."""

    shift = 3.0


def crawler(world: World, name: str, kind: type[Crawler], settings: CrawlSettings = QUICK_CRAWL) -> Crawler:
    chance = np.random.default_rng(0)
    return kind(stream_writer(world, name), settings, chance=chance, log=quiet_log())


def test_crawlers_find_a_stream_answer_it_and_are_paid_through_a_restart_of_the_validator() -> None:
    async def scenario(world: World) -> None:
        publisher = stream_writer(world, "publisher")
        right, default, off = (crawler(world, kind.__name__, kind) for kind in (Sampling, Crawler, Off))
        for one in (right, default, off):
            world.run_beside(one.writer.hotkey.hex(), one.crawl())
        for turn, value in enumerate(np.random.default_rng(1).standard_normal(40).cumsum().tolist()):
            if turn == 20:
                await world.stop_validator()
                await world.until(world.clock.now_ms() + 20_000)
                await world.start_validator()
                await world.until(world.clock.now_ms() + 400_000)
            await publisher.publish("cop.json", value)
            await world.until(world.clock.now_ms() + 60_000)
        for one in (right, default, off):
            assert 1 == one.counts["watch_broken"]
            assert 35 < one.counts["forecasts_submitted"] <= 38 or one is off
            told = (await one.writer.balance()).balance_micros
            [line] = await one.writer.performance()
            assert ("70::cop.json", told) == (line.horizon, line.amount_micros)
            assert told == one.game.horizons.of("cop.json", 70).earned_micros == one.game.earned_micros
        assert right.game.earned_micros > 3 * MICRO
        assert default.game.earned_micros > 0
        assert off.game.earned_micros < -10 * MICRO
        assert 1 == off.counts["horizon_given_up"]
        assert await publisher.lagged_values("cop.json") == right.calls[-1][3]

    run_world(scenario, params=PARAMS)
