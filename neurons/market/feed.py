"""Agreed closes of recorded or generated venues without a clock: for fast-forward, scenarios and replays.

The same settling as the live watcher's, told of each page at the instant a watcher would have had it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from neurons.market.rates import Rates
from neurons.market.settling import AgreedClose, SettleRules, Settling
from neurons.market.sources import CandleSource, first_candles
from neurons.ports import CandlePage
from protocol.rules.price_history import PriceHistory
from protocol.units import UnixMs

_PAGE: Final = 500


def agreed_closes(
    sources: Mapping[str, CandleSource],
    rules: SettleRules,
    *,
    from_ms: int,
    to_ms: int,
    history: PriceHistory,
    rates: Mapping[str, Rates] | None = None,
) -> Iterator[AgreedClose]:
    """The closes with from_ms <= close_at_ms <= to_ms, oldest first, each agreed or missing.

    sources: venue name -> its candles. history: what closes before from_ms taught. rates: see `Settling`. Reports count
    as received when their close is due. Raises ValueError when from_ms is off the grid, and VenueUnavailable when a
    source's candles are impossible.
    """
    settling = Settling(rules, list(sources), next_close_ms=from_ms, history=history, rates=rates)
    while settling.next_close_ms <= to_ms:
        since_ms = settling.since_ms
        until_ms = since_ms + _PAGE * rules.step_ms
        now_ms = UnixMs(until_ms + rules.step_ms + rules.settle_delay_ms)
        for name, source in sources.items():
            page = CandlePage(tuple(first_candles(source, since_ms, until_ms, _PAGE).candles()), "memory")
            settling.learn(name, page, since_ms=since_ms, limit=_PAGE, now_ms=now_ms)
        while settling.next_close_ms <= min(to_ms, until_ms):
            settled = settling.settle(now_ms, more_may_come=False)
            if settled is None:
                raise AssertionError(
                    f"the close at {settling.next_close_ms} was due before {now_ms} and is not settled"
                )
            due_ms = UnixMs(settled.close_at_ms + rules.settle_delay_ms)
            reports = tuple(replace(report, received_at_ms=due_ms) for report in settled.reports)
            yield replace(settled, reports=reports)
