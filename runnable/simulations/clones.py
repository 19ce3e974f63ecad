"""Do ten clones of one skilled key earn more than the one? With noise to look different, and without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from protocol.units import NanoReturns
from runnable.simulations.course import Answers, Closes, Course, lay_course, play, prove, share
from runnable.simulations.findings import Curve, Finding
from runnable.simulations.players import chance, drawn_walk, paths, seer, spaced_walk, volatility_seer, walks, whole

CLONES = 10
MEMBERS = 64
NOISES = (0.0, 0.1, 0.5, 1.0, 3.0)
"""Variance of each clone's own noise, as a multiple of its signal's."""
TOLERANCE = 0.02
"""A group may earn this much more than one key before the claim is broken: the luck of its own noise."""


def run_points(closes: Closes, *, seed: int) -> Finding:
    """closes.point: clones of a seer, each adding a random walk of its own."""
    course = lay_course(closes, is_point=True, cadence_steps=12)
    know = 0.8
    answer = seer(course, knows=know, seed=seed)

    def answers(i: int) -> NanoReturns:
        signal = answer(i)
        noise = walks(chance(seed, i, 1), CLONES, course.rounds[i].sigma_pico) * know
        clones = [signal + np.sqrt(x) * noise[clone] for x in NOISES for clone in range(CLONES)]
        return paths([signal, *clones])

    labels = [f"{CLONES} clones, noise {x:g} x signal" if x else f"{CLONES} exact clones" for x in NOISES]
    return _judge(course, answers, labels, what="closes.point: a miner that knows a part of the path to come")


def run_ensembles(closes: Closes, *, seed: int) -> Finding:
    """closes.paths: clones of a volatility forecaster, exact, or each with its own draws or its own error."""
    course = lay_course(closes, is_point=False, cadence_steps=24)
    multiple = volatility_seer(course, knows=0.5)

    def answers(i: int) -> NanoReturns:
        sigma, times, draws = course.rounds[i].sigma_pico, multiple(i), chance(seed, i)
        one = spaced_walk(MEMBERS, sigma, times)
        drawn = [drawn_walk(draws, MEMBERS, sigma, times) for _ in range(CLONES)]
        wrong = [
            spaced_walk(MEMBERS, sigma, times * float(np.exp(0.2 * draws.standard_normal()))) for _ in range(CLONES)
        ]
        return whole(np.stack([one, *[one] * CLONES, *drawn, *wrong]))

    labels = [
        f"{CLONES} exact clones",
        f"{CLONES} clones, {MEMBERS} paths each drawn anew",
        f"{CLONES} clones, sigma off by 20% each",
    ]
    return _judge(course, answers, labels, what="closes.paths: a miner that knows a part of the volatility to come")


def _judge(course: Course, answers: Answers, labels: Sequence[str], *, what: str) -> Finding:
    """Player 0 is the one key; then groups of `CLONES`, one a label."""
    gains = play(course, answers)
    rounds = len(course.rounds)
    proofs = prove(course, gains, rounds=rounds)
    groups = {"one key": [0]}
    groups |= {label: list(range(1 + CLONES * g, 1 + CLONES * (g + 1))) for g, label in enumerate(labels)}
    one = proofs[0].skill_nano
    rows, parts = [], []
    for label, players in groups.items():
        pay = share(course, answers, {p: proofs[p] for p in players}, rounds=rounds)
        alone = sum(proofs[p].skill_nano for p in players) / len(players)
        part = pay.total_shared_skill_nano / one if one else 0.0
        divisor = sum(m.divisor_nano for m in pay.miners) / len(players) / 1e9
        rows.append(
            (label, f"{alone / 1e7:.2f}%", f"{divisor:.2f}", f"{pay.total_shared_skill_nano / 1e7:.2f}%", f"{part:.3f}")
        )
        parts.append(part)
    holds = one > 0 and max(parts) <= 1 + TOLERANCE
    return Finding(
        title=f"Clones in {what} ({rounds} rounds)",
        claim="No group of clones earns more than the one key alone.",
        prices=course.label,
        columns=("who", "proven skill each", "divisor", "together after sharing", "as a multiple of one key"),
        rows=tuple(rows),
        holds=holds,
        verdict=f"The best group earns {max(parts[1:]):.3f} times what one key earns.",
        x_label="",
        y_label="pay of the group, as a multiple of one key's",
        curves=tuple(Curve(label, (0.0,), (part,)) for label, part in zip(groups, parts, strict=True)),
        is_bars=True,
    )
