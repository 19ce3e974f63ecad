"""The main tables of a test: who earned what, how far each law was from what came, and which differences are luck."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from mining_objects.base_mining_model import Floats
from mining_objects.significance import Comparison, DayBlocks, Estimate, compare
from mining_objects.walk_forward import CENTRAL
from protocol.units import NANO
from runnable.test_report.tables import AUG, E4, GAIN, LOSS, RATIO, SHARE, Figure, P, Row, Table, figure
from runnable.test_report.trial import PATHS, POINT, STANDING, Trial

SHOWN_STEPS = (1, 12, 100)
"""At which calibration is shown."""
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
PIT_BINS = 10


def reward_table(trial: Trial) -> Table:
    """What each contender was paid, together with the others and alone."""
    rows: list[Row] = []
    slices = {name: int(paid.slice_micros.sum()) for name, paid in trial.paid.items()}
    for column, label in enumerate(trial.labels):
        paid = {name: int(epochs.paid_micros[:, column].sum()) for name, epochs in trial.epochs.items()}
        alone = sum(int(epochs.alone_micros[:, column].sum()) for epochs in trial.epochs.values())
        proven = trial.paid[PATHS].skill_nano[:, column] / NANO
        answered = trial.paths.answered[:, column]
        rows.append((
            label,
            figure(float(sum(paid.values())), AUG),
            figure(sum(paid.values()) / max(1, sum(slices.values())), SHARE),
            figure(float(alone), AUG),
            figure(float(paid.get(PATHS, 0)), AUG),
            figure(float(paid.get(POINT, 0)), AUG),
            figure(float(proven[-1]), GAIN),
            figure(float((proven > 0.0).mean()), SHARE),
            figure(float(answered.mean()), SHARE),
        ))  # fmt: skip
    columns = (
        "model", "paid, aug", "of all there was", "paid alone, aug", "closes.paths", "closes.point",
        "proven at the end", "rounds with proof", "answered",
    )  # fmt: skip
    most = sum(slices.values()) / 1e6
    note = (
        f"All of them in one network from nothing on, settled as a validator does; {most:,.0f} aug could be earned. "
        "Alone: the same proofs with nobody to share with. Proven and answered: of closes.paths."
    )
    return Table("reward", "Reward", note, columns, tuple(rows))


def gain_table(trial: Trial) -> Table:
    """The challenges as the network scores them: mean loss and gain over the standing baseline, capped."""
    rows: list[Row] = []
    for name, played in trial.stretch.played.items():
        blocks = trial.blocks if name == PATHS else DayBlocks(played.at_ms)
        baseline = played.baseline_nano / NANO
        for column, label in enumerate(trial.labels):
            loss = np.where(played.answered[:, column], played.loss_nano[:, column] / NANO, np.nan)
            gain = Figure(blocks.gain(loss, baseline), GAIN)
            rows.append((f"{label}, {name}", len(baseline), Figure(blocks.mean(loss), LOSS), gain,
                         trial.paid[name].reasons[column]))  # fmt: skip
    note = (
        "Integers of the rules: scaled by sigma sqrt(k), cut at the cap. Gain: over the standing baseline. "
        "Proof: what the network says after the last round."
    )
    return Table("rounds", "Losses as the rules settle them", note,
                 ("model, challenge", "rounds", "mean loss", "gain", "proof at the end"), tuple(rows))  # fmt: skip


def loss_table(trial: Trial) -> Table:
    """Raw CRPS of everybody, and each one's gain over each reference."""
    rows: list[Row] = []
    for label, raw in trial.raw.items():
        gains = [
            "" if label == reference else Figure(trial.blocks.gain(raw, trial.raw[reference]), GAIN)
            for reference in trial.references
        ]
        means = (trial.blocks.mean(losses).value for losses in (raw, trial.ruled[label]))
        rows.append((label, *(figure(mean, style) for mean, style in zip(means, (E4, LOSS), strict=True)), *gains))
    ordered = [row for row in rows if row[0] in trial.labels] + [row for row in rows if row[0] not in trial.labels]
    note = (
        "CRPS: mean over steps, in 1e-4 of the log price, not divided by sigma: wild hours count most. By the rules: "
        "each step divided by sigma sqrt(k): every hour counts alike. Gain: of CRPS over that reference. References "
        "are Gaussian laws, chosen and fitted before the test. Hours without an answer are left out of a row."
    )
    columns = ("forecast", "CRPS, 1e-4", "by the rules", *(f"gain over {name}" for name in trial.references))
    return Table("crps", "CRPS against references", note, columns, tuple(ordered))


def ranked(trial: Trial) -> list[str]:
    """The tested models, the highest gain over the standing baseline by the rules first.

    Each gain is over the hours that the model answered; one that never did comes last.
    """
    gains = {label: trial.blocks.gain(trial.ruled[label], trial.ruled[STANDING]).value for label in trial.tested}
    return sorted(trial.tested, key=lambda label: (gains[label] is None, -(gains[label] or 0.0)))


def pairs_of(trial: Trial) -> list[tuple[str, str]]:
    """Every tested model against every other contender and every reference, once; the better of two first."""
    tested, others = ranked(trial), [label for label in trial.labels if label not in trial.tested]
    return [*combinations(tested, 2), *((one, other) for one in tested for other in (*others, *trial.references))]


def compared(trial: Trial) -> tuple[list[Comparison], list[Comparison]]:
    """All pairs by the rules, and by raw CRPS; each list is held together by Holm's correction."""
    pairs = pairs_of(trial)
    return compare(trial.blocks, pairs, trial.ruled), compare(trial.blocks, pairs, trial.raw)


def pair_table(ruled: Sequence[Comparison], raw: Sequence[Comparison], trial: Trial) -> Table:
    """Both comparisons of each pair, in plain words."""
    rows: tuple[Row, ...] = tuple(
        (
            f"{one.first} against {one.second}",
            Figure(one.gain, GAIN), figure(one.adjusted_p, P), one.verdict,
            Figure(other.gain, GAIN), figure(other.adjusted_p, P), other.verdict,
        )
        for one, other in zip(ruled, raw, strict=True)
    )  # fmt: skip
    note = (
        f"Intervals: 95%, blocks of {trial.blocks.block_days} of {trial.blocks.days} days resampled. p: two-sided, "
        f"Holm's correction over the {len(rows)} comparisons of a column, so that the chance of even one false "
        "'better' or 'worse' in it is 5%. An interval is that of one comparison, so it may lie above 0 where p is not "
        "below 0.05."
    )
    columns = ("pair", "gain by the rules", "p", "verdict", "gain in raw CRPS", "p of raw", "verdict on raw")
    return Table("pairs", "Which differences are significant", note, columns, rows)


def coverage_table(trial: Trial) -> Table:
    """How often outcomes lay in the middle 50, 80 and 95% of the laws."""
    rows: list[Row] = []
    for label in (*trial.labels, *trial.references):
        rows.append((label, *(Figure(found, SHARE) for _, _, found in covered(trial, label))))
    columns = ("forecast", *(f"step {k}: {part:.0%}" for k in SHOWN_STEPS for part in CENTRAL))
    note = "A law that is right covers what its column says. Too little: it is too narrow; too much: too wide."
    return Table("coverage", "Coverage", note, columns, tuple(rows))


def covered(trial: Trial, label: str) -> list[tuple[int, float, Estimate]]:
    """(step, level, how often the outcome lay in the law's middle part of that level).

    Always or never has no interval: days of one kind resampled tell nothing of the other.
    """
    found = []
    for k in SHOWN_STEPS:
        for part in CENTRAL:
            one = trial.blocks.mean(_inside(trial, label, k, part))
            found.append((k, part, Estimate(one.value) if one.value in (0.0, 1.0) else one))
    return found


def reliability_table(trial: Trial) -> Table:
    """Coverage at ten levels, at each of the shown steps."""
    rows: tuple[Row, ...] = tuple(
        (f"{label}, step {k}", *(figure(covered_part(trial, label, k, level), SHARE) for level in LEVELS))
        for label in trial.labels
        for k in SHOWN_STEPS
    )
    note = "How often outcomes lay in the middle part of the law that the column names."
    return Table("reliability", "Reliability", note, ("forecast", *(f"{level:.0%}" for level in LEVELS)), rows)


def pit_table(trial: Trial) -> Table:
    """Where in its law outcomes fell, in tenths."""
    rows: tuple[Row, ...] = tuple(
        (f"{label}, step {k}", *(Figure(part, SHARE) for part in pit_shares(trial, label, k)))
        for label in trial.tested
        for k in SHOWN_STEPS
    )
    columns = ("forecast", *(f"{10 * i} to {10 * i + 10}%" for i in range(PIT_BINS)))
    note = "Part of the outcomes in each tenth of the law, lowest first; 10% each is right. Intervals: of each alone."
    return Table("pit", "Where in its law the outcome lay", note, columns, rows)


def pit_shares(trial: Trial, label: str, k: int) -> list[Estimate]:
    """The part of the outcomes in each tenth of the law, lowest first, with 95% of the draws of days.

    All or none of them has no interval, as in `covered`; without any outcome there is no value either.
    """
    levels = trial.pit[label][:, k - 1]
    tenth = np.digitize(levels, np.linspace(0.0, 1.0, PIT_BINS + 1)[1:-1])
    parts = [trial.blocks.mean(np.where(np.isnan(levels), np.nan, tenth == place)) for place in range(PIT_BINS)]
    return [Estimate(one.value) if one.value in (0.0, 1.0) else one for one in parts]


def point_table(trial: Trial) -> Table:
    """The point paths' RMSE as part of the random walk's."""
    played = trial.stretch.played.get(POINT)
    rows: list[Row] = []
    if played is not None:
        blocks, still = DayBlocks(played.at_ms), np.nansum(played.truth**2, axis=1)
        for column, label in enumerate(trial.labels):
            part = blocks.ratio(played.square[:, column], np.where(played.answered[:, column], still, np.nan))
            roots = [None if v is None else float(np.sqrt(v)) for v in (part.value, part.low, part.high)]
            rows.append((label, Figure(Estimate(*roots), RATIO), _word_on(roots[0], roots[1], roots[2])))
    note = "Over all steps of every round of closes.point. Below 1 is better than saying that the price stays."
    return Table("points", "Point paths against the random walk", note,
                 ("model", "RMSE / random walk's", "verdict"), tuple(rows))  # fmt: skip


def _word_on(value: float | None, low: float | None, high: float | None) -> str:
    if value == 1.0:
        return "identical"
    if low is None or high is None:
        return "too few days"
    return "better" if high < 1.0 else "worse" if low > 1.0 else "not significant"


def covered_part(trial: Trial, label: str, k: int, part: float) -> float:
    """How often the outcome of step k lay in the middle part of the law; NaN where nothing is known."""
    inside = _inside(trial, label, k, part)
    known = inside[~np.isnan(inside)]
    return float(known.mean()) if len(known) else float("nan")


def _inside(trial: Trial, label: str, k: int, part: float) -> Floats:
    """(hours,): 1, 0 or NaN."""
    levels = trial.pit[label][:, k - 1]
    return np.where(np.isnan(levels), np.nan, np.abs(2.0 * levels - 1.0) <= part)
