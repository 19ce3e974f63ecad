"""A whole test: rounds played and paid, and the same hours put to references that anybody could have made before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from mining_objects.base_mining_model import Floats
from mining_objects.plain_har import plain_har_scale
from mining_objects.regimes import VolatilityTerciles
from mining_objects.significance import DayBlocks
from mining_objects.walk_forward import Asked, best_half_life, one_volatility, score_gaussian
from protocol.errors import InvalidSetting
from protocol.units import DAY_MS, PICO
from runnable.test_report import paying, playing
from runnable.test_report.contenders import day_of
from runnable.test_report.paying import Epochs, Paid
from runnable.test_report.playing import Course, Played, Player, Stretch
from runnable.test_report.workers import in_processes

POINT: Final = "closes.point"
PATHS: Final = "closes.paths"
PAST_DAYS: Final = 60
"""So long before the test candles must begin: references and regimes are fixed on what lies before it."""
STRETCH_DAYS: Final = 2
HALF_LIVES: Final = ("12", "24", "36", "72", "144", "288", "576", "1152")
"""In steps; the best of them on the past is the EWMA that models are compared with."""
STANDING, CONSTANT, MONTH, PLAIN_HAR = "standing baseline", "one volatility", "30-day volatility", "plain HAR + season"

Tell = Callable[[str, int, int], None]
"""(what is done, how much of it, of how much)."""


@dataclass(frozen=True)
class Trial:
    """What a test found. crps, pit: of each contender and reference, (hours, steps); NaN where it gave no answer."""

    course: Course
    from_ms: int
    until_ms: int
    stretch: Stretch
    paid: dict[str, Paid]
    epochs: dict[str, Epochs]
    references: tuple[str, ...]
    crps: dict[str, Floats]
    pit: dict[str, Floats]
    terciles: VolatilityTerciles

    @property
    def labels(self) -> tuple[str, ...]:
        """All contenders, in the order of every array's columns."""
        return tuple(one.label for one in self.course.contenders)

    @property
    def tested(self) -> tuple[str, ...]:
        return tuple(one.label for one in self.course.contenders if one.is_tested)

    @property
    def paths(self) -> Played:
        """The hourly rounds, whose ensembles nearly everything in a report is about."""
        return self.stretch.played[PATHS]

    @cached_property
    def sigma(self) -> Floats:
        """(hours,), the rounds' own, as a log-return of one step."""
        return self.paths.sigma_pico / PICO

    @cached_property
    def unit(self) -> Floats:
        """(hours, steps): sigma sqrt(k), by which the rules divide."""
        steps = self.course.params.time.steps
        return self.sigma[:, None] * np.sqrt(np.arange(1, steps + 1))

    @cached_property
    def raw(self) -> dict[str, Floats]:
        """(hours,): the mean CRPS over steps in log-returns."""
        return {name: _mean_over_steps(crps) for name, crps in self.crps.items()}

    @cached_property
    def ruled(self) -> dict[str, Floats]:
        """(hours,): the mean over steps of CRPS / (sigma sqrt(k)), as rounds score it, but neither rounded nor cut."""
        return {name: _mean_over_steps(crps / self.unit) for name, crps in self.crps.items()}

    @cached_property
    def blocks(self) -> DayBlocks:
        """The draws of days behind every interval about hourly rounds."""
        return DayBlocks(self.paths.at_ms)


def run_trial(course: Course, from_ms: int, until_ms: int, *, processes: int, tell: Tell) -> Trial:
    """Plays, pays and compares. Equal arguments give equal results, whatever the number of processes.

    Raises InvalidSetting when the candles are too few for the period or for what is fixed before it.
    """
    _check_period(course, from_ms, until_ms)
    steps, step_ms = course.params.time.steps, course.params.time.step_ms
    span, stop = STRETCH_DAYS * DAY_MS, until_ms - steps * step_ms + 1
    jobs = [(at, min(at + span, stop)) for at in range(from_ms, stop, span)]
    stretches = []
    for done in in_processes(processes, _play, jobs, begin=_begin, shared=course):
        stretches.append(done)
        tell("rounds", len(stretches), len(jobs))
    stretch = playing.joined(stretches)
    if PATHS not in stretch.played:
        told = "; ".join(f"{n} of {name}: {why}" for (name, why), n in sorted(stretch.left_out.items())) or "none fits"
        raise InvalidSetting(f"no round between --from and --to could be scored ({told})", setting="from")
    paid, epochs = _pay(course, stretch, processes, tell)
    tell("references", 0, 1)
    crps, pit, references = _references(course, stretch.played[PATHS], from_ms)
    for column, one in enumerate(course.contenders):
        crps[one.label] = stretch.played[PATHS].crps[:, column]
        pit[one.label] = stretch.played[PATHS].pit[:, column]
    half_life = course.params.loss.sigma_half_life_steps
    terciles = VolatilityTerciles.of_past(course.window, from_ms, half_life=half_life, steps=steps, lead=course.lead)
    tell("references", 1, 1)
    return Trial(course, from_ms, until_ms, stretch, paid, epochs, references, crps, pit, terciles)


def _check_period(course: Course, from_ms: int, until_ms: int) -> None:
    begins_ms, time = int(course.window.open_time_ms[0]), course.params.time
    if from_ms >= course.window.end_ms:
        raise InvalidSetting(
            f"the test begins on {day_of(from_ms)}, when the candles have ended: on {day_of(course.window.end_ms)}",
            setting="from",
        )
    if from_ms < begins_ms + PAST_DAYS * DAY_MS:
        raise InvalidSetting(
            f"the test begins on {day_of(from_ms)}, and candles on {day_of(begins_ms)}: {PAST_DAYS} days are needed "
            "before it, on which the references are fixed",
            setting="from",
        )
    if course.window.step_ms != time.step_ms:
        raise InvalidSetting(f"rounds need candles of {time.step_ms} ms, were {course.window.step_ms}", setting="data")
    if until_ms < from_ms + DAY_MS:
        raise InvalidSetting(
            f"a test takes at least a day of candles: from {day_of(from_ms)} they go to {day_of(until_ms)}",
            setting="to",
        )


def _pay(course: Course, stretch: Stretch, processes: int, tell: Tell) -> tuple[dict[str, Paid], dict[str, Epochs]]:
    """Settles every challenge, its stretches side by side."""
    hotkeys = tuple(one.hotkey for one in course.contenders)
    jobs = [job for played in stretch.played.values() for job in paying.jobs_of(played, hotkeys, course.params)]
    done: dict[str, list[Paid]] = {name: [] for name in stretch.played}
    settled = in_processes(processes, paying.settle, jobs, begin=_no_start, shared=None)
    for number, (job, paid) in enumerate(zip(jobs, settled, strict=True), 1):
        done[job.challenge].append(paid)
        tell("pay", number, len(jobs))
    paid_of = {name: paying.joined(parts) for name, parts in done.items()}
    epochs = {
        name: paying.close_epochs(stretch.played[name], paid, hotkeys, course.params, course.window.series)
        for name, paid in paid_of.items()
    }
    return paid_of, epochs


def _references(
    course: Course, played: Played, from_ms: int
) -> tuple[dict[str, Floats], dict[str, Floats], tuple[str, ...]]:
    """CRPS and levels of Gaussian walks, and of a plain HAR, all chosen and fitted on what lies before the test."""
    window, steps = course.window, course.params.time.steps
    first_ms = int(window.open_time_ms[0])
    rows = (played.at_ms - first_ms) // window.step_ms - 1
    asked = Asked(window, course.lead, played.at_ms, rows, played.truth)
    best = best_half_life(window, first_ms, from_ms, steps=steps, lead=course.lead, tried=HALF_LIVES)
    standing = (played.sigma_pico / PICO)[:, None] * np.sqrt(np.arange(1, steps + 1))
    scales = {
        STANDING: standing,
        CONSTANT: one_volatility(asked, "constant"),
        MONTH: one_volatility(asked, "month"),
        f"EWMA of {best} steps": one_volatility(asked, best),
        PLAIN_HAR: plain_har_scale(asked, from_ms),
    }
    scored = {name: score_gaussian(scale, asked) for name, scale in scales.items()}
    crps = {name: one.crps for name, one in scored.items()}
    return crps, {name: one.pit for name, one in scored.items()}, tuple(scales)


def _mean_over_steps(values: Floats) -> Floats:
    """(n,) of (n, steps), missing steps left out; NaN where all are."""
    known = ~np.isnan(values)
    mean: Floats = np.where(known, values, 0.0).sum(axis=1) / np.where(known.any(axis=1), known.sum(axis=1), np.nan)
    return mean


_players: list[Player] = []


def _begin(course: Course) -> None:
    """A process's start: its models are loaded once."""
    _players[:] = [Player(course)]


def _play(job: tuple[int, int]) -> Stretch:
    return _players[0].play(*job)


def _no_start(_: None) -> None:
    return None
