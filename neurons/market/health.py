"""How a venue is doing, in counters and gauges that telemetry reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from neurons.market.problems import VenueProblem


@dataclass(slots=True)
class VenueHealth:
    """One venue since the watcher began."""

    name: str
    polls: int = 0
    candles: int = 0
    """New candles seen."""
    revised: int = 0
    """Candles whose numbers changed before their close was settled."""
    copied: int = 0
    """Candles that repeat the one before to the last digit, or hold no trade: never taken as a close."""
    refused: int = 0
    """Closes that were reported and not counted: outliers, repeated ones, contradictory ones."""
    problems: Counter[VenueProblem] = field(default_factory=Counter)
    last_answer_ms: int | None = None
    newest_close_ms: int | None = None
    """End of the newest candle the venue has shown to be final."""
    last_problem: str = ""

    def age_ms(self, now_ms: int) -> int | None:
        """How old the venue's newest final close is; None before the first."""
        return None if self.newest_close_ms is None else now_ms - self.newest_close_ms
