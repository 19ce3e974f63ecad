"""What a crawler is told once: which horizons it may play, how many, how much it may lose, when it speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocol.errors import InvalidSetting
from protocol.params import MAIN
from protocol.rules.stream_names import check_delay
from protocol.rules.stream_standings import Category, category_of
from protocol.units import DAY_MS, HOUR_MS, MICRO, MINUTE_MS, SECOND_MS, Hotkey

CONTEST_DELAYS: Final = MAIN.streams.delays[-1:]
"""The horizons that count on sponsors' boards, as in `stream_standings.boards_of`."""


@dataclass(frozen=True, slots=True)
class Prize:
    """What somebody promises to the best of a sponsor's board; the network knows of boards and not of prizes.

    amount: in whatever is promised, beside budgets in points.  sponsor: None for the board of everybody's streams.
    """

    amount: float
    category: Category = Category.ALL
    sponsor: Hotkey | None = None

    def counts(self, name: str, owner: Hotkey, delay: int) -> bool:
        """Whether this horizon of an owner's stream counts on the board."""
        is_meant = self.category in (Category.ALL, category_of(name)) and self.sponsor in (None, owner)
        return is_meant and delay in CONTEST_DELAYS


@dataclass(frozen=True, slots=True)
class CrawlSettings:
    """Every figure of a crawl. Times are ms of the network's clock, amounts micro-points."""

    delays: tuple[int, ...] = MAIN.streams.delays
    scenarios: int = MAIN.streams.num_predictions
    min_letters: int = MAIN.streams.submit_difficulty
    """Letters that the network asks of the name of who predicts."""
    most_horizons: int = 40
    """Horizons that are played at once."""
    min_lags: int = 25
    """A stream with fewer numbers is waited for."""
    min_budget_micros: int = 0
    max_budget_micros: int = 1_000 * MICRO
    min_sponsor_letters: int = 0
    """Letters that the name of a stream's owner must have."""
    stop_loss_micros: int = 10 * MICRO
    """A horizon on which so much was lost is given up."""
    first_rest_ms: int = 6 * HOUR_MS
    """After that it is tried again, twice as late each time ..."""
    longest_rest_ms: int = 14 * DAY_MS
    """... but never later than this."""
    earliest_ms: int = 200
    """So long after a value forecasts are made: what came at the same time is answered together."""
    latest_ms: int = 30 * SECOND_MS
    """And not later: who comes too late waits for the next value."""
    derived_every: int = 20
    """Of a derived stream, whose law hardly changes, every so many values."""
    downtime_every_ms: int = 30 * SECOND_MS
    """`downtime` is called so often at most."""
    refresh_ms: int = 10 * MINUTE_MS
    """How often streams, balance and performance are read again, whatever was pushed."""
    silence_ms: int = 5 * MINUTE_MS
    """No news for so long: the watch is opened again."""
    sample_limit_s: float = 60.0
    """What one call of `sample` or `downtime` may take, in seconds of the wall: the crawl ends with one that hangs."""
    most_at_once: int = 400
    """Forecasts of one wake; what is left is made in the next."""
    most_reads: int = 32
    """Questions about streams of one wake."""
    most_streams: int = 10_000
    """Streams that are known of; the others are passed over."""
    prizes: tuple[Prize, ...] = ()

    def __post_init__(self) -> None:
        """Raises InvalidSetting (ours), and InvalidRequest for a delay that nobody asks."""
        for delay in self.delays:
            check_delay(delay, MAIN.streams.delays)
        positive = (
            "scenarios", "most_horizons", "min_lags", "stop_loss_micros", "first_rest_ms", "latest_ms", "derived_every",
            "downtime_every_ms", "refresh_ms", "silence_ms", "sample_limit_s", "most_at_once", "most_reads",
            "most_streams",
        )  # fmt: skip
        for name in positive:
            if not getattr(self, name) > 0:
                raise InvalidSetting(f"{name} of a crawl is more than 0, was {getattr(self, name)}", setting=name)
        if not 0 <= self.earliest_ms < self.latest_ms:
            raise InvalidSetting("earliest_ms of a crawl lies below latest_ms", setting="earliest_ms")
        if self.longest_rest_ms < self.first_rest_ms:
            raise InvalidSetting("longest_rest_ms of a crawl is at least first_rest_ms", setting="longest_rest_ms")

    def prize(self, name: str, owner: Hotkey) -> float:
        """Everything that is promised for a stream of this name and owner."""
        found = (prize.amount for prize in self.prizes if any(prize.counts(name, owner, d) for d in self.delays))
        return sum(found, start=0.0)


DEFAULT_SETTINGS: Final = CrawlSettings()
