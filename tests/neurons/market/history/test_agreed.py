"""Agreed candles: closes by the network's rule, the rest from the venues that counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np

from neurons.market.feed import agreed_closes
from neurons.market.history.agreed import agreed_candles
from neurons.market.history.request import instant_ms
from neurons.market.recorded import RecordedSource
from neurons.market.settling import SettleRules
from protocol.params import MAIN
from protocol.rules.price_history import PriceHistory
from tests.support.stand_ins import generated_venues

STEP_MS = 300_000
FROM_MS, UNTIL_MS = instant_ms("2023-01-30"), instant_ms("2023-02-01")


def venues():
    sources = generated_venues("a", "b", "c", "d")
    return {name: source.candles(FROM_MS, UNTIL_MS) for name, source in sources.items()}


def agree(candles):
    return asyncio.run(agreed_candles(candles, from_ms=FROM_MS, until_ms=UNTIL_MS, step_ms=STEP_MS))


def test_closes_are_those_of_the_networks_rule_and_a_missing_one_is_a_missing_candle():
    candles = venues()
    for name in ("a", "b", "c"):
        candles[name] = candles[name].take(candles[name].open_time_ms != FROM_MS + 100 * STEP_MS)
    sources = {name: RecordedSource(name, one, step_ms=STEP_MS) for name, one in candles.items()}
    rules, history = SettleRules.of(MAIN), PriceHistory(STEP_MS, MAIN.truth)
    closes = list(agreed_closes(sources, rules, from_ms=FROM_MS + STEP_MS, to_ms=UNTIL_MS, history=history))
    expected = {close.close_at_ms - STEP_MS: close.close_e8 for close in closes if close.close_e8 is not None}
    agreed = agree(candles)

    assert 576 == len(closes)
    assert FROM_MS + 100 * STEP_MS not in expected
    assert expected == dict(zip(agreed.open_time_ms.tolist(), agreed.close_e8.tolist(), strict=True))


def test_an_agreed_candle_is_a_candle_and_within_what_the_venues_saw():
    candles = venues()
    agreed = agree(candles)
    low, high = np.inf * np.ones(len(agreed)), np.zeros(len(agreed))
    for one in candles.values():
        at = np.isin(agreed.open_time_ms, one.open_time_ms)
        same = one.take(np.isin(one.open_time_ms, agreed.open_time_ms))
        low[at], high[at] = np.minimum(low[at], same.low_e8), np.maximum(high[at], same.high_e8)

    assert (agreed.low_e8 <= np.minimum(agreed.open_e8, agreed.close_e8)).all()
    assert (agreed.high_e8 >= np.maximum(agreed.open_e8, agreed.close_e8)).all()
    assert (low * 0.998 < agreed.low_e8).all()
    assert (agreed.high_e8 < high * 1.002).all()


def test_one_venue_that_invents_its_volume_or_its_high_moves_nothing_beyond_the_others():
    candles = venues()
    honest = agree(candles)
    prices = candles["a"].prices_e8.copy()
    prices[1] *= 3
    candles["a"] = replace(candles["a"], volume=candles["a"].volume * 1e6, prices_e8=prices)
    lied_to = agree(candles)

    np.testing.assert_array_equal(honest.close_e8, lied_to.close_e8)
    assert (lied_to.volume < 20 * honest.volume.max()).all()
    assert (lied_to.high_e8 <= honest.high_e8 * 1.01).all()
