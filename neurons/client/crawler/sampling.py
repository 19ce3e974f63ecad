"""Calls of `sample`, one after another in a thread: what each gave, or how it failed. No call spoils another's."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurons.client.crawler.horizons import Key
from neurons.client.crawler.streams import Lagged
from protocol.rules.scenarios import sorted_scenarios

Sample = Callable[[NDArray[np.float64], NDArray[np.float64], str, int], ArrayLike | None]
"""(lagged values, lagged times, name, delay) -> scenarios, or None to pass this value over."""


@dataclass
class Sampling:
    """One wake's forecasts. until_s: of the monotonic clock; no call begins after it.

    forecasts: ascending scenarios.  failures: what `sample` raised, or why its answer is none.  passed: where it gave
    None.  under_way: the call that runs now.
    """

    until_s: float
    forecasts: dict[Key, NDArray[np.float64]] = field(default_factory=dict)
    failures: dict[Key, Exception] = field(default_factory=dict)
    passed: list[Key] = field(default_factory=list)
    under_way: Key | None = None

    def run(self, sample: Sample, wanted: Sequence[tuple[Key, Lagged]], *, scenarios: int) -> None:
        """Calls `sample` for each in turn; those whose turn does not come in time are left out."""
        for key, lagged in wanted:
            if time.monotonic() > self.until_s:
                break
            self.under_way = key
            try:
                drawn = sample(lagged.values, lagged.times, *key)
                if drawn is None:
                    self.passed.append(key)
                else:
                    self.forecasts[key] = sorted_scenarios(drawn, count=scenarios)
            except Exception as error:  # noqa: BLE001 - somebody's own code: whatever it is, it costs this horizon alone
                self.failures[key] = error
        self.under_way = None

    @property
    def done(self) -> set[Key]:
        """Every horizon whose turn came."""
        return {*self.forecasts, *self.failures, *self.passed}
