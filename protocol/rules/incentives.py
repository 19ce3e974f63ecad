"""From proven skills to one round's pay: an absolute rate, so that little skill earns little even when alone.

    skill -- / sharing divisor --> shared skill -- absolute rate --> skill part  \\
    mean loss -- softmax ------------------------------------> bootstrap part  -> accrued

What nobody earns goes to the reserve (rules.md 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from protocol.params import PayParams
from protocol.rules.emission import split
from protocol.rules.exact import EXACT, to_integer
from protocol.units import MICRO, NANO, Hotkey, Micros, Nano

_SOFTMAX_SCALE: Final = 10**18


@dataclass(frozen=True, slots=True)
class Claim:
    """What one miner brings to a round's settlement.

    skill_nano: its proven skill.  divisor_nano: from `similarity.sharing_divisors`, at least 10**9.
    mean_loss_nano: over its memory (`skill.mean_loss_nano`), for the bootstrap share.
    is_answered: whether it has a valid answer in this round; without one the round pays it nothing, whatever its
    skill: a memory fades over weeks, and a key that has stopped must not live on it.
    """

    hotkey: Hotkey
    skill_nano: Nano
    divisor_nano: Nano
    mean_loss_nano: Nano
    is_answered: bool = True

    def __post_init__(self) -> None:
        if self.skill_nano < 0 or self.divisor_nano < NANO:
            raise ValueError(f"want skill >= 0 and a divisor >= 1: {self.skill_nano}, {self.divisor_nano}")


@dataclass(frozen=True, slots=True)
class MinerPay:
    """One miner's line of a round's settlement."""

    hotkey: Hotkey
    skill_nano: Nano
    divisor_nano: Nano
    shared_skill_nano: Nano
    """skill / divisor, rounded down; 0 without a valid answer in the round."""
    skill_part_micros: Micros
    bootstrap_part_micros: Micros

    @property
    def accrued_micros(self) -> Micros:
        return Micros(self.skill_part_micros + self.bootstrap_part_micros)


@dataclass(frozen=True, slots=True)
class RoundPay:
    """The whole arithmetic of a round's settlement; miners by the bytes of their hotkeys.

    slice_micros = sum of accrued_micros + reserve_micros, always.
    """

    slice_micros: Micros
    skill_pool_micros: Micros
    bootstrap_pool_micros: Micros
    full_pay_skill_nano: Nano
    total_shared_skill_nano: Nano
    miners: tuple[MinerPay, ...]
    reserve_micros: Micros


def settle_round(claims: Sequence[Claim], *, slice_micros: Micros, pay: PayParams) -> RoundPay:
    """Who earns what of one round's slice of the pool.

    The bootstrap pool is slice * bootstrap_share, rounded down; the rest is the skill pool. A miner's skill part is
    skill pool * shared skill / max(full_pay_skill, total shared skill): 5% in all earns the whole, less earns less,
    more is scaled down. Both pools are split by largest remainder, with the reserve as the last to take part.
    Raises ValueError when a hotkey claims twice (ours).
    """
    claims = sorted(claims, key=lambda claim: claim.hotkey)
    if len({claim.hotkey for claim in claims}) != len(claims):
        raise ValueError("a hotkey claims twice in one round")
    bootstrap_pool = Micros(slice_micros * pay.bootstrap_share_ppm // MICRO)
    skill_pool = Micros(slice_micros - bootstrap_pool)

    shared = [Nano(claim.skill_nano * NANO // claim.divisor_nano if claim.is_answered else 0) for claim in claims]
    total_shared = sum(shared)
    *skill_parts, unearned = split(skill_pool, [*shared, max(pay.full_pay_skill_nano - total_shared, 0)])

    losses = [claim.mean_loss_nano if claim.is_answered else None for claim in claims]
    odds = softmax_weights(losses, temperature_nano=pay.bootstrap_temperature_nano)
    if any(odds):
        bootstrap_parts = split(bootstrap_pool, odds)
    else:
        bootstrap_parts, unearned = [Micros(0)] * len(claims), Micros(unearned + bootstrap_pool)
    return RoundPay(
        slice_micros=slice_micros,
        skill_pool_micros=skill_pool,
        bootstrap_pool_micros=bootstrap_pool,
        full_pay_skill_nano=Nano(pay.full_pay_skill_nano),
        total_shared_skill_nano=Nano(total_shared),
        miners=tuple(
            MinerPay(claim.hotkey, claim.skill_nano, claim.divisor_nano, one_shared, skill_part, bootstrap_part)
            for claim, one_shared, skill_part, bootstrap_part in zip(
                claims, shared, skill_parts, bootstrap_parts, strict=True
            )
        ),
        reserve_micros=unearned,
    )


def softmax_weights(mean_losses_nano: Sequence[Nano | None], *, temperature_nano: int) -> list[int]:
    """exp(-(loss - lowest loss) / temperature) for each loss, as whole numbers of 10**-18; 0 where there is none.

    `decimal` exp, correctly rounded, so the same everywhere. Raises ValueError for a temperature not above 0 (ours).
    """
    if temperature_nano <= 0:
        raise ValueError(f"a softmax needs a positive temperature, was {temperature_nano}")
    lowest = min((loss for loss in mean_losses_nano if loss is not None), default=0)
    return [
        0
        if loss is None
        else to_integer(EXACT.exp(EXACT.divide(Decimal(lowest - loss), Decimal(temperature_nano))), _SOFTMAX_SCALE)
        for loss in mean_losses_nano
    ]
