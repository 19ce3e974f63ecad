"""How a sharing divisor comes about, short enough to keep with every accrual: the largest parts by name, and the rest.

10**9 + parts of up to PARTS_KEPT others + the rest's = the divisor, exactly
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from protocol.rules.similarity import sharing_divisors
from protocol.units import NANO, Hotkey, Nano

PARTS_KEPT: Final = 8
"""How many others a division names. With all of them a round's accruals grow with the square of its miners (5 MB for
256); whoever is copied finds its copies among the first few, because a copy takes a part near 1."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one other miner adds to a divisor."""

    hotkey: Hotkey
    rho_nano: Nano
    skill_nano: Nano
    """Its own proven skill."""
    part_nano: Nano
    """rho * min(1, its skill / own skill), a nano more or less: what it adds to the sum so far, rounded up."""


@dataclass(frozen=True, slots=True)
class Division:
    """Everybody whom one miner's skill is divided with.

    parts: the largest first, then the more alike, then by the bytes of the hotkey; at most PARTS_KEPT.
    rest_count, rest_nano: how many others are alike to any degree, and what they add together.
    """

    parts: tuple[Part, ...]
    rest_count: int
    rest_nano: Nano

    @property
    def divisor_nano(self) -> Nano:
        return Nano(NANO + sum(part.part_nano for part in self.parts) + self.rest_nano)


ALONE: Final = Division((), 0, Nano(0))
"""Divided with nobody."""


def divisions(
    hotkeys: Sequence[Hotkey], rho_nano: Sequence[Sequence[int]], skills_nano: Sequence[int]
) -> list[Division]:
    """`similarity.sharing_divisors` of these miners, each with how it comes about.

    rho_nano: rows and columns in the order of the hotkeys.  The divisors are exactly those of the rule: rounding is
    that of running sums, so parts and rest add up to it whatever was left out.
    """
    found = []
    for place, divisor in enumerate(sharing_divisors(rho_nano, skills_nano)):
        alike = [
            (other, rho, skill)
            for where, (other, rho, skill) in enumerate(zip(hotkeys, rho_nano[place], skills_nano, strict=True))
            if rho > 0 and where != place
        ]
        parts = _largest(skills_nano[place], alike)
        rest = Nano(divisor - NANO - sum(part.part_nano for part in parts))
        found.append(Division(parts, len(alike) - len(parts), rest))
    return found


def divided_again(told: Division, hotkey: Hotkey, skills_nano: Mapping[Hotkey, int]) -> Division:
    """A division that others found, its parts worked out anew from its rho's; of the rest nothing else is known.

    hotkey: whose it is.  skills_nano: of everybody who claims in the round; parts of others fall away.
    """
    alike = [
        (part.hotkey, part.rho_nano, skills_nano[part.hotkey])
        for part in told.parts
        if part.hotkey in skills_nano and part.hotkey != hotkey
    ]
    return Division(_largest(skills_nano[hotkey], alike), told.rest_count, told.rest_nano)


def _largest(own: int, alike: Iterable[tuple[Hotkey, int, int]]) -> tuple[Part, ...]:
    """alike: (hotkey, rho, skill) of others."""
    sizes = ((-rho * min(own, skill), -rho, hotkey, skill) for hotkey, rho, skill in alike)
    parts, exact, so_far = [], 0, 0
    for size, rho, hotkey, skill in heapq.nsmallest(PARTS_KEPT, sizes):
        exact -= size
        through = -(-exact // own) if own > 0 else 0
        parts.append(Part(hotkey, Nano(-rho), Nano(skill), Nano(through - so_far)))
        so_far = through
    return tuple(parts)
