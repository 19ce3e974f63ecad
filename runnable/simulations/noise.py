"""Do many keys that bet at random get paid? At most as often as the confidence of the test says."""

from __future__ import annotations

from math import sqrt

import numpy as np

from protocol.params import MAIN
from protocol.units import DAY_MS, MICRO, NanoReturns
from runnable.simulations.course import Closes, lay_course, play, prove, share
from runnable.simulations.findings import Curve, Finding
from runnable.simulations.players import Floats, chance, paths, spread_nano

BET = 0.02
"""The bet, in standard deviations of each step."""
LEAN_ROUNDS = 72
"""A leaning key holds its side for this many hourly rounds: three days."""


def run(closes: Closes, *, keys: int, seed: int) -> Finding:
    """Half the keys toss a coin each round, half lean one way for three days at a time; each is judged every day."""
    course = lay_course(closes, is_point=True, cadence_steps=12)
    coins = keys // 2

    def sides(i: int) -> Floats:
        fresh = chance(seed, i).choice((-1.0, 1.0), coins)
        # every key turns at an hour of its own
        turn = (i + np.arange(keys - coins)) // LEAN_ROUNDS
        held = [chance(seed, int(at), 1 + key).choice((-1.0, 1.0)) for key, at in enumerate(turn)]
        return np.concatenate([fresh, held])

    table = np.stack([sides(i) for i in range(len(course.rounds))])

    def answers(i: int) -> NanoReturns:
        return paths(BET * table[i][:, np.newaxis] * spread_nano(course.rounds[i].sigma_pico))

    gains = play(course, answers)
    first_ms = course.rounds[0].anchor_at_ms
    days, paid_coins, paid_leans, pool = [], [], [], []
    for day in range(5, (course.rounds[-1].anchor_at_ms - first_ms) // DAY_MS + 1):
        rounds = sum(one.anchor_at_ms < first_ms + day * DAY_MS for one in course.rounds)
        proofs = prove(course, gains, rounds=rounds)
        paid = [p.skill_nano > 0 for p in proofs]
        shared = share(course, answers, {k: p for k, p in enumerate(proofs) if p.skill_nano > 0}, rounds=rounds)
        days.append(float(day))
        paid_coins.append(sum(paid[:coins]) / coins)
        paid_leans.append(sum(paid[coins:]) / (keys - coins))
        pool.append(min(1.0, shared.total_shared_skill_nano / MAIN.pay.full_pay_skill_nano))
    stated = 1 - MAIN.skill.confidence_ppm / MICRO
    allowed = stated + 3 * sqrt(stated * (1 - stated) / coins)
    holds = bool(max(np.mean(paid_coins), np.mean(paid_leans)) <= allowed)
    gain = gains.sum(axis=0) / sum(one.baseline_loss_nano for one in course.rounds)
    rows = tuple(
        (
            name,
            str(count),
            f"{100 * gain[part].mean():+.3f}%",
            f"{100 * np.mean(often):.2f}%",
            f"{100 * max(often):.2f}%",
        )
        for name, count, part, often in (
            ("toss a coin each round", coins, slice(0, coins), paid_coins),
            ("lean one way for 3 days", keys - coins, slice(coins, None), paid_leans),
        )
    )
    return Finding(
        title=f"{keys} keys bet at random by {100 * BET:g}% of sigma ({len(course.rounds)} rounds of closes.point)",
        claim=f"At most {100 * stated:g}% of unskilled keys are paid at a time.",
        prices=course.label,
        columns=("keys that", "keys", "mean gain", "paid at a time (mean)", "(worst day)"),
        rows=rows,
        holds=holds,
        verdict=f"Together they earned {100 * np.mean(pool):.2f}% of the pool a day on average, "
        f"{100 * pool[-1]:.2f}% on the last day (allowed share paid, with 3 standard errors: {100 * allowed:.2f}%).",
        x_label="days of rounds in memory",
        y_label="part paid",
        curves=(
            Curve("coin: part of keys paid", tuple(days), tuple(paid_coins)),
            Curve("lean: part of keys paid", tuple(days), tuple(paid_leans)),
            Curve("part of the pool they earn together", tuple(days), tuple(pool)),
            Curve("stated", tuple(days), (stated,) * len(days)),
        ),
    )
