"""Does a copy of another's answer earn anything extra: late, noisy, scaled or shifted?"""

from __future__ import annotations

from functools import cache

import numpy as np

from protocol.units import NanoReturns
from runnable.simulations.course import STEPS, Closes, lay_course, play, prove, share
from runnable.simulations.findings import Curve, Finding
from runnable.simulations.players import Floats, chance, paths, seer, spread_nano, walks

KNOWS = 0.9
TOLERANCE = 0.02
"""The original and its copy may together earn this much more than the original: the luck of the copy's noise."""


def run(closes: Closes, *, seed: int) -> Finding:
    """closes.point every 5 minutes: a seer, and one copy at a time of each kind beside it."""
    course = lay_course(closes, is_point=True, cadence_steps=1)
    original = seer(course, knows=KNOWS, seed=seed)

    def late(i: int, steps: int) -> Floats:
        """The answer of `steps` rounds ago, anchored again at its own value now; its last steps stay level."""
        earlier = original(max(0, i - steps))
        moved = earlier[steps:] - earlier[steps - 1]
        return np.concatenate([moved, np.full(steps, moved[-1])])

    @cache
    def answers(i: int) -> NanoReturns:
        now, spread = original(i), spread_nano(course.rounds[i].sigma_pico)
        noise = KNOWS * walks(chance(seed, i, 1), 1, course.rounds[i].sigma_pico)[0]
        return paths([
            now, now, late(i, 1), late(i, 3), late(i, 12), original(max(0, i - 1)),
            now + np.sqrt(0.3) * noise, now + noise, now / 2, now + 0.2 * spread, -now,
        ])  # fmt: skip

    labels = (
        "an exact copy", "5 minutes late", "15 minutes late", "an hour late", "5 minutes late, not anchored again",
        "with noise 0.3 x signal", "with noise 1 x signal", "half as large", "shifted up by 20% of sigma", "mirrored",
    )  # fmt: skip
    gains = play(course, answers)
    rounds = len(course.rounds)
    proofs = prove(course, gains, rounds=rounds)
    one = proofs[0].skill_nano
    rows, parts = [("the original alone", f"{one / 1e7:.2f}%", "1.00", f"{one / 1e7:.2f}%", "1.000")], []
    for copy, label in enumerate(labels, start=1):
        pay = share(course, answers, {0: proofs[0], copy: proofs[copy]}, rounds=rounds)
        part = pay.total_shared_skill_nano / max(one, proofs[copy].skill_nano, 1)
        mine, other = pay.miners
        rows.append((
            label, f"{proofs[copy].skill_nano / 1e7:.2f}%", f"{mine.divisor_nano / 1e9:.2f}",
            f"{other.shared_skill_nano / 1e7:.2f}%", f"{part:.3f}",
        ))  # fmt: skip
        parts.append(part)
    return Finding(
        title=f"One copy at a time beside its original ({rounds} rounds of closes.point, {STEPS} steps each)",
        claim="An original and its copy together earn no more than the better of them alone.",
        prices=course.label,
        columns=("the copy", "proves", "the original's divisor", "the copy is paid for", "both, x the better alone"),
        rows=tuple(rows),
        holds=one > 0 and max(parts) <= 1 + TOLERANCE,
        verdict=f"The best pair earns {max(parts):.3f} times what its better half earns alone.",
        x_label="",
        y_label="pay of both, as a multiple of the better one's alone",
        curves=tuple(Curve(label, (0.0,), (part,)) for label, part in zip(labels, parts, strict=True)),
        is_bars=True,
    )
