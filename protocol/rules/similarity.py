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
from protocol.units import NANO, Hotkey, Nano, UnixMs

Pairs = NDArray[np.float64]
"""A whole number for each ordered pair of places (i now, j earlier), shape (places, places)."""

_EXACT_IN_FLOAT64: Final = 2**53


@dataclass(frozen=True, slots=True)
class RoundDeviations:
    """All valid answers of one round of one challenge, as deviations; who was silent or invalid is absent."""

    anchor_at_ms: UnixMs
    answers: Mapping[Hotkey, Deviations]
    """Each of shape (steps, depth), the same for all."""


@dataclass(slots=True)
class _Sums:
    """Over all pairs of rounds compared at one lag, for (i now, j earlier)."""

    dot: Pairs
    norm_now: Pairs
    """Squared length of i, over the rounds in which j was there too."""
    norm_earlier: Pairs
    rounds: Pairs


class DeviationWindow:
    """The correlations of one challenge's recent rounds, kept as exact sums, so that a round costs milliseconds.

    Rounds may come in any order: sums of whole numbers do not mind. They are kept in float64, for BLAS, which is
    exact here: a product of two deviations is below 2**30, so 2**23 of them stay below 2**53, where every partial
    sum in any order is a whole number that float64 holds. 576 rounds of 100 steps are 2**16 products; `add` checks.
    """

    def __init__(self, sharing: SharingParams, *, step_ms: int) -> None:
        self._sharing, self._step_ms = sharing, step_ms
        self._rounds: dict[int, tuple[NDArray[np.intp], Deviations]] = {}
        self._place_of: dict[Hotkey, int] = {}
        self._free: list[int] = []
        self._rounds_at = np.zeros(0, dtype=np.int64)  # in how many rounds of the window each place is taken
        self._sums = {lag: _Sums(*(np.zeros((0, 0)) for _ in range(4))) for lag in sharing.lags_steps}

    @property
    def anchors_at_ms(self) -> tuple[int, ...]:
        """Anchors of the rounds in the window, oldest first."""
        return tuple(sorted(self._rounds))

    def add(self, deviations: RoundDeviations) -> None:
        """Takes a round in, and lets go what is anchored `window_ms` or more before the newest round.

        A round already older than that changes nothing. Raises ValueError for a round that is in already (ours).
        """
        anchor = deviations.anchor_at_ms
        if anchor in self._rounds:
            raise ValueError(f"the round anchored at {anchor} is in the window already")
        newest = max(anchor, max(self._rounds, default=anchor))
        if anchor <= newest - self._sharing.window_ms:
            return
        hotkeys = sorted(deviations.answers)
        places = np.array([self._place(hotkey) for hotkey in hotkeys], dtype=np.intp)
        answers = np.stack([deviations.answers[h] for h in hotkeys]) if hotkeys else np.zeros((0, 0, 0), np.int16)
        if (len(self._rounds) + 1) * answers[:1].size * DEVIATION_LIMIT**2 >= _EXACT_IN_FLOAT64:
            raise ValueError(f"{len(self._rounds) + 1} rounds of shape {answers.shape[1:]} are too many to add exactly")
        self._rounds[anchor] = places, answers
        self._rounds_at[places] += 1
        self._count(anchor, sign=1)
        for old in [a for a in self._rounds if a <= newest - self._sharing.window_ms]:
            self._let_go(old)

    def rho_nano(self, hotkeys: Sequence[Hotkey]) -> list[list[Nano]]:
        """rho of each pair, symmetric, 10**9 on the diagonal, rounded up so that no clone gains by rounding.

        Pairs with fewer than `min_common_rounds` rounds to compare have rho 0: answers given in different rounds
        are no copies, and a key's silent rounds cost it their gain. Two answers without any deviation have rho 1.
        """
        rho = [[Nano(NANO if i == j else 0) for j in range(len(hotkeys))] for i in range(len(hotkeys))]
        known = [(i, self._place_of[h]) for i, h in enumerate(hotkeys) if h in self._place_of]
        among = np.ix_([place for _, place in known], [place for _, place in known])
        for sums in self._sums.values():
            comparable = (sums.rounds[among] >= self._sharing.min_common_rounds) & (sums.dot[among] >= 0)
            for a, b in np.argwhere(comparable).tolist():
                i, j, now, earlier = known[a][0], known[b][0], known[a][1], known[b][1]
                if i != j:
                    one = _cosine_nano(
                        sums.dot[now, earlier], sums.norm_now[now, earlier], sums.norm_earlier[now, earlier]
                    )
                    rho[i][j] = rho[j][i] = max(rho[i][j], one)
        return rho

    def _place(self, hotkey: Hotkey) -> int:
        if hotkey not in self._place_of:
            if not self._free:
                self._grow()
            self._place_of[hotkey] = self._free.pop()
        return self._place_of[hotkey]

    def _grow(self) -> None:
        """Doubles the places; a place that is let go is used again, so the arrays follow the miners of the window."""
        was = len(self._place_of)
        more = max(8, was)
        self._free = list(range(was + more - 1, was - 1, -1))
        self._rounds_at = np.pad(self._rounds_at, (0, more))
        for sums in self._sums.values():
            for name in ("dot", "norm_now", "norm_earlier", "rounds"):
                setattr(sums, name, np.pad(getattr(sums, name), ((0, more), (0, more))))

    def _count(self, anchor: int, *, sign: int) -> None:
        """Adds (or takes away) every comparison that the round anchored here is part of."""
        places = len(self._place_of) + len(self._free)
        for lag, now, earlier in self._comparisons(anchor):
            (places_now, answers_now), (places_earlier, answers_earlier) = self._rounds[now], self._rounds[earlier]
            if not len(places_now) or not len(places_earlier):
                continue
            left, there_now = _as_rows(places, places_now, answers_now[:, : answers_now.shape[1] - lag])
            right, there_earlier = left, there_now
            if lag > 0:
                right, there_earlier = _as_rows(places, places_earlier, seen_later(answers_earlier, lag_steps=lag))
            sums = self._sums[lag]
            sums.dot += sign * (left @ right.T)
            sums.norm_now += np.outer(sign * _squared_lengths(left), there_earlier)
            sums.norm_earlier += np.outer(sign * there_now, _squared_lengths(right))
            sums.rounds += np.outer(sign * there_now, there_earlier)

    def _comparisons(self, anchor: int) -> Iterator[tuple[int, int, int]]:
        for lag in self._sums:
            if lag == 0:
                yield 0, anchor, anchor
                continue
            apart = lag * self._step_ms
            if anchor - apart in self._rounds:
                yield lag, anchor, anchor - apart
            if anchor + apart in self._rounds:
                yield lag, anchor + apart, anchor

    def _let_go(self, anchor: int) -> None:
        self._count(anchor, sign=-1)
        places, _ = self._rounds.pop(anchor)
        self._rounds_at[places] -= 1
        gone = {int(place) for place in places if self._rounds_at[place] == 0}
        if gone:
            self._place_of = {hotkey: place for hotkey, place in self._place_of.items() if place not in gone}
            self._free.extend(sorted(gone, reverse=True))


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
