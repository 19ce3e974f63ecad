"""Learns the weights of a stack: asks its members at hours of a past period, and tries the averages of their laws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Forecaster
from mining_objects.models.stack import ANCHORS
from mining_objects.walk_forward import Asked

GROUPS: Final = ((1, 2, 3, 6, 9), (15, 24, 36), (54, 72, 90, 100))
"""The steps that decide the weights at each of the stack's anchors."""
QUANTILES: Final = 64
PARTS: Final = 20
"""Weights are tried in twentieths."""


@dataclass(frozen=True, slots=True)
class ToldLaws:
    """quantiles: (members, n, steps of all GROUPS, QUANTILES).  outcome: (n, steps), both over sigma * sqrt(k)."""

    quantiles: NDArray[np.float32]
    outcome: Floats


def ask_members(
    members: Sequence[Forecaster], asked: Asked, unit: Floats, *, watch: Callable[[Iterable[int]], Iterable[int]] = iter
) -> ToldLaws:
    """What the members say at these hours. unit: (n, steps), sigma * sqrt(k), in which every hour counts alike."""
    columns = np.array([k - 1 for group in GROUPS for k in group])
    window, steps = asked.window, asked.truth.shape[1]
    laws = np.empty((len(members), len(asked.rows), len(columns), QUANTILES), np.float32)
    for i in watch(range(len(asked.rows))):
        known = int(asked.rows[i]) + 1 - asked.lead
        for number, member in enumerate(members):
            past = window.rows(max(0, known - member.lookback), known)
            seed = int(asked.at_ms[i]) // window.step_ms
            (told,) = member.forecast([past], steps=steps, paths=QUANTILES, seed=seed, lead=asked.lead)
            laws[number, i] = (np.sort(told.paths[:, columns], axis=0) / unit[i, columns]).T
    outcome = asked.truth[:, columns] / unit[:, columns]
    good = ~np.isnan(outcome).any(axis=1)
    return ToldLaws(laws[:, good], outcome[good])


def learn_weights(told: Sequence[ToldLaws]) -> tuple[Floats, Floats]:
    """The weights with the lowest mean CRPS at each anchor, (anchors, members), and that CRPS, (anchors,)."""
    laws = np.concatenate([part.quantiles for part in told], axis=1)
    outcome = np.concatenate([part.outcome for part in told])
    best, losses, start = [], [], 0
    for group in GROUPS:
        columns = slice(start, start + len(group))
        start += len(group)
        tried = [(crps_of_average(laws[:, :, columns], outcome[:, columns], w), w) for w in simplex(len(laws))]
        loss, weights = min(tried, key=lambda pair: pair[0])
        best.append(weights)
        losses.append(loss)
    if len(best) != len(ANCHORS):
        raise ValueError(f"there are {len(GROUPS)} groups of steps for {len(ANCHORS)} anchors")
    return np.stack(best), np.array(losses)


def crps_of_average(laws: NDArray[np.float32], outcome: Floats, weights: Floats) -> float:
    """The mean CRPS of the laws' averaged quantiles. laws: (members, n, steps, q), rising along q."""
    average = np.tensordot(weights.astype(np.float32), laws, axes=1)
    q = average.shape[-1]
    distance = np.abs(average - outcome[..., None].astype(np.float32)).mean(axis=-1)
    spread = average @ (np.arange(1 - q, q, 2, dtype=np.float32) / q**2)
    return float(np.mean(distance - spread))


def simplex(members: int) -> Iterator[Floats]:
    """Every way to share 1 among the members in twentieths."""

    def shares(left: int, parts: int) -> Iterator[tuple[int, ...]]:
        if parts == 1:
            yield (left,)
            return
        for own in range(left + 1):
            for rest in shares(left - own, parts - 1):
                yield (own, *rest)

    for shared in shares(PARTS, members):
        yield np.array(shared) / PARTS
