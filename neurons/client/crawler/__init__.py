"""Competing on open streams: `Crawler`, to be subclassed, and the parts it is made of."""

from __future__ import annotations

from neurons.client.crawler.crawler import Crawler
from neurons.client.crawler.hooks import CrawlerHooks, Sponsor
from neurons.client.crawler.horizons import Horizon
from neurons.client.crawler.online import OnlineCrawler, SequentialCrawler
from neurons.client.crawler.settings import CrawlSettings, Prize
from neurons.client.crawler.streams import KnownStream

__all__ = [
    "CrawlSettings",
    "Crawler",
    "CrawlerHooks",
    "Horizon",
    "KnownStream",
    "OnlineCrawler",
    "Prize",
    "SequentialCrawler",
    "Sponsor",
]
