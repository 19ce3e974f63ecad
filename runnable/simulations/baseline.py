"""Does answering the baseline itself earn anything, however the answer is dressed?"""

from __future__ import annotations

import numpy as np

from protocol.units import NanoReturns
from runnable.simulations.course import STEPS, Answers, Closes, Course, lay_course, play, prove
from runnable.simulations.findings import Curve, Finding
from runnable.simulations.players import chance, drawn_walk, paths, spaced_walk, spread_nano, whole


def run_points(closes: Closes) -> Finding:
    """closes.point: the path that stays, and the same leaning a little one way."""
    course = lay_course(closes, is_point=True, cadence_steps=12)

    def answers(i: int) -> NanoReturns:
        spread = spread_nano(course.rounds[i].sigma_pico)
        return paths([np.zeros(STEPS), 1e-4 * spread, -1e-4 * spread])

    return _judge(course, answers, ("the price stays", "a hair upwards", "a hair downwards"), what="closes.point")


def run_ensembles(closes: Closes, *, seed: int) -> Finding:
    """closes.paths: the baseline's law drawn at random, evenly spaced, and collapsed."""
    course = lay_course(closes, is_point=False, cadence_steps=24)

    def answers(i: int) -> NanoReturns:
        sigma = course.rounds[i].sigma_pico
        return whole(np.stack([drawn_walk(chance(seed, i), 64, sigma), spaced_walk(64, sigma), np.zeros((64, STEPS))]))

    labels = ("64 paths drawn from it", "64 paths evenly spaced over it", "64 times the price stays")
    return _judge(course, answers, labels, what="closes.paths")


def _judge(course: Course, answers: Answers, labels: tuple[str, ...], *, what: str) -> Finding:
    gains = play(course, answers)
    rounds = len(course.rounds)
    proofs = prove(course, gains, rounds=rounds)
    baseline = np.cumsum([one.baseline_loss_nano for one in course.rounds])
    holds = all(proof.skill_nano == 0 for proof in proofs)
    best = max(proof.skill_nano for proof in proofs)
    days = tuple((one.anchor_at_ms - course.rounds[0].anchor_at_ms) / 86_400_000 for one in course.rounds)
    return Finding(
        title=f"Answering the baseline of {what} ({rounds} rounds)",
        claim="Who answers the baseline proves no skill.",
        prices=course.label,
        columns=("answer", "mean gain", "bound", "proven skill"),
        rows=tuple(
            (label, f"{p.mean_nano / 1e7:+.3f}%", f"{p.lower_bound_nano / 1e7:+.3f}%", f"{p.skill_nano / 1e7:.3f}%")
            for label, p in zip(labels, proofs, strict=True)
        ),
        holds=holds,
        verdict=f"The most that was proven is {best / 1e7:.3f}%.",
        x_label="days",
        y_label="gain so far, part of the baseline's loss",
        curves=tuple(
            Curve(label, days, tuple((gains[:, player].cumsum() / baseline).tolist()))
            for player, label in enumerate(labels)
        ),
    )
