"""Does a key keep its pay when it falls silent after a lucky streak? Silence counts 0, and the memory fades."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from protocol.params import MAIN
from protocol.rules.incentives import Claim, settle_round
from protocol.units import DAY_MS, MICRO, NANO, Micros, Nano, NanoReturns
from runnable.simulations.course import Closes, hotkey_of, lay_course, play, prove
from runnable.simulations.findings import Curve, Finding
from runnable.simulations.players import chance, paths, spread_nano

BET = 0.02
WITHIN_DAYS = 21
"""By then a tenth of the pay at most may be left: one and a half half-lives of the memory."""
STREAK_DAYS = 8
"""When the luckiest key of all stops."""


def run(closes: Closes, *, keys: int, seed: int) -> Finding:
    """Of many keys that bet at random for a few days, the luckiest stops; what do the next weeks pay it?"""
    course = lay_course(closes, is_point=True, cadence_steps=12)
    first_ms = course.rounds[0].anchor_at_ms
    before = sum(one.anchor_at_ms < first_ms + STREAK_DAYS * DAY_MS for one in course.rounds)

    def answers(i: int) -> NanoReturns:
        sides = chance(seed, i).choice((-1.0, 1.0), keys)
        return paths(BET * sides[:, np.newaxis] * spread_nano(course.rounds[i].sigma_pico))

    streak = replace(course, rounds=course.rounds[:before])
    proofs = prove(streak, play(streak, answers), rounds=before)
    lucky = max(range(keys), key=lambda key: proofs[key].skill_nano)
    goes_on = play(course, lambda i: answers(i)[lucky : lucky + 1])[:, 0]
    rests = np.where(np.arange(len(goes_on)) < before, goes_on, 0)
    both = np.stack([rests, goes_on], axis=1)
    days, resting, playing, silent = [], [], [], []
    for day in range(STREAK_DAYS, (course.rounds[-1].anchor_at_ms - first_ms) // DAY_MS + 1):
        rounds = sum(one.anchor_at_ms < first_ms + day * DAY_MS for one in course.rounds)
        rested, continued = prove(course, both, rounds=rounds)
        absent = Claim(hotkey_of(0), rested.skill_nano, Nano(NANO), Nano(0), is_answered=False)
        days.append(float(day - STREAK_DAYS))
        resting.append(rested.skill_nano / 1e7)
        playing.append(continued.skill_nano / 1e7)
        silent.append(settle_round([absent], slice_micros=Micros(MICRO), pay=MAIN.pay).total_shared_skill_nano / 1e7)
    start = resting[0]
    tenth = next((day for day, skill in zip(days, resting, strict=True) if skill <= start / 10), None)
    shown = [at for at in (0, 1, 2, 3, 5, 7, 10, 14, 21, 28) if at < len(days)]
    return Finding(
        title=f"The luckiest of {keys} random keys stops betting after {STREAK_DAYS} days",
        claim="Stopping after a lucky streak stops the pay.",
        prices=course.label,
        columns=("days after it stopped", "paid for: silent", "answers the baseline", "had it gone on"),
        rows=tuple((str(at), f"{silent[at]:.3f}%", f"{resting[at]:.3f}%", f"{playing[at]:.3f}%") for at in shown),
        holds=start > 0 and tenth is not None and tenth <= WITHIN_DAYS and not any(silent),
        verdict="A silent key is paid nothing from its first silent round. If it answers the baseline instead, "
        f"the {start:.3f}% it had proven falls to a tenth {f'on day {tenth:g}' if tenth is not None else 'never'} "
        f"(allowed: {WITHIN_DAYS} days).",
        x_label="days after it stopped",
        y_label="proven skill, %",
        curves=(
            Curve("answers the baseline", tuple(days), tuple(resting)),
            Curve("had it gone on", tuple(days), tuple(playing)),
        ),
    )
