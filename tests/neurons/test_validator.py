"""The validator command's own parts: what it reads back about venues before it goes on agreeing closes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from neurons.market.evidence import history_of, no_history, row_of
from neurons.market.feed import agreed_closes
from neurons.market.generated import GeneratedMarket, MarketShape
from neurons.market.settling import SettleRules
from neurons.records import Change
from neurons.store.memory import MemoryStore
from neurons.validator import earlier_closes
from protocol.params import MAIN
from protocol.units import UnixMs
from tests.support.virtual_time import START_MS

PARAMS = replace(MAIN, truth=replace(MAIN.truth, basis_window_steps=24), time=replace(MAIN.time, min_history_steps=300))


def test_a_validator_goes_on_with_what_it_knew_of_venues_however_long_it_was_away():
    """It reads back from its newest close, not from now: after a day away too little would be left."""

    async def check() -> None:
        sources = {source.label: source for source in GeneratedMarket(MarketShape(seed=3)).sources()}
        rules, end = SettleRules.of(PARAMS), START_MS + 1_200 * PARAMS.time.step_ms
        closes = agreed_closes(sources, rules, from_ms=START_MS, to_ms=end, history=no_history(PARAMS))
        rows = [row_of(close, series="BTC-USD", agreed_at_ms=UnixMs(close.close_at_ms)) for close in closes]
        store = MemoryStore()
        await store.apply(Change(closes=tuple(rows)))
        read = await earlier_closes(store, "BTC-USD", end, PARAMS)
        assert 2 * PARAMS.truth.basis_window_steps <= len(read) < len(rows)
        assert history_of(rows, PARAMS) == history_of(read, PARAMS)
        assert () == await earlier_closes(store, "BTC-USD", None, PARAMS)

    asyncio.run(check())
