"""The ways a venue misbehaves, on demand: for tests and for showing what the network does about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from neurons.market.candles import CLOSE, HIGH, LOW, CandleArrays, Int64s
from neurons.market.dialects.speech import ShownCandle
from neurons.market.sources import CandleSource
from protocol.errors import InvalidSetting
from protocol.units import UnixMs

_BP: Final = 10_000
_OTHER_MARKET_SCALE: Final = 16
"""How many times cheaper the market is whose candles a venue confuses with its own."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a venue now. All off is a healthy venue. Each is seen over HTTP and on streams alike."""

    hang: bool = False
    """Takes the request and never answers. A stream stays open and says nothing any more."""
    latency_ms: int = 0
    """Wall time before each answer and each message of a stream."""
    status: int = 0
    """Answers every request with this HTTP status and the exchange's body for it (0: none); streams are not opened."""
    retry_after_s: int = 0
    """Sent as Retry-After with such a status (0: not sent)."""
    reset: bool = False
    """Breaks the connection off under the request (TCP RST); open streams break at once."""
    disconnect: bool = False
    """Closes the connection in order, without an answer; open streams get a close frame."""
    malformed: bool = False
    """Breaks the JSON off half-way."""
    lie_bp: int = 0
    """Moves every price by this many basis points."""
    rewind_ms: int = 0
    """Shows the market as it was this long ago; the clock goes on as it should."""
    frozen_at_ms: int = 0
    """Shows the market as it was at this instant, again and again (0: not frozen); the clock goes on."""
    clock_shift_ms: int = 0
    """The venue's clock is ahead by this (behind: below zero): Date, server time, and what it takes for final."""
    repeat_last: bool = False
    """Sends the last candle twice, under the same time."""
    copy_last: bool = False
    """Gives the newest finished candle the numbers of the one before, as a stuck feed does."""
    wrong_symbol: bool = False
    """Answers with the candles of another market, and names that market where the format names one."""
    gap_from_ms: int = 0
    gap_to_ms: int = 0
    """Leaves out the candles that open in [gap_from_ms, gap_to_ms)."""
    revised_open_ms: int = 0
    revised_from_ms: int = 0
    revised_bp: int = 0
    """From the instant revised_from_ms on, the candle that opens at revised_open_ms closes this much off."""
    junk_field: str = ""
    """Replaces the closing price of the newest finished candle by this text ("NaN", "-1", "1e400")."""


def faults_from(values: Mapping[str, object]) -> Faults:
    """Faults by name, from a decoded JSON object. Raises InvalidSetting for a name or type there is not."""
    defaults = Faults()
    known = {field.name: type(getattr(defaults, field.name)) for field in fields(Faults)}
    for name, value in values.items():
        if name not in known or type(value) is not known[name]:
            kinds = ", ".join(f"{key} ({kind.__name__})" for key, kind in known.items())
            raise InvalidSetting(f"no fault {name}={value!r}; there are: {kinds}", setting=name)
    status = values.get("status", 0)
    if status and not (isinstance(status, int) and 300 <= status <= 599):
        raise InvalidSetting(f"an HTTP status of trouble lies in 300..599, this one is {status}", setting="status")
    return replace(defaults, **values)  # type: ignore[arg-type]  # names and types were just checked


class SpoiledSource:
    """A CandleSource with the faults that belong to candles: gaps, lies, revisions, another market's prices."""

    def __init__(self, source: CandleSource, faults: Faults, *, at_ms: int) -> None:
        """at_ms: the true time, which decides whether a revision has happened yet."""
        self._source, self._faults, self._at_ms = source, faults, at_ms

    @property
    def label(self) -> str:
        return self._source.label

    @property
    def step_ms(self) -> int:
        return self._source.step_ms

    @property
    def first_ms(self) -> UnixMs:
        return self._source.first_ms

    def candles(self, from_ms: int, to_ms: int) -> CandleArrays:
        """As CandleSource."""
        faults, arrays = self._faults, self._source.candles(from_ms, to_ms)
        if faults.gap_to_ms > faults.gap_from_ms:
            opens = arrays.open_time_ms
            arrays = arrays.take((opens < faults.gap_from_ms) | (opens >= faults.gap_to_ms))
        if faults.wrong_symbol:
            arrays = replace(arrays, prices_e8=np.maximum(1, arrays.prices_e8 // _OTHER_MARKET_SCALE))
        if faults.lie_bp:
            arrays = replace(arrays, prices_e8=_moved(arrays.prices_e8, faults.lie_bp))
        if faults.revised_bp and self._at_ms >= faults.revised_from_ms:
            arrays = _revised(arrays, faults)
        return arrays


def spoiled_page(page: list[ShownCandle], faults: Faults) -> list[ShownCandle]:
    """The candles of one answer, oldest first, with the faults that belong to an answer."""
    page = list(page)
    finished = [index for index, shown in enumerate(page) if shown.is_final]
    if finished:
        newest = finished[-1]
        if faults.copy_last and newest > 0:
            at = page[newest].candle.open_time_ms
            page[newest] = replace(page[newest], candle=replace(page[newest - 1].candle, open_time_ms=at))
        page[newest] = replace(page[newest], junk=faults.junk_field)
    if faults.repeat_last and page:
        page.append(page[-1])
    return page


def _moved(prices_e8: Int64s, by_bp: int) -> Int64s:
    moved: Int64s = prices_e8 + prices_e8 * by_bp // _BP
    return moved


def _revised(arrays: CandleArrays, faults: Faults) -> CandleArrays:
    """The candle of the revision with another close; its high and low still hold it."""
    prices = arrays.prices_e8.copy()
    which = arrays.open_time_ms == faults.revised_open_ms
    close = _moved(prices[CLOSE, which], faults.revised_bp)
    prices[CLOSE, which] = close
    prices[HIGH, which] = np.maximum(prices[HIGH, which], close)
    prices[LOW, which] = np.minimum(prices[LOW, which], close)
    return replace(arrays, prices_e8=prices)
