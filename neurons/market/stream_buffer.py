"""What a stream has shown of one market, and from where on nothing is missing in it. Pure.

A stream pushes a candle whole, again and again while it runs. Its last push is its final state only when the same
connection went on to push the next candle: had it broken off between, the last push might not have come. So a candle
counts as final here by that witness alone; where there is none, REST decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from neurons.ports import Candle

KEPT_STEPS: Final = 30
"""Candles held at most: more than a close waits for. Whoever looks further back looks for corrections, which nobody
pushes: REST must answer."""


class StreamBuffer:
    """Final candles without a hole from `covered_from_ms` up to the one that runs now."""

    def __init__(self, step_ms: int, *, kept_steps: int = KEPT_STEPS) -> None:
        self._step_ms, self._kept_steps = step_ms, kept_steps
        self._final: dict[int, Candle] = {}
        self._running: Candle | None = None
        self._from_ms: int | None = None

    @property
    def covered_from_ms(self) -> int | None:
        """Every candle that opens at or after this is known; None before the first push."""
        return self._from_ms

    @property
    def newest_end_ms(self) -> int:
        """End of the newest final candle; 0 before the first."""
        return max(self._final) + self._step_ms if self._final else 0

    def __len__(self) -> int:
        return len(self._final)

    def lose_connection(self) -> None:
        """What ran may have gone on unseen."""
        self._running = None

    def push(self, candle: Candle) -> None:
        """Takes one pushed candle. After a jump, or a push that changes what was final, everything before is let go."""
        at = candle.open_time_ms
        running = self._running
        next_ms = running.open_time_ms if running is not None else self.newest_end_ms
        if at < next_ms:
            known = self._final.get(at)
            if known is not None and not same_prices(known, candle):
                self.forget()
            return
        if running is not None and at == next_ms + self._step_ms:
            self._final[running.open_time_ms] = running
        elif at != next_ms:
            self._final, self._from_ms = {}, at
        self._running = candle
        self._let_go_oldest()

    def join(self, candles: Sequence[Candle], *, since_ms: int) -> int | None:
        """Takes what REST gave from `since_ms` on, without a hole, where it reaches what is held.

        Returns on how many final candles both agree; None when they contradict, and then nothing is held any more.
        """
        if self._from_ms is None or not candles:
            return 0
        last_ms = candles[-1].open_time_ms
        given = {int(candle.open_time_ms): candle for candle in candles}
        both = [at for at in self._final if since_ms <= at <= last_ms]
        if any(at not in given or not same_prices(given[at], self._final[at]) for at in both):
            self.forget()
            return None
        next_ms = self._running.open_time_ms if self._running is not None else self.newest_end_ms
        unseen = {at for at in given if self._from_ms <= at < next_ms and at not in self._final}
        if unseen:
            self.forget()
            return None
        if since_ms < self._from_ms <= last_ms + self._step_ms:
            self._final |= {at: candle for at, candle in given.items() if at < self._from_ms}
            self._from_ms = since_ms
            self._let_go_oldest()
        return len(both)

    def first(self, *, since_ms: int, limit: int) -> tuple[Candle, ...] | None:
        """The first final candles from `since_ms` on; None where some of them may not be known."""
        if self._from_ms is None or since_ms < self._from_ms:
            return None
        return tuple(self._final[at] for at in sorted(at for at in self._final if at >= since_ms)[:limit])

    def forget(self) -> None:
        """Begins anew with the next push."""
        self._final, self._running, self._from_ms = {}, None, None

    def _let_go_oldest(self) -> None:
        for at in sorted(self._final)[: max(0, len(self._final) - self._kept_steps)]:
            del self._final[at]
            self._from_ms = at + self._step_ms


def same_prices(one: Candle, other: Candle) -> bool:
    """Whether two candles of one instant tell the same four prices; streams may round volumes differently."""
    return (one.open_e8, one.high_e8, one.low_e8, one.close_e8) == (
        other.open_e8,
        other.high_e8,
        other.low_e8,
        other.close_e8,
    )
