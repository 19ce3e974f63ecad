"""From an emission to whole micros: pools, slices of a round, and splits that lose nothing to rounding."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.params import ChallengeParams, NetworkParams
from protocol.units import MICRO, Micros, UnixMs


def split(total: Micros, weights: Sequence[int]) -> list[Micros]:
    """Whole parts of `total` in proportion to the weights, summing exactly to it (largest remainder, Hamilton 1792).

    total: >= 0.  weights: >= 0, with a positive sum unless total is 0.
    Every part is first rounded down; the units left over go, one each, to the largest remainders, and among equal
    remainders to the earliest place. So the caller's order decides ties: give hotkeys sorted by their bytes.
    Raises ValueError for a negative number, or when there is something to split and nobody to give it to (ours).
    """
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError(f"cannot split {total} by negative amounts or weights")
    whole = sum(weights)
    if whole == 0:
        if total:
            raise ValueError(f"nobody to split {total} among")
        return [Micros(0) for _ in weights]
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(total * weights[place] % whole), place))
    for place in by_remainder[: total - sum(parts)]:
        parts[place] += 1
    return [Micros(part) for part in parts]


def epoch_pool_micros(params: NetworkParams, challenge: ChallengeParams) -> Micros:
    """What one epoch has for one challenge: its part of the epoch's emission.

    The emission is split over all challenges and what they leave of it, so that the pools never sum to more.
    Raises ValueError when the challenges together ask for more than the whole, or this is none of them (ours).
    """
    asked = [one.pool_share_ppm for one in params.challenges]
    pools = split(Micros(params.pay.epoch_emission_micros), [*asked, MICRO - sum(asked)])
    return pools[params.challenges.index(challenge)]


def round_slice_micros(params: NetworkParams, challenge: ChallengeParams, anchor_at_ms: UnixMs) -> Micros:
    """The part of its epoch's pool that one round can pay; the slices of an epoch's rounds sum exactly to the pool.

    The i-th of n rounds gets floor(pool (i + 1) / n) - floor(pool i / n). A VOID round's slice goes to the reserve.
    Raises ValueError when an epoch is no whole number of rounds, or the anchor is not on the challenge's grid (ours).
    """
    epoch_ms, cadence_ms = params.time.epoch_ms, challenge.cadence_ms
    if epoch_ms % cadence_ms or anchor_at_ms % cadence_ms:
        raise ValueError(f"{anchor_at_ms} ms is no round of {cadence_ms} ms in an epoch of {epoch_ms} ms")
    rounds = epoch_ms // cadence_ms
    at = anchor_at_ms % epoch_ms // cadence_ms
    pool = epoch_pool_micros(params, challenge)
    return Micros(pool * (at + 1) // rounds - pool * at // rounds)
