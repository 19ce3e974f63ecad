"""What a test found, in plain sentences: who is better than what, by how much, and whether that is more than luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mining_objects.significance import Comparison
from protocol.units import MICRO
from runnable.test_report.contenders import day_of
from runnable.test_report.findings import covered, ranked
from runnable.test_report.tables import GAIN, SHARE, Figure
from runnable.test_report.trial import STANDING, Trial

TOLERATED = 0.02
"""Coverage this near to its level is called right whatever its interval says."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """tone: good, bad or plain, for whoever shows it."""

    tone: str
    text: str


def headline(trial: Trial, ruled: Sequence[Comparison], raw: Sequence[Comparison]) -> list[Sentence]:
    """The most important first."""
    return [
        *_first_place(trial, ruled),
        *_failures(trial),
        *_over_references(trial, raw),
        *_pay(trial),
        *_calibration(trial),
    ]


def _first_place(trial: Trial, ruled: Sequence[Comparison]) -> list[Sentence]:
    """The lowest loss by the rules, and the other tested models beside it."""
    best, *others = ranked(trial)
    if best not in _answering(trial):
        return [Sentence("bad", "No tested model answered any round: there is nothing to compare.")]
    over = next(one for one in ruled if (one.first, one.second) == (best, STANDING))
    place = "the lowest loss of the tested models" if others else "the only tested model's loss"
    told = [
        Sentence(_tone(over), f"{best}: {place}, {_by(over)} the standing baseline{_interval(over)}: {_said(over)}.")
    ]
    for one in ruled:
        if (one.first == best or one.is_identical) and one.second in trial.labels and one.gain.value is not None:
            told.append(Sentence(_tone(one), f"{one.first} against {one.second}: {_difference(one)}."))
    return told


def _over_references(trial: Trial, raw: Sequence[Comparison]) -> list[Sentence]:
    """Raw CRPS of each tested model against what anybody could have said."""
    told = []
    for label in _answering(trial):
        against = [one for one in raw if one.first == label and one.second in trial.references]
        by_verdict: dict[str, list[str]] = {}
        for one in against:
            by_verdict.setdefault(_said(one), []).append(f"{_gain(one)} over {one.second}")
        parts = [f"{', '.join(gains)}: {said}" for said, gains in by_verdict.items()]
        tone = "good" if all(one.verdict == "better" for one in against) else "plain"
        told.append(Sentence(tone, f"{label} in raw CRPS: {'; '.join(parts)}."))
    return told


def _pay(trial: Trial) -> list[Sentence]:
    whole = sum(int(paid.slice_micros.sum()) for paid in trial.paid.values())
    sums = [
        sum(int(epochs.paid_micros[:, column].sum()) for epochs in trial.epochs.values())
        for column in range(len(trial.labels))
    ]
    most = max(sums)
    if most == 0:
        return [Sentence("bad", f"Nobody was paid: of {whole / MICRO:,.0f} aug nothing was earned by proven skill.")]
    first = trial.labels[sums.index(most)]
    share, all_ = SHARE.write(most / whole) + "%", SHARE.write(sum(sums) / whole) + "%"
    return [
        Sentence(
            "plain",
            f"Paid most: {first}, {most / MICRO:,.1f} aug, {share} of the {whole / MICRO:,.0f} there were; all of them "
            f"earned {all_} together.",
        )
    ]


def _calibration(trial: Trial) -> list[Sentence]:
    """Which coverages are off by more than 2 points with an interval that does not hold their level."""
    told = []
    if not trial.blocks.has_intervals:
        return [
            Sentence("plain", f"Whether anybody covers what it says: {trial.blocks.days} days are too few to tell.")
        ]
    for label in _answering(trial):
        wrong = [
            f"{Figure(found, SHARE).value} where {part:.0%} are wanted at step {k}"
            for k, part, found in covered(trial, label)
            if found.value is not None and abs(found.value - part) > TOLERATED and found.excludes(part)
        ]
        right = "what it says: within 2 points, or not significantly off, everywhere"
        told.append(Sentence("bad" if wrong else "good", f"{label} covers {'; '.join(wrong) or right}."))
    return told


def _failures(trial: Trial) -> list[Sentence]:
    rounds = sum(len(played.at_ms) for played in trial.stretch.played.values())
    return [
        Sentence(
            "bad",
            f"{label} gave no sound answer {count:,} times in {rounds:,} rounds; it was silent in them. "
            f"First on {_first_failure(trial, label)}",
        )
        for label, count in sorted(trial.stretch.failed.items())
    ]


def _first_failure(trial: Trial, label: str) -> str:
    first = next(one for one in trial.stretch.failures if one.label == label)
    return f"{day_of(first.at_ms)} ({first.code}): {first.sentence}."


def _answering(trial: Trial) -> list[str]:
    """The tested models that answered in at least one hour, the best first."""
    return [label for label in ranked(trial) if not np.isnan(trial.ruled[label]).all()]


def _by(one: Comparison) -> str:
    value = one.gain.value or 0.0
    return f"{abs(value):.2%} {'below' if value >= 0.0 else 'above'}"


def _difference(one: Comparison) -> str:
    if one.is_identical:
        return "identical, answer by answer"
    return f"{_by(one).replace('below', 'lower loss').replace('above', 'higher loss')}{_interval(one)}, {_said(one)}"


def _said(one: Comparison) -> str:
    words = {"better": "significant", "worse": "significantly worse", "too few days": "too few days to say more"}
    return words.get(one.verdict, one.verdict)


def _gain(one: Comparison) -> str:
    return Figure(one.gain, GAIN).value


def _interval(one: Comparison) -> str:
    told = Figure(one.gain, GAIN).interval
    return f" ({told})" if told else ""


def _tone(one: Comparison) -> str:
    return {"better": "good", "worse": "bad"}.get(one.verdict, "plain")
