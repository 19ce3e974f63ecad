"""Crawlers that keep a state of each stream, which learns every value once: for laws that are too dear to fit anew."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mining_objects.laws import evenly_spaced
from mining_objects.running_laws import RecentQuantiles, RunningLaw, walk_sample
from mining_objects.series_kinds import SeriesKind, kind_of, steps_ahead
from neurons.client.crawler.crawler import Crawler

StateT = TypeVar("StateT")
Floats = NDArray[np.float64]


class OnlineCrawler(Crawler, ABC, Generic[StateT]):
    """Learns the values of each stream in their order, each once, and samples from what it has learnt.

    Its methods run in the thread of `sample`. A state begins with the lags that there are when a stream is taken up
    (1,000 at most) and ends when it is played no longer.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._learnt: dict[str, tuple[StateT, float]] = {}

    @abstractmethod
    def initial_state(self, name: str) -> StateT:
        """Of a stream that has told nothing yet."""

    @abstractmethod
    def update_state(self, state: StateT, value: float, at_s: float, name: str) -> StateT:
        """The state after the next value, which came at this epoch second; it may be the same object."""

    @abstractmethod
    def sample_from_state(self, state: StateT, lagged_values: Floats, lagged_times: Floats, delay: int) -> ArrayLike:
        """As `sample`, from a state that has learnt all of these lags."""

    def sample(self, lagged_values: Floats, lagged_times: Floats, name: str, delay: int) -> ArrayLike | None:
        state, until_s = self._learnt.get(name) or (self.initial_state(name), -np.inf)
        new = np.flatnonzero(lagged_times > until_s)[::-1]
        for at_s, value in zip(lagged_times[new].tolist(), lagged_values[new].tolist(), strict=True):
            state = self.update_state(state, value, at_s, name)
            until_s = at_s
        self._learnt[name] = state, until_s
        return self.sample_from_state(state, lagged_values, lagged_times, delay)

    def on_retired(self, name: str, delay: int) -> None:
        self._learnt.pop(name, None)


@dataclass
class ValuesAndMoves:
    """A law of a stream's values and a law of its moves from one to the next."""

    values: RunningLaw
    moves: RunningLaw
    newest: float | None = field(default=None)


class SequentialCrawler(OnlineCrawler[ValuesAndMoves]):
    """Of a series that wanders the newest value and drawn moves, as many as steps lie ahead; else quantiles of values.

    Override `law` for another law than that of the newest 1,000. Source: microprediction `SequentialStreamCrawler`.
    """

    def law(self, name: str) -> RunningLaw:
        """A law that has learnt nothing yet; see mining_objects/running_laws.py."""
        return RecentQuantiles()

    def initial_state(self, name: str) -> ValuesAndMoves:
        return ValuesAndMoves(self.law(name), self.law(name))

    def update_state(self, state: ValuesAndMoves, value: float, at_s: float, name: str) -> ValuesAndMoves:
        state.values.update(value)
        if state.newest is not None:
            state.moves.update(value - state.newest)
        state.newest = value
        return state

    def sample_from_state(
        self, state: ValuesAndMoves, lagged_values: Floats, lagged_times: Floats, delay: int
    ) -> ArrayLike:
        scenarios = self.settings.scenarios
        if len(lagged_values) > 1 and kind_of(lagged_values) is SeriesKind.PROCESS:
            steps = steps_ahead(lagged_times, delay)
            return walk_sample(state.moves, float(lagged_values[0]), steps, self.chance, num=scenarios)
        return state.values.quantile(evenly_spaced(scenarios))
