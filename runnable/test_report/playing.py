"""The rounds of a stretch of market, opened, answered and scored by the code that a validator runs.

    candles --new_opening--> opening --Forecaster--> answer --kind.validate--> nano --kind.score--> losses
                                                        └--> step by step: CRPS and the outcome's level, in floats

One forecast at an instant serves every challenge that is due there, as a miner's does. A model that fails is silent in
that round, as a miner would be, and the failure is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Forecast, Window
from mining_objects.walk_forward import ensemble_crps, ensemble_pit
from neurons.market.calendars import calendar_of
from neurons.validating.history import CloseHistory
from neurons.validating.opening import history_until_ms, is_asked, new_opening
from protocol.answers import answer_of
from protocol.errors import AuguryError, TooLittleHistory
from protocol.messages import Opening
from protocol.params import NetworkParams
from protocol.rules.baselines import gaussian_walk_quantiles_nano
from protocol.rules.challenges import VALID, Entry, RoundScores, kind_of
from protocol.rules.deviations import QUANTILES_PPM, Deviations, ensemble_deviations, path_deviations
from protocol.rules.rounds import Truth, look_for_truth
from protocol.units import PRICE_SCALE, Hotkey, NanoReturns, PriceE8, UnixMs
from runnable.test_report.contenders import Contender


@dataclass(frozen=True, slots=True)
class Course:
    """What is played. lead: steps between the newest candle a model sees and T.  every: of each challenge's rounds.

    has_points: whether point challenges are played too; they are twelve times as many rounds.
    """

    window: Window
    calendar: str
    params: NetworkParams
    contenders: tuple[Contender, ...]
    lead: int
    paths: int
    seed: int
    every: int
    has_points: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """A model that gave no sound answer at an instant, and why."""

    label: str
    at_ms: int
    code: str
    sentence: str


@dataclass(slots=True)
class Played:
    """Resolved rounds of one challenge, oldest first; a row a round, then a column a contender.

    sigma_pico, baseline_nano: (n,).  loss_nano, answered: (n, contenders); loss 0 and False for the silent.
    deviations: (n, contenders, steps, depth), int16, as sharing compares them; 0 for the silent.
    truth: (n, steps), log-returns, NaN where missing.  crps, pit: (n, contenders, steps), NaN for the silent; of
    ensembles alone.  square: (n, contenders), the point path's squared error summed over steps; of points alone.
    """

    challenge: str
    at_ms: NDArray[np.int64]
    sigma_pico: NDArray[np.int64]
    baseline_nano: NDArray[np.int64]
    loss_nano: NDArray[np.int64]
    answered: NDArray[np.bool_]
    deviations: NDArray[np.int16]
    truth: Floats
    crps: Floats
    pit: Floats
    square: Floats


@dataclass(slots=True)
class Stretch:
    """A stretch as played. left_out: challenge and reason -> how many rounds never opened or were void.

    failed: label -> how often.  failures: the first of each label.
    """

    played: dict[str, Played]
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


class Player:
    """A worker's own: the models, the closes, and what is needed to ask and score."""

    def __init__(self, course: Course) -> None:
        self._course, self._params = course, course.params
        self._challenges = [one for one in course.params.challenges if one.max_paths > 1 or course.has_points]
        self._calendar = calendar_of(course.calendar)
        self._models = {one.label: one.create() for one in course.contenders}
        self._hotkeys = [one.hotkey for one in course.contenders]
        window = course.window
        self._first_ms, self._step_ms = int(window.open_time_ms[0]) + window.step_ms, window.step_ms
        self._log_close = np.log(window.close)
        self._closes = [None if np.isnan(c) else PriceE8(round(c * PRICE_SCALE)) for c in window.close.tolist()]

    def play(self, from_ms: int, until_ms: int) -> Stretch:
        """Every round anchored in [from_ms, until_ms) whose last step lies in the candles."""
        rounds: dict[str, list[Played]] = {}
        stretch = Stretch({})
        history, fed = CloseHistory(self._course.window.series, self._params), None
        last_ms = self._first_ms + (len(self._closes) - 1 - self._params.time.steps) * self._step_ms
        for at in range(-(-from_ms // self._step_ms) * self._step_ms, min(until_ms, last_ms + 1), self._step_ms):
            anchor = UnixMs(at)
            due = [one for one in self._challenges if at % (one.cadence_ms * self._course.every) == 0]
            if not due or not is_asked(self._calendar, anchor, self._params.time):
                continue
            until = history_until_ms(anchor, self._params.time)
            since = until - history.reach_ms if fed is None else fed + self._step_ms
            for close_at in range(max(since, self._first_ms), until + 1, self._step_ms):
                history.add(close_at, self._close(close_at))
            fed = until
            try:
                openings = [
                    new_opening(self._params, history, self._calendar, one.name, anchor, opened_at_ms=anchor)
                    for one in due
                ]
            except TooLittleHistory:
                stretch.left_out.update((one.name, "too little history") for one in due)
                continue
            truth = self._truth(openings[0])
            if isinstance(truth, str):
                stretch.left_out.update((one.name, truth) for one in due)
                continue
            forecasts = self._ask(openings, stretch)
            for opening in openings:
                scored = self._score(opening, truth, forecasts, stretch)
                rounds.setdefault(opening.challenge, []).append(scored)
        stretch.played = {name: _concatenated(found) for name, found in rounds.items()}
        return stretch

    def _close(self, at_ms: int) -> PriceE8 | None:
        row = (at_ms - self._first_ms) // self._step_ms
        return self._closes[row] if 0 <= row < len(self._closes) else None

    def _truth(self, opening: Opening) -> Truth | str:
        """What happened, or why the round is void; asked when nothing more can come."""
        steps = range(1, opening.steps + 1)
        closes = [self._close(opening.anchor_at_ms + k * self._step_ms) for k in steps]
        _, truth, why = look_for_truth(
            self._close(opening.anchor_at_ms),
            closes,
            anchor_at_ms=opening.anchor_at_ms,
            now_ms=2**62,
            time=self._params.time,
            session_steps=opening.session_steps,
        )
        return why if truth is None else truth

    def _ask(self, openings: Sequence[Opening], stretch: Stretch) -> dict[str, Forecast]:
        """Each model's forecast at this instant; those that fail are left out and noted."""
        anchor, steps = openings[0].anchor_at_ms, openings[0].steps
        paths = self._course.paths if any(opening.max_paths > 1 for opening in openings) else 0
        known = (anchor - self._first_ms) // self._step_ms + 1 - self._course.lead
        forecasts = {}
        for label, model in self._models.items():
            past = self._course.window.rows(max(0, known - model.lookback), known)
            chance = self._course.seed + anchor // self._step_ms
            try:
                [forecasts[label]] = model.forecast(
                    [past], steps=steps, paths=paths, seed=chance, lead=self._course.lead
                )
            except AuguryError as error:
                _note(stretch, Failure(label, anchor, error.code, str(error)))
        return forecasts

    def _score(self, opening: Opening, truth: Truth, forecasts: Mapping[str, Forecast], stretch: Stretch) -> Played:
        """One round."""
        kind, is_point = kind_of(self._params, opening.challenge), opening.max_paths == 1
        answers = {
            label: told.point.reshape(1, -1) if is_point else told.paths[: self._course.paths]
            for label, told in forecasts.items()
        }
        nano: dict[Hotkey, NanoReturns] = {}
        for label, hotkey in zip(self._models, self._hotkeys, strict=True):
            if label in answers:
                try:
                    nano[hotkey] = kind.validate(opening, answer_of(answers[label]))
                except AuguryError as error:
                    _note(stretch, Failure(label, opening.anchor_at_ms, error.code, str(error)))
        entries = [Entry(hotkey, 0, opening.anchor_at_ms, VALID, numbers) for hotkey, numbers in nano.items()]
        scores = kind.score(opening, kind.select(opening, entries), self._hotkeys, truth)
        row = (opening.anchor_at_ms - self._first_ms) // self._step_ms
        outcome = self._log_close[row + 1 : row + 1 + opening.steps] - self._log_close[row]
        members = [
            np.sort(answers[label].astype(np.float64), axis=0) if hotkey in nano else None
            for label, hotkey in zip(self._models, self._hotkeys, strict=True)
        ]
        losses, answered = self._losses(scores)
        crps, pit, square = _by_step(members, outcome, is_point=is_point)
        return Played(
            opening.challenge,
            at_ms=np.array([opening.anchor_at_ms]),
            sigma_pico=np.array([opening.sigma_pico]),
            baseline_nano=np.array([scores.baseline_loss_nano]),
            loss_nano=np.array([losses]),
            answered=np.array([answered]),
            deviations=self._deviations(opening, nano)[None],
            truth=outcome[None],
            crps=crps[None],
            pit=pit[None],
            square=square[None],
        )

    def _losses(self, scores: RoundScores) -> tuple[list[int], list[bool]]:
        by_hotkey = {score.hotkey: score for score in scores.scores}
        own = [by_hotkey[hotkey] for hotkey in self._hotkeys]
        return [score.loss_nano for score in own], [score.status == VALID for score in own]

    def _deviations(self, opening: Opening, nano: Mapping[Hotkey, NanoReturns]) -> NDArray[np.int16]:
        """As `ChallengeBook.compare` takes them."""
        sigma, steps, found = opening.sigma_pico, opening.steps, []
        is_point = opening.max_paths == 1
        baseline = None if is_point else gaussian_walk_quantiles_nano(sigma, steps, QUANTILES_PPM)
        for hotkey in self._hotkeys:
            deviations: Deviations = np.zeros((steps, 1 if is_point else len(QUANTILES_PPM)), np.int16)
            if hotkey in nano and baseline is None:
                deviations = path_deviations(nano[hotkey][0], sigma_pico=sigma)
            elif hotkey in nano and baseline is not None:
                deviations = ensemble_deviations(nano[hotkey], baseline_quantiles_nano=baseline, sigma_pico=sigma)
            found.append(deviations)
        return np.stack(found)


def joined(stretches: Sequence[Stretch]) -> Stretch:
    """One stretch of several, oldest first."""
    whole = Stretch({}, failures=[failure for one in stretches for failure in one.failures])
    for one in stretches:
        whole.left_out.update(one.left_out)
        whole.failed.update(one.failed)
    for name in dict.fromkeys(name for one in stretches for name in one.played):
        whole.played[name] = _concatenated([one.played[name] for one in stretches if name in one.played])
    return whole


def _concatenated(parts: Sequence[Played]) -> Played:
    """Rounds of one challenge, one part after the other."""
    arrays = {f.name: [getattr(part, f.name) for part in parts] for f in fields(Played) if f.name != "challenge"}
    return Played(parts[0].challenge, **{name: np.concatenate(found) for name, found in arrays.items()})


def _note(stretch: Stretch, failure: Failure) -> None:
    stretch.failed[failure.label] += 1
    if stretch.failed[failure.label] == 1:
        stretch.failures.append(failure)


def _by_step(members: Sequence[Floats | None], outcome: Floats, *, is_point: bool) -> tuple[Floats, Floats, Floats]:
    """(crps, pit, square) of one round; what the challenge has not is empty."""
    steps = len(outcome)
    if is_point:
        square = [np.nan if one is None else float(np.nansum((outcome - one[0]) ** 2)) for one in members]
        return np.zeros((len(members), 0)), np.zeros((len(members), 0)), np.array(square)
    unknown = np.full(steps, np.nan)
    crps = [unknown if one is None else ensemble_crps(one, outcome) for one in members]
    pit = [unknown if one is None else ensemble_pit(one, outcome) for one in members]
    return np.stack(crps), np.stack(pit), np.zeros(0)
