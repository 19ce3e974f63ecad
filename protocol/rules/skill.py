"""From a miner's rounds to the skill that is paid: what the mean gain must be, luck set aside.

Rounds overlap, so they are first averaged in blocks as long as a forecast reaches; blocks fade with age;
and only what lies above a one-sided bound on luck counts (rules.md 4). Everything kept is a sum of
integers, so the order in which rounds resolve cannot matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from functools import lru_cache
from operator import mul
from typing import Final

from protocol.params import SkillParams
from protocol.rules.exact import EXACT, round_div, to_integer
from protocol.rules.student_t import t_quantile_nano
from protocol.units import NANO, Nano, UnixMs

_FINE: Final = 10**6
"""Block means are kept to a millionth of a nano, so that their rounding stays far below a nano of skill."""
_WEIGHT_SCALE: Final = 10**15
"""A block of this moment weighs this much; ten half-lives ago still about 10**12."""

PROVEN: Final = "proven"
AT_OR_BELOW_ZERO: Final = "bound at or below zero"


@dataclass(frozen=True, slots=True)
class RoundSkill:
    """One miner's resolved round. A silent miner's has gain 0: it decays the memory like any round.

    gain_nano: the baseline's loss less the miner's (capped) loss.  block: see `calendar.block_of`.
    """

    block: int
    anchor_at_ms: UnixMs
    gain_nano: Nano
    baseline_loss_nano: Nano

    def __post_init__(self) -> None:
        if self.baseline_loss_nano < 0 or self.gain_nano > self.baseline_loss_nano:
            raise ValueError(f"no loss is negative: baseline {self.baseline_loss_nano}, gain {self.gain_nano}")


@dataclass(frozen=True, slots=True)
class BlockSums:
    """What is remembered of a miner's rounds in one block of one challenge."""

    block: int
    rounds: int
    gain_sum_nano: int
    baseline_sum_nano: int


@dataclass(frozen=True, slots=True)
class ProvenSkill:
    """The whole arithmetic of one proof, so that it can be shown line by line."""

    blocks: int
    mean_nano: Nano
    standard_error_nano: Nano
    t_quantile_nano: Nano
    lower_bound_nano: Nano
    mean_baseline_nano: Nano
    skill_nano: Nano
    """max(0, lower bound) as a part of the mean baseline loss; 10**9 = beat it by the whole of it."""
    reason: str


def add_rounds(blocks: Mapping[int, BlockSums], rounds: Iterable[RoundSkill]) -> dict[int, BlockSums]:
    """The block sums with these rounds in them, whatever the order in which they come."""
    sums = dict(blocks)
    for one in rounds:
        was = sums.get(one.block, BlockSums(one.block, 0, 0, 0))
        sums[one.block] = BlockSums(
            one.block,
            was.rounds + 1,
            was.gain_sum_nano + one.gain_nano,
            was.baseline_sum_nano + one.baseline_loss_nano,
        )
    return sums


def mean_loss_nano(blocks: Sequence[BlockSums]) -> Nano:
    """A miner's plain mean loss over its remembered rounds: what the bootstrap share ranks by.

    Raises ZeroDivisionError when there are no rounds.
    """
    loss_sum = sum(b.baseline_sum_nano - b.gain_sum_nano for b in blocks)
    return Nano(round_div(loss_sum, sum(b.rounds for b in blocks)))


def prove_skill(blocks: Sequence[BlockSums], *, as_of_ms: int, params: SkillParams, step_ms: int) -> ProvenSkill:
    """What of a miner's mean gain luck does not explain, at the one-sided confidence of the params.

    blocks: one challenge's, each index once, in any order; those that opened more than `memory_ms` before
    `as_of_ms` are left out.  Raises ValueError for a block that opens after `as_of_ms` (ours).

    With b_i the mean gain of block i, w_i = 0.5 ** (age_i / half_life), W = sum w_i, u_i = w_i (b_i - mean):
    mean     = sum w_i b_i / W
    variance = n' / W**2 * (S0 + max(S0 / 2, S1)),  S0 = sum u_i**2
    S1       = 2 * sum over j = 1..L of (1 - j / (L + 1)) * sum u_i u_(i-j)
    n'       = 1 / (1 - 2 sum w_i**3 / (W sum w_i**2) + sum w_i**2 / W**2): makes S0 unbiased, n / (n - 1) for equal w
    skill    = max(0, mean - t * sqrt(variance)) / mean baseline loss.

    S1 is Newey & West (1987), doi:10.2307/1913610, with L = 1. It pairs only blocks whose indices differ by j:
    there is no product across a gap. It is not believed below S0 / 2, because rounds overlap: a steady bet's
    neighbouring blocks correlate by 1/4 even when steps are independent, and S1 estimated from few blocks misses
    that (it lets 2% of steady luck through a 1% test; docs/decisions/0011). This also keeps the variance positive.
    t has (sum w)**2 / sum w**2 - 1 degrees of freedom (Kish's effective number of blocks), rounded down, at least 1.
    """
    span_ms = params.block_steps * step_ms
    kept = [b for b in sorted(blocks, key=_index) if b.block * span_ms >= as_of_ms - params.memory_ms]
    if len(kept) < max(2, params.min_blocks):
        return ProvenSkill(
            len(kept), Nano(0), Nano(0), Nano(0), Nano(0), Nano(0), Nano(0),
            f"unproven: {len(kept)} of {max(2, params.min_blocks)} blocks",
        )  # fmt: skip
    now = as_of_ms // span_ms
    if kept[-1].block > now:
        raise ValueError(f"block {kept[-1].block} opens after {as_of_ms}")
    table = _weights(span_ms, params.half_life_ms, params.memory_ms)
    indices = [b.block for b in kept]
    weights = [table[now - index] for index in indices]
    total = sum(weights)
    means = [b.gain_sum_nano * _FINE // b.rounds for b in kept]
    mean = round_div(sum(map(mul, weights, means)), total)
    baseline = round_div(
        sum(w * (b.baseline_sum_nano * _FINE // b.rounds) for w, b in zip(weights, kept, strict=True)), total
    )

    variance_of_mean = _variance_of_mean(indices, weights, [m - mean for m in means], lag=params.newey_west_lag)
    standard_error = EXACT.sqrt(variance_of_mean)
    squares = sum(map(mul, weights, weights))
    t_nano = t_quantile_nano(max(1, total * total // squares - 1), params.confidence_ppm)
    luck = EXACT.divide(EXACT.multiply(Decimal(t_nano), standard_error), Decimal(NANO))
    bound = EXACT.subtract(Decimal(mean), luck)
    skill = 0
    if bound > 0 and baseline > 0:
        skill = int(
            EXACT.divide(EXACT.multiply(bound, Decimal(NANO)), Decimal(baseline)).to_integral_value(ROUND_FLOOR)
        )
    return ProvenSkill(
        blocks=len(kept),
        mean_nano=Nano(round_div(mean, _FINE)),
        standard_error_nano=Nano(to_integer(EXACT.divide(standard_error, Decimal(_FINE)), 1)),
        t_quantile_nano=t_nano,
        lower_bound_nano=Nano(int(EXACT.divide(bound, Decimal(_FINE)).to_integral_value(ROUND_FLOOR))),
        mean_baseline_nano=Nano(round_div(baseline, _FINE)),
        skill_nano=Nano(skill),
        reason=PROVEN if skill > 0 else AT_OR_BELOW_ZERO,
    )


def _variance_of_mean(indices: list[int], weights: list[int], residuals: list[int], *, lag: int) -> Decimal:
    """The variance of the weighted mean, in (nano / 10**6) squared: `prove_skill` has the formula."""
    scores = list(map(mul, weights, residuals))
    own = sum(map(mul, scores, scores))
    shared = 0  # (lag + 1) times S1
    at = dict(zip(indices, scores, strict=True)) if lag else {}
    for apart in range(1, lag + 1):
        pairs = sum(score * at.get(index - apart, 0) for index, score in zip(indices, scores, strict=True))
        shared += 2 * (lag + 1 - apart) * pairs
    overlap = own * (lag + 1) if lag else 0
    summed = 2 * own * (lag + 1) + max(overlap, 2 * shared)
    total = sum(weights)
    second = sum(map(mul, weights, weights))
    third = sum(w * w * w for w in weights)
    # S / total**2 * n', with n' = total**2 second / (total**2 second - 2 total third + second**2)
    left = total * total * second - 2 * total * third + second * second
    return EXACT.divide(Decimal(summed * second), Decimal(2 * (lag + 1) * left))


@lru_cache(maxsize=16)
def _weights(span_ms: int, half_life_ms: int, memory_ms: int) -> tuple[int, ...]:
    """0.5 ** (age / half-life) for blocks 0, 1, 2, ... blocks old, as integers.

    Every formula is unchanged when all weights are multiplied by one number, so age may be counted from the
    open of the current block, and one table serves every miner at every time.
    """
    ln_half = EXACT.ln(Decimal("0.5"))
    ages = (EXACT.divide(Decimal(k * span_ms), Decimal(half_life_ms)) for k in range(memory_ms // span_ms + 2))
    return tuple(to_integer(EXACT.exp(EXACT.multiply(ln_half, age)), _WEIGHT_SCALE) for age in ages)


def _index(sums: BlockSums) -> int:
    return sums.block
