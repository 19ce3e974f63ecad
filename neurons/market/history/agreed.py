"""The agreed candles of a dataset: a pure function of its venues' month files, by the network's own rule.

A close is the agreed close (rules.md 5). The rule says nothing of the rest of a candle: open, high and low keep the
shape they have at the venues that counted (the median of their ratio to the venue's own close), and volume is the
median of theirs, so that one venue's absence or invention moves neither. A close that is missing is a missing candle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from neurons.market.candles import CandleArrays
from neurons.market.feed import agreed_closes
from neurons.market.history.blocks import AGREED, Block, Origin, write_block
from neurons.market.history.months import months_between
from neurons.market.recorded import RecordedSource
from neurons.market.settling import AgreedClose, SettleRules
from neurons.ports import Candle
from protocol.params import MAIN
from protocol.rules.exact import round_div
from protocol.rules.price_history import PriceHistory, median
from protocol.rules.prices import Verdict
from protocol.units import PriceE8, UnixMs

_TOLD_EVERY: Final = 2_000


async def agree_dataset(
    dataset: Path,
    series: str,
    venues: Mapping[str, Block],
    *,
    changed_ms: int = 0,
    tell: Callable[[int, int], None] = lambda _, __: None,
) -> None:
    """Writes the agreed candles of [first, last) instant that any venue covers.

    changed_ms: the start of a month before which the venues' months are those that the agreed ones on disk came from.
    tell: closes done, of how many.
    """
    step_ms = next(iter(venues.values())).origin.step_ms
    from_ms = min(block.from_ms for block in venues.values())
    until_ms = max(block.until_ms for block in venues.values())
    begin_ms = max(from_ms, changed_ms)
    traded = {name: block.candles for name, block in venues.items()}
    candles = await agreed_candles(
        traded,
        from_ms=max(from_ms, _warm_up_ms(traded, begin_ms, step_ms)),
        until_ms=until_ms,
        step_ms=step_ms,
        tell=tell,
    )
    origin = Origin(AGREED, "", AGREED, series, step_ms)
    for month in months_between(begin_ms, until_ms):
        first_ms, last_ms = max(begin_ms, month.start_ms), min(until_ms, month.end_ms)
        block = Block.empty(origin, first_ms).extended(candles.window(first_ms, last_ms), last_ms)
        write_block(dataset, block)


def _warm_up_ms(venues: Mapping[str, CandleArrays], begin_ms: int, step_ms: int) -> int:
    """From where the rule must be run so that from begin_ms on it knows all that a run from the start would know.

    That is one window of reports, and of each venue the candle before it, which the next one is compared with.
    """
    window_ms = begin_ms - (MAIN.truth.basis_window_steps + 1) * step_ms
    before = [candles.open_time_ms[candles.open_time_ms < window_ms] for candles in venues.values()]
    return min([window_ms, *(int(times[-1]) for times in before if len(times))])


async def agreed_candles(
    venues: Mapping[str, CandleArrays],
    *,
    from_ms: int,
    until_ms: int,
    step_ms: int,
    tell: Callable[[int, int], None] = lambda _, __: None,
) -> CandleArrays:
    """The agreed candles that open in [from_ms, until_ms). The rule starts without a memory of earlier closes."""
    sources = {name: RecordedSource(name, candles, step_ms=step_ms) for name, candles in venues.items()}
    rules = replace(SettleRules.of(MAIN), step_ms=step_ms)
    history = PriceHistory(step_ms, MAIN.truth)
    closes = agreed_closes(sources, rules, from_ms=from_ms + step_ms, to_ms=until_ms, history=history)
    times, prices, volumes = [], [], []
    total = (until_ms - from_ms) // step_ms
    for done, close in enumerate(closes, 1):
        if done % _TOLD_EVERY == 0 or done == total:
            tell(done, total)
            await asyncio.sleep(0)  # so that a person can interrupt
        if close.close_e8 is None:
            continue
        candle = _candle(close, close.close_e8, step_ms)
        times.append(candle.open_time_ms)
        prices.append((candle.open_e8, candle.high_e8, candle.low_e8, candle.close_e8))
        volumes.append(candle.volume)
    return CandleArrays(
        np.array(times, np.int64), np.array(prices, np.int64).reshape(-1, 4).T, np.array(volumes, np.float64)
    )


def _candle(close: AgreedClose, agreed_e8: PriceE8, step_ms: int) -> Candle:
    """One agreed candle around its agreed close."""
    shapes, volumes = [], []
    for verdict in close.agreement.verdicts:
        if verdict.verdict is Verdict.COUNTED:
            own = close.seen[verdict.venue].candle
            shapes.append(
                [round_div(price * agreed_e8, own.close_e8) for price in (own.open_e8, own.high_e8, own.low_e8)]
            )
            volumes.append(own.volume)
    opened, high, low = (median(sorted(column)) for column in zip(*shapes, strict=True))
    half, odd = divmod(len(volumes), 2)
    ordered = sorted(volumes)
    volume = ordered[half] if odd else (ordered[half - 1] + ordered[half]) / 2
    return Candle(
        UnixMs(close.close_at_ms - step_ms),
        PriceE8(opened),
        PriceE8(max(high, opened, agreed_e8)),
        PriceE8(min(low, opened, agreed_e8)),
        agreed_e8,
        volume,
    )
