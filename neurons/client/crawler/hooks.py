"""Everything a crawler decides, as methods to override: each has its default here, and none does anything.

Only `sample` and `downtime` may take their time: they run in a thread of their own, one call after another. The others
are asked on the event loop, between two news, and answer at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mining_objects.samplers import default_sampler
from neurons.client.crawler.horizons import Horizon
from neurons.client.crawler.settings import CrawlSettings
from neurons.client.crawler.streams import KnownStream
from protocol.messages import RefusedPart
from protocol.rules.stream_names import is_derived_name
from protocol.units import MICRO, Hotkey, Micros


@dataclass(frozen=True, slots=True)
class Sponsor:
    """Who publishes a stream. name: as boards show it, such as "Shammy Llama"; empty without one.  letters: its."""

    hotkey: Hotkey
    name: str
    letters: int


class CrawlerHooks:
    """A crawler's decisions and what it is told of. `settings` stand as they were given."""

    def __init__(self, settings: CrawlSettings) -> None:
        self.settings = settings

    # What it says

    def sample(
        self, lagged_values: NDArray[np.float64], lagged_times: NDArray[np.float64], name: str, delay: int
    ) -> ArrayLike | None:
        """`settings.scenarios` numbers, in any order, for the first value that comes `delay` seconds from now or later.

        lagged_values, lagged_times: shape (n,), newest first, read-only; times in epoch seconds.
        None passes this value over: what was said before stands. What is raised here, or is no such answer, is logged
        and counted, costs this horizon this value, and is tried again at the next.
        """
        return default_sampler(lagged_values, lagged_times, delay, num=self.settings.scenarios)

    def downtime(self) -> None:
        """Called when nothing is to be forecast, between two values, in the thread of `sample`: to fit, to tidy.

        A value that comes meanwhile waits for it.
        """

    # Where it plays

    def include_stream(self, name: str) -> bool:
        return True

    def exclude_stream(self, name: str) -> bool:
        return False

    def include_sponsor(self, sponsor: Sponsor) -> bool:
        """Whether streams of this owner are played, by its hotkey or its memorable name."""
        return True

    def exclude_sponsor(self, sponsor: Sponsor) -> bool:
        return False

    def include_delay(self, name: str, delay: int) -> bool:
        return True

    def exclude_delay(self, name: str, delay: int) -> bool:
        return False

    def stream_importance(self, stream: KnownStream, prize: float) -> float:
        """The most important streams are played first; equal ones in an order drawn by chance.

        prize: what `settings.prizes` promise for it. By default that and the budget in points, which every settlement
        is multiplied by; of two alike the one that somebody published.
        """
        return prize + stream.budget_micros / MICRO - 0.1 * stream.is_derived

    # When it speaks

    def update_every(self, name: str, delay: int) -> int:
        """After how many values of a stream its forecast is made anew."""
        return self.settings.derived_every if is_derived_name(name) else 1

    def submission_window_ms(self, name: str, delay: int) -> tuple[int, int]:
        """The earliest and the latest time after a value at which a forecast from it is worth making, in ms."""
        return self.settings.earliest_ms, self.settings.latest_ms

    def give_up(self, name: str, delay: int, record: Horizon) -> bool:
        """Whether a horizon that is played is withdrawn from, asked after each of its settlements.

        By default when it earned less than its floor.
        record: also how often it was given up before, and how long ago it was spoken for.
        """
        return record.earned_micros < record.floor_micros

    # What it is told

    def on_start(self) -> None:
        """The validator was asked for everything; nothing is played yet."""

    def on_value(self, name: str, value: float) -> None:
        """A stream took a number and we were told, whether it is played or not."""

    def on_submitted(self, forecasts: Mapping[tuple[str, int], NDArray[np.float64]]) -> None:
        """The validator took these scenarios."""

    def on_refused(self, part: RefusedPart) -> None:
        """The validator did not take those of one horizon."""

    def on_settled(self, name: str, delay: int, amount_micros: Micros) -> None:
        """A value met our scenarios, and our balance moved by this."""

    def on_given_up(self, record: Horizon) -> None:
        """A horizon is withdrawn from because of what was lost there."""

    def on_retired(self, name: str, delay: int) -> None:
        """A horizon is played no longer because its stream ended or is not wanted any more."""
