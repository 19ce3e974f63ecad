"""The example of docs/crawling.md: it forecasts, the page shows it as it is, and a wrong start is one sentence."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np

from neurons.client.crawler import CrawlSettings
from protocol.rules.scenarios import sorted_scenarios
from runnable.crawl_streams import Mine
from tests.support.crawling import crawler, play
from tests.support.sources import ROOT
from tests.support.stream_market import StreamMarket


def test_it_forecasts_any_stream_about_where_the_default_does() -> None:
    async def scenario(market: StreamMarket) -> None:
        mine = crawler(market, kind=Mine, settings=CrawlSettings())
        lags = np.random.default_rng(1).standard_normal(300).cumsum()
        times = 60.0 * np.arange(300)[::-1]
        scenarios = sorted_scenarios(mine.sample(lags, times, "cop.json", 310))
        assert 1.0 > abs(np.median(scenarios) - lags[0])
        assert mine.exclude_stream("z1~cop~70.json")
        assert not mine.exclude_stream("cop.json")

    play(scenario)


def test_the_page_shows_it_as_it_is() -> None:
    assert inspect.getsource(Mine) in (ROOT / "docs/crawling.md").read_text(encoding="utf-8")


def test_a_wrong_start_is_one_sentence(tmp_path) -> None:
    asked = [sys.executable, "runnable/crawl_streams.py", "--key-file", str(tmp_path / "none.json")]
    ended = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert 2 == ended.returncode
    assert 1 == len(ended.stderr.splitlines())
    assert "none.json" in ended.stderr
