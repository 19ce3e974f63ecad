"""Soft sharing: answers that deviate from the baseline together are paid together (rules.md 4).

rho of two miners is the cosine of their deviations over their common rounds of the window, or 0 where negative.
It is not centred: the baseline, not the miner's own mean, is where an answer without knowledge stands, and two
keys that always lean the same way by the same amount are copies although their centred correlation is undefined.
The largest counts of: the same round, and either one against the other's reveals of `lags_steps` steps earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.params import SharingParams
from protocol.rules.deviations import DEVIATION_LIMIT, Deviations, seen_later
from protocol.rules.window_sums import DOT, FIGURES, NORM_EARLIER, NORM_NOW, ROUNDS, GenerationSums
from protocol.units import HOUR_MS, NANO, Hotkey, Nano, UnixMs

GENERATIONS: Final = 4
_PLACES_AT_ONCE: Final = 32
_EXACT_IN_FLOAT64: Final = 2**53
_UNSURE: Final = 1e-5
"""How near to a whole nano an estimated cosine is worked out exactly; the estimate is off by less than 1e-6 of one."""

_Sums = NDArray[np.float64]
"""LagSums over places instead of hotkeys, in whole numbers that float64 holds exactly."""


@dataclass(frozen=True, slots=True)
class RoundDeviations:
    """All valid answers of one round of one challenge, as deviations; who was silent or invalid is absent."""

    anchor_at_ms: UnixMs
    answers: Mapping[Hotkey, Deviations]
    """Each of shape (steps, depth), the same for all, with more steps than the longest lag."""


class DeviationWindow:
    """The correlations of one challenge's recent rounds, kept as exact sums, so that a round costs milliseconds.

    Sums are kept by generation, a quarter of the window by anchor, and leave with their generation: the window
    reaches back between three quarters and the whole of `window_ms`, the same for every validator. Answers
    themselves are kept only as long as a lagged or late round may still be compared with them. So a window is its
    generations' sums and the answers of its last hours: `generation_sums` tells the first, `recall` and `hold` take
    both back (docs/decisions/0063).

    Rounds may come in any order within `late_ms`: sums of whole numbers do not mind. They are kept in float64, for
    BLAS, which is exact here: a product of two deviations is below 2**30, so 2**23 of them stay below 2**53, where
    every partial sum in any order is a whole number that float64 holds. 14 days of points are 4,032 rounds of 100
    steps, 2**18.6 products; `add` refuses what would not fit.
    """

    def __init__(self, sharing: SharingParams, *, step_ms: int, late_ms: int = 2 * HOUR_MS) -> None:
        """late_ms: how much later than a newer one a round may resolve: `TimeParams.void_after_ms`."""
        self._sharing, self._step_ms = sharing, step_ms
        self.generation_ms = sharing.window_ms // GENERATIONS
        self._kept_ms = max(sharing.lags_steps) * step_ms + late_ms
        self._answers: dict[int, tuple[tuple[Hotkey, ...], Deviations]] = {}
        self._anchors: dict[int, set[int]] = {}
        self._sums: dict[tuple[int, int], _Sums] = {}
        self._seen: dict[int, set[int]] = {}
        """generation -> the places that its sums are about."""
        self._changed: set[int] = set()
        self._place_of: dict[Hotkey, int] = {}
        self._free: list[int] = []

    @property
    def anchors_at_ms(self) -> tuple[int, ...]:
        """Anchors of the rounds in the window, oldest first."""
        return tuple(sorted(anchor for anchors in self._anchors.values() for anchor in anchors))

    @property
    def generations(self) -> tuple[int, ...]:
        """The generations that rounds of the window are anchored in, oldest first."""
        return tuple(sorted(self._anchors))

    def add(self, deviations: RoundDeviations) -> None:
        """Takes a round in, and lets the generations go that the newest round leaves behind.

        A round of a generation already left behind changes nothing. Raises ValueError for a round that is in already,
        and when sums would no longer be exact (ours).
        """
        anchor = deviations.anchor_at_ms
        generation = anchor // self.generation_ms
        newest = max(generation, max(self._anchors, default=generation))
        if generation <= newest - GENERATIONS:
            return
        if anchor in self._anchors.setdefault(generation, set()):
            raise ValueError(f"the round anchored at {anchor} is in the window already")
        for old in [g for g in self._anchors if g <= newest - GENERATIONS]:
            self._let_go(old)
        self._anchors[generation].add(anchor)
        self._changed.add(generation)
        if deviations.answers:
            self.hold(deviations)
            products = sum(map(len, self._anchors.values())) * self._answers[anchor][1][0].size
            if products * DEVIATION_LIMIT**2 >= _EXACT_IN_FLOAT64:
                raise ValueError(f"{products} products of deviations are too many to sum exactly")
            self._compare(anchor)
        latest = max(self._answers, default=anchor)
        self._answers = {at: kept for at, kept in self._answers.items() if at >= latest - self._kept_ms}

    def generation_sums(self, generation: int) -> GenerationSums:
        """The sums of one of `generations`, a copy. Raises KeyError for any other (ours)."""
        seen = self._seen.get(generation, set())
        place_of = {hotkey: place for hotkey, place in sorted(self._place_of.items()) if place in seen}
        where = np.array(list(place_of.values()), dtype=np.intp)
        lags = {
            lag: sums[:, where[:, np.newaxis], where].astype(np.int64)
            for (of, lag), sums in sorted(self._sums.items())
            if of == generation
        }
        return GenerationSums(generation, tuple(sorted(self._anchors[generation])), tuple(place_of), lags)

    def changed_sums(self) -> list[GenerationSums]:
        """Of every generation that has changed since this was last asked, or since `recall`, oldest first."""
        changed, self._changed = sorted(self._changed), set()
        return [self.generation_sums(generation) for generation in changed]

    def recall(self, generations: Iterable[GenerationSums]) -> None:
        """Takes back what `generation_sums` told of a window as it was at one instant. Raises ValueError when this
        window holds anything (ours)."""
        if self._anchors or self._answers:
            raise ValueError("a window that holds rounds already takes no others back")
        for told in generations:
            places = [self._place(hotkey) for hotkey in told.hotkeys]
            self._anchors[told.generation] = set(told.anchors_at_ms)
            self._seen[told.generation] = set(places)
            where = np.array(places, dtype=np.intp)
            for lag, figures in told.lags.items():
                sums = self._sums[told.generation, lag] = _no_sums(self._size)
                sums[:, where[:, np.newaxis], where] = figures

    def hold(self, deviations: RoundDeviations) -> None:
        """Keeps a round's answers for the rounds that are compared with them, without summing anything: those of a
        round that is in the sums, or of one before the window."""
        hotkeys = tuple(sorted(deviations.answers))
        if hotkeys:
            answers = np.stack([deviations.answers[hotkey] for hotkey in hotkeys])
            self._answers[deviations.anchor_at_ms] = hotkeys, answers

    def held_from_ms(self, first_at_ms: int) -> int:
        """From which anchor on answers have to be held for rounds to be added, the first of them anchored there."""
        return first_at_ms - self._kept_ms

    def rho_nano(self, hotkeys: Sequence[Hotkey]) -> list[list[Nano]]:
        """rho of each pair, symmetric, 10**9 on the diagonal, rounded up so that no clone gains by rounding.

        Pairs with fewer than `min_common_rounds` rounds to compare have rho 0: answers given in different rounds
        are no copies, and a key's silent rounds cost it their gain. Two answers without any deviation have rho 1.
        """
        known = np.array([i for i, hotkey in enumerate(hotkeys) if hotkey in self._place_of], dtype=np.intp)
        where = np.array([self._place_of[hotkeys[i]] for i in known], dtype=np.intp)
        largest = np.zeros((len(known), len(known)), dtype=np.int64)
        for lag in self._sharing.lags_steps:
            total = _no_sums(self._size)
            for (_, of_lag), sums in self._sums.items():
                if of_lag == lag:
                    total += sums
            among = total[:, where[:, np.newaxis], where]
            is_compared = among[ROUNDS] >= self._sharing.min_common_rounds
            np.maximum(largest, np.where(is_compared, cosines_nano(*among[:ROUNDS]), 0), out=largest)
        rho = np.zeros((len(hotkeys), len(hotkeys)), dtype=np.int64)
        rho[known[:, np.newaxis], known] = np.maximum(largest, largest.T)
        np.fill_diagonal(rho, NANO)
        return [[Nano(one) for one in row] for row in rho.tolist()]

    @property
    def _size(self) -> int:
        """How many places there are, taken or free."""
        return len(self._place_of) + len(self._free)

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
        self._sums = {key: np.pad(sums, ((0, 0), (0, more), (0, more))) for key, sums in self._sums.items()}

    def _compare(self, anchor: int) -> None:
        """Adds every comparison that the round anchored here is part of."""
        for lag, now, earlier in self._comparisons(anchor):
            (hotkeys_now, answers_now), (hotkeys_earlier, answers_earlier) = self._answers[now], self._answers[earlier]
            places_now = [self._place(hotkey) for hotkey in hotkeys_now]
            places_earlier = [self._place(hotkey) for hotkey in hotkeys_earlier]
            generation, size = now // self.generation_ms, self._size
            self._changed.add(generation)
            self._seen.setdefault(generation, set()).update(places_now, places_earlier)
            left, there_now = _as_rows(size, places_now, answers_now[:, : answers_now.shape[1] - lag])
            right, there_earlier = left, there_now
            if lag > 0:
                right, there_earlier = _as_rows(size, places_earlier, seen_later(answers_earlier, lag_steps=lag))
            if (generation, lag) not in self._sums:
                self._sums[generation, lag] = _no_sums(size)
            sums = self._sums[generation, lag]
            sums[DOT] += left @ right.T
            sums[NORM_NOW] += np.outer(_squared_lengths(left), there_earlier)
            sums[NORM_EARLIER] += np.outer(there_now, _squared_lengths(right))
            sums[ROUNDS] += np.outer(there_now, there_earlier)

    def _comparisons(self, anchor: int) -> Iterator[tuple[int, int, int]]:
        """(lag, now, earlier) of each pair of rounds that are held, less than a window apart by generation."""
        for lag in self._sharing.lags_steps:
            apart = lag * self._step_ms
            if lag == 0:
                yield 0, anchor, anchor
                continue
            for now in (anchor, anchor + apart):
                generations = now // self.generation_ms - (now - apart) // self.generation_ms
                if now in self._answers and now - apart in self._answers and generations < GENERATIONS:
                    yield lag, now, now - apart

    def _let_go(self, generation: int) -> None:
        del self._anchors[generation]
        self._changed.discard(generation)
        self._sums = {key: sums for key, sums in self._sums.items() if key[0] != generation}
        self._answers = {at: kept for at, kept in self._answers.items() if at // self.generation_ms != generation}
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


def cosines_nano(
    dot: NDArray[np.float64], norm_now: NDArray[np.float64], norm_earlier: NDArray[np.float64]
) -> NDArray[np.int64]:
    """dot / sqrt(product of norms) in nano, rounded up, for whole numbers below 2**53 in arrays of one shape.

    0 where dot is negative; 1 (10**9) where neither of the two deviates at all, 0 where only one does.
    Exact, and quick: a float estimate is off by five roundings of 2**-53 each, less than 1e-6 nano as no cosine is
    above 1, so it says which whole nano comes next unless it lies within 1e-5 of one. Within 1e-5 below 10**9 the
    answer is 10**9, for the same reason; the few others are worked out in integers.
    """
    found = np.where((dot == 0) & (norm_now == 0) & (norm_earlier == 0), NANO, 0).astype(np.int64)
    where = np.nonzero(dot > 0)
    dots, norms_now, norms_earlier = dot[where], norm_now[where], norm_earlier[where]
    estimates = dots / (np.sqrt(norms_now) * np.sqrt(norms_earlier)) * NANO
    nearest = np.rint(estimates)
    cosines = np.minimum(np.ceil(estimates), NANO).astype(np.int64)
    is_unsure = np.abs(estimates - nearest) < _UNSURE
    cosines[is_unsure & (nearest >= NANO)] = NANO
    for place in np.flatnonzero(is_unsure & (nearest < NANO)).tolist():
        square = (int(dots[place]) * NANO) ** 2
        cosines[place] = isqrt((square - 1) // (int(norms_now[place]) * int(norms_earlier[place]))) + 1
    found[where] = cosines
    return found


def _as_rows(size: int, places: Sequence[int], answers: Deviations) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each answer as a row at its miner's place, zeros elsewhere; and 1 where there is one."""
    rows = np.zeros((size, answers[:1].size))
    there = np.zeros(size)
    rows[places] = answers.reshape(len(places), rows.shape[1])
    there[places] = 1
    return rows, there


def _squared_lengths(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.einsum("ij,ij->i", rows, rows)
    return lengths


def _no_sums(size: int) -> _Sums:
    return np.zeros((len(FIGURES), size, size))
