"""When a candle is final, and whether a venue's clock can be believed about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from neurons.market.problems import VenueProblem, unavailable
from neurons.ports import Candle, Clock
from protocol.units import MINUTE_MS, SECOND_MS, UnixMs

SETTLE_DELAY_MS: Final = 30 * SECOND_MS
"""How long after its end a candle without a later one is still waited for: exchanges correct their last one so long."""
MOST_SKEW_MS: Final = 5 * MINUTE_MS
"""How far a venue's clock may be from ours."""


def final_candles(
    candles: Sequence[Candle], *, venue_now_ms: int, step_ms: int, settle_delay_ms: int
) -> tuple[Candle, ...]:
    """Those of the candles (oldest first) that their venue will add nothing to.

    A candle is final when its end has passed on the venue's clock and a later candle bears witness or, where there
    was no later trade to make one, the settle delay has passed since its end.
    """
    if not candles:
        return ()
    newest_ms = candles[-1].open_time_ms
    final = []
    for candle in candles:
        end_ms = candle.open_time_ms + step_ms
        witnessed = candle.open_time_ms < newest_ms or end_ms + settle_delay_ms <= venue_now_ms
        if end_ms <= venue_now_ms and witnessed:
            final.append(candle)
    return tuple(final)


def believed_clock(venue: str, venue_now_ms: UnixMs | None, clock: Clock | None, *, latency_s: float) -> UnixMs:
    """The venue's clock, when there is one and it is near ours (where we were given one).

    latency_s: wall time that the reply may have been on its way, which on a fast clock is a long time.
    Raises VenueUnavailable (WRONG_CLOCK): by a clock that is wrong a running candle may look finished.
    """
    if venue_now_ms is None:
        raise unavailable(venue, VenueProblem.WRONG_CLOCK, "its reply bears no Date, so nothing in it counts as final")
    if clock is not None:
        skew_ms = venue_now_ms - clock.now_ms()
        if abs(skew_ms) > MOST_SKEW_MS and clock.wall_seconds(abs(skew_ms)) > latency_s:
            told = f"its clock is {skew_ms:+} ms from ours, at most {MOST_SKEW_MS} are believed"
            raise unavailable(venue, VenueProblem.WRONG_CLOCK, told)
    return venue_now_ms
