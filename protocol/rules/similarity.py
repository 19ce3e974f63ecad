"""Soft sharing: answers that deviate from the baseline together are paid together (rules.md 4).

rho of two miners is the cosine of their deviations over their common rounds of the window, or 0 where negative.
It is not centred: the baseline, not the miner's own mean, is where an answer without knowledge stands, and two
keys that always lean the same way by the same amount are copies although their centred correlation is undefined.
The largest counts of: the same round, and either one against the other's reveals of `lags_steps` steps earlier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.params import SharingParams
from protocol.rules.deviations import DEVIATION_LIMIT, Deviations, seen_later
from protocol.units import HOUR_MS, NANO, Hotkey, Nano, UnixMs

Pairs = NDArray[np.float64]
"""A whole number for each ordered pair of places (i now, j earlier), shape (places, places)."""

GENERATIONS: Final = 4
_PLACES_AT_ONCE: Final = 32
_EXACT_IN_FLOAT64: Final = 2**53


@dataclass(frozen=True, slots=True)
class RoundDeviations:
    """All valid answers of one round of one challenge, as deviations; who was silent or invalid is absent."""

    anchor_at_ms: UnixMs
    answers: Mapping[Hotkey, Deviations]
    """Each of shape (steps, depth), the same for all."""


@dataclass(slots=True)
class _Sums:
    """Over pairs of rounds compared at one lag, for (i now, j earlier)."""

    dot: Pairs
    norm_now: Pairs
    """Squared length of i, over the rounds in which j was there too."""
    norm_earlier: Pairs
    rounds: Pairs

    def among(self, places: Sequence[int]) -> _Sums:
        where = np.ix_(places, places)
        return _Sums(self.dot[where], self.norm_now[where], self.norm_earlier[where], self.rounds[where])

    def add(self, other: _Sums) -> None:
        self.dot += other.dot
        self.norm_now += other.norm_now
        self.norm_earlier += other.norm_earlier
        self.rounds += other.rounds


class DeviationWindow:
    """The correlations of one challenge's recent rounds, kept as exact sums, so that a round costs milliseconds.

    Sums are kept by generation, a quarter of the window by anchor, and leave with their generation: the window
    reaches back between three quarters and the whole of `window_ms`, the same for every validator. Answers
    themselves are kept only as long as a lagged or late round may still be compared with them.

    Rounds may come in any order within `late_ms`: sums of whole numbers do not mind. They are kept in float64, for
    BLAS, which is exact here: a product of two deviations is below 2**30, so 2**23 of them stay below 2**53, where
    every partial sum in any order is a whole number that float64 holds. 14 days of points are 4,032 rounds of 100
    steps, 2**18.6 products; `add` refuses what would not fit.
    """

    def __init__(self, sharing: SharingParams, *, step_ms: int, late_ms: int = 2 * HOUR_MS) -> None:
        """late_ms: how much later than a newer one a round may resolve: `TimeParams.void_after_ms`."""
        self._sharing, self._step_ms = sharing, step_ms
        self._generation_ms = sharing.window_ms // GENERATIONS
        self._kept_ms = max(sharing.lags_steps) * step_ms + late_ms
        self._answers: dict[int, tuple[NDArray[np.intp], Deviations]] = {}
        self._anchors: dict[int, set[int]] = {}
        self._sums: dict[tuple[int, int], _Sums] = {}
        self._seen: dict[int, set[int]] = {}
        self._place_of: dict[Hotkey, int] = {}
        self._free: list[int] = []

    @property
    def anchors_at_ms(self) -> tuple[int, ...]:
        """Anchors of the rounds in the window, oldest first."""
        return tuple(sorted(anchor for anchors in self._anchors.values() for anchor in anchors))

    def add(self, deviations: RoundDeviations) -> None:
        """Takes a round in, and lets the generations go that the newest round leaves behind.

        A round of a generation already left behind changes nothing. Raises ValueError for a round that is in already,
        and when sums would no longer be exact (ours).
        """
        anchor = deviations.anchor_at_ms
        generation = anchor // self._generation_ms
        newest = max(generation, max(self._anchors, default=generation))
        if generation <= newest - GENERATIONS:
            return
        if anchor in self._anchors.setdefault(generation, set()):
            raise ValueError(f"the round anchored at {anchor} is in the window already")
        for old in [g for g in self._anchors if g <= newest - GENERATIONS]:
            self._let_go(old)
        self._anchors[generation].add(anchor)
        hotkeys = sorted(deviations.answers)
        if hotkeys:
            answers = np.stack([deviations.answers[hotkey] for hotkey in hotkeys])
            products = sum(map(len, self._anchors.values())) * answers[0].size
            if products * DEVIATION_LIMIT**2 >= _EXACT_IN_FLOAT64:
                raise ValueError(f"{products} products of deviations are too many to sum exactly")
            places = np.array([self._place(hotkey) for hotkey in hotkeys], dtype=np.intp)
            self._seen.setdefault(generation, set()).update(places.tolist())
            self._answers[anchor] = places, answers
            self._compare(anchor)
        latest = max(self._answers, default=anchor)
        self._answers = {at: kept for at, kept in self._answers.items() if at >= latest - self._kept_ms}

    def rho_nano(self, hotkeys: Sequence[Hotkey]) -> list[list[Nano]]:
        """rho of each pair, symmetric, 10**9 on the diagonal, rounded up so that no clone gains by rounding.

        Pairs with fewer than `min_common_rounds` rounds to compare have rho 0: answers given in different rounds
        are no copies, and a key's silent rounds cost it their gain. Two answers without any deviation have rho 1.
        """
        rho = [[Nano(NANO if i == j else 0) for j in range(len(hotkeys))] for i in range(len(hotkeys))]
        known = [i for i, hotkey in enumerate(hotkeys) if hotkey in self._place_of]
        places = [self._place_of[hotkeys[i]] for i in known]
        for lag in self._sharing.lags_steps:
            total = _no_sums(len(known))
            for (_, of_lag), sums in self._sums.items():
                if of_lag == lag:
                    total.add(sums.among(places))
            for a, b in np.argwhere((total.rounds >= self._sharing.min_common_rounds) & (total.dot >= 0)).tolist():
                i, j = known[a], known[b]
                if i != j:
                    one = _cosine_nano(total.dot[a, b], total.norm_now[a, b], total.norm_earlier[a, b])
                    rho[i][j] = rho[j][i] = max(rho[i][j], one)
        return rho

    def _place(self, hotkey: Hotkey) -> int:
        if hotkey not in self._place_of:
            if not self._free:
                self._grow()
            self._place_of[hotkey] = self._free.pop()
        return self._place_of[hotkey]

    def _grow(self) -> None:
        """More places, a few at a time; places that were let go are used again first."""
        was, more = len(self._place_of), _PLACES_AT_ONCE
        self._free = list(range(was + more - 1, was - 1, -1))
        for key, s in self._sums.items():
            wider = (np.pad(one, ((0, more), (0, more))) for one in (s.dot, s.norm_now, s.norm_earlier, s.rounds))
            self._sums[key] = _Sums(*wider)

    def _compare(self, anchor: int) -> None:
        """Adds every comparison that the round anchored here is part of."""
        places = len(self._place_of) + len(self._free)
        for lag, now, earlier in self._comparisons(anchor):
            (places_now, answers_now), (places_earlier, answers_earlier) = self._answers[now], self._answers[earlier]
            left, there_now = _as_rows(places, places_now, answers_now[:, : answers_now.shape[1] - lag])
            right, there_earlier = left, there_now
            if lag > 0:
                right, there_earlier = _as_rows(places, places_earlier, seen_later(answers_earlier, lag_steps=lag))
            key = now // self._generation_ms, lag
            if key not in self._sums:
                self._sums[key] = _no_sums(places)
            self._sums[key].add(
                _Sums(
                    dot=left @ right.T,
                    norm_now=np.outer(_squared_lengths(left), there_earlier),
                    norm_earlier=np.outer(there_now, _squared_lengths(right)),
                    rounds=np.outer(there_now, there_earlier),
                )
            )

    def _comparisons(self, anchor: int) -> Iterator[tuple[int, int, int]]:
        for lag in self._sharing.lags_steps:
            apart = lag * self._step_ms
            if lag == 0:
                yield 0, anchor, anchor
                continue
            if anchor - apart in self._answers:
                yield lag, anchor, anchor - apart
            if anchor + apart in self._answers:
                yield lag, anchor + apart, anchor

    def _let_go(self, generation: int) -> None:
        del self._anchors[generation]
        self._sums = {key: sums for key, sums in self._sums.items() if key[0] != generation}
        self._answers = {at: kept for at, kept in self._answers.items() if at // self._generation_ms != generation}
        gone = self._seen.pop(generation, set()).difference(*self._seen.values())
        if gone:
            self._place_of = {hotkey: place for hotkey, place in self._place_of.items() if place not in gone}
            self._free.extend(sorted(gone, reverse=True))


def window_begins_ms(newest_at_ms: UnixMs, sharing: SharingParams, *, step_ms: int) -> UnixMs:
    """From which anchor on answers can have a part in rho once the round anchored at `newest_at_ms` is in the window.

    The oldest generation kept, and before it what its first rounds are compared with at the longest lag.
    """
    generation_ms = sharing.window_ms // GENERATIONS
    oldest = newest_at_ms // generation_ms - GENERATIONS + 1
    return UnixMs(max(0, oldest * generation_ms - max(sharing.lags_steps) * step_ms))


def sharing_divisors(rho_nano: Sequence[Sequence[int]], skills_nano: Sequence[int]) -> list[Nano]:
    """What each miner's skill is divided by, in nano: sum over j of rho_ij * min(1, s_j / s_i), j = i included.

    A miner without proven skill has the divisor 1 (10**9): there is nothing to divide.

    Why min(1, s_j / s_i) (docs/decisions/0012): with the plain sum over all miners, anybody could halve a skilled
    miner's pay by a key that copies it badly and proves nothing, at no cost. So a key takes part in a share only as
    far as it has proven skill of its own. k equal clones still divide by k and earn together what one would; clones
    of unequal skill earn together no more than the best of them alone; a key that earns nothing costs nobody anything.
    """
    divisors = []
    for i, own in enumerate(skills_nano):
        if own <= 0:
            divisors.append(Nano(NANO))
            continue
        others = sum(rho_nano[i][j] * min(own, other) for j, other in enumerate(skills_nano) if j != i and other > 0)
        divisors.append(Nano(NANO - (-others // own)))
    return divisors


def _cosine_nano(dot: float, norm_now: float, norm_earlier: float) -> Nano:
    """dot / sqrt(product of norms) for whole numbers, dot >= 0, in nano, rounded up.

    1 when neither of the two deviates at all, 0 when only one does.
    """
    if norm_now == 0 and norm_earlier == 0:
        return Nano(NANO)
    if dot == 0:
        return Nano(0)
    square = (int(dot) * NANO) ** 2
    return Nano(isqrt((square - 1) // (int(norm_now) * int(norm_earlier))) + 1)


def _as_rows(
    places: int, where: NDArray[np.intp], answers: Deviations
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each answer as a row at its miner's place, zeros elsewhere; and 1 where there is one."""
    rows = np.zeros((places, answers[:1].size))
    there = np.zeros(places)
    rows[where] = answers.reshape(len(where), rows.shape[1])
    there[where] = 1
    return rows, there


def _squared_lengths(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.einsum("ij,ij->i", rows, rows)
    return lengths


def _no_sums(places: int) -> _Sums:
    return _Sums(*(np.zeros((places, places)) for _ in range(4)))
