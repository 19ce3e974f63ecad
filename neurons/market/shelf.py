"""What a stand-in exchange shows at one instant: candles that have opened, the last one still running.

A candle that runs shows its opening price and no volume: what it will become is not known yet, and a stand-in
exchange must not tell.
"""

from __future__ import annotations

from neurons.market.candles import CandleArrays
from neurons.market.dialects.speech import Listing, ShownCandle
from neurons.market.faults import Faults, SpoiledSource, spoiled_page
from neurons.market.sources import CandleSource, first_candles, last_candles
from neurons.ports import Candle
from protocol.units import PriceE8


class SourceShelf:
    """The Shelf of a source at an instant, with a venue's faults. A value: it looks no clock up."""

    def __init__(self, source: CandleSource, listing: Listing, faults: Faults, *, at_ms: int) -> None:
        """at_ms: the true time. The venue's own clock and what of the market it shows follow from the faults."""
        self.listing = listing
        self.named = (
            Listing("ETH" if listing.base != "ETH" else "BTC", listing.quote) if faults.wrong_symbol else listing
        )
        self.step_ms = source.step_ms
        self.now_ms = at_ms + faults.clock_shift_ms
        self._faults = faults
        self._source = SpoiledSource(source, faults, at_ms=at_ms)
        self._shown_ms = min(self.now_ms, faults.frozen_at_ms or self.now_ms) - faults.rewind_ms
        self._known_ms = min(self._shown_ms, at_ms)

    def first(self, from_ms: int, to_ms: int, count: int) -> list[ShownCandle]:
        """As Shelf."""
        return self._shown(first_candles(self._source, from_ms, min(to_ms, self._shown_ms + 1), count))

    def last(self, to_ms: int, count: int) -> list[ShownCandle]:
        """As Shelf."""
        return self._shown(last_candles(self._source, min(to_ms, self._shown_ms + 1), count))

    def _shown(self, candles: CandleArrays) -> list[ShownCandle]:
        """The page as it is sent. Final is what has ended on the venue's clock; known what has ended in truth."""
        page = [self._as_known(candle) for candle in candles.candles()]
        return spoiled_page(page, self._faults)

    def _as_known(self, candle: Candle) -> ShownCandle:
        end_ms = candle.open_time_ms + self.step_ms
        is_final = end_ms <= self._shown_ms
        if end_ms <= self._known_ms:
            return ShownCandle(candle, is_final)
        flat = candle.open_e8 if candle.open_time_ms <= self._known_ms else self._latest_price(candle.open_e8)
        return ShownCandle(Candle(candle.open_time_ms, flat, flat, flat, flat, 0.0), is_final)

    def _latest_price(self, before_any: PriceE8) -> PriceE8:
        """What a venue whose clock is ahead still takes for the price: the latest opening there has been."""
        latest = last_candles(self._source, self._known_ms + 1, 1)
        return latest.candle(0).open_e8 if len(latest) else before_any
