"""Rounds of a test are the network's own: a real validator that hears the same answers stores the same numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from mining_objects.base_mining_model import Forecast, Window
from mining_objects.errors import BrokenModel
from protocol.answers import answer_of
from protocol.messages import Answer, Opening
from protocol.params import MAIN
from protocol.units import HOUR_MS
from runnable.test_report.paying import close_epochs, jobs_of, joined, settle
from runnable.test_report.playing import Player
from runnable.test_report.playing import joined as stretches_joined
from tests.support.brisk import ANCHOR, BRISK, PATHS, POINT, play
from tests.support.contenders import course_of, scripted, walking
from tests.support.virtual_time import START_MS
from tests.support.windows import STEP_MS, walk_window
from tests.support.world import SERIES, WalkMarket, World, signing_key

NAMES = ("alice", "bob", "carol")
FAST = replace(BRISK, loss=replace(BRISK.loss, sigma_window_steps=BRISK.time.min_history_steps))
"""Sigma looks back no further than a round needs, as in MAIN: so it is the same whenever a validator began."""
SHORT = replace(MAIN, time=replace(MAIN.time, min_history_steps=600))
WINDOW = walk_window(2_000, gaps=(1_500,))
FROM_MS = int(WINDOW.open_time_ms[1_300])


def _close(at_ms: int) -> int:
    return WalkMarket(None, STEP_MS, 0).close(at_ms)


def _told(name: str):
    """Nearly what comes, so that skill is proven soon; carol tells nearly what bob does, so that they share."""

    def tell(anchor: int, steps: int, paths: int) -> Forecast:
        ahead = np.log(np.array([_close(anchor + k * STEP_MS) for k in range(1, steps + 1)]) / _close(anchor))
        chance = np.random.default_rng([len(name) % 2, anchor // STEP_MS])
        off = np.cumsum(chance.normal(0, 5e-5, (paths + 1, steps)), axis=1) * (1.0 + NAMES.index(name))
        return Forecast((ahead + off[0]).astype(np.float32), (ahead + off[1:]).astype(np.float32))

    return tell


@dataclass
class Telling:
    """A miner of the in-memory network that answers the same."""

    name: str
    model: str = "told"

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer:
        forecast = _told(self.name)(opening.anchor_at_ms, opening.steps, 64)
        return answer_of(forecast.point.reshape(1, -1) if opening.max_paths == 1 else forecast.paths)

    async def aclose(self) -> None:
        return None


@pytest.fixture(scope="module")
def network():
    """(what a real validator stored, what the test's player made of the same answers)."""

    async def scenario(world: World) -> None:
        for name in NAMES:
            await world.miner(name, Telling(name))

    outcome = play(scenario, until_ms=ANCHOR + 9 * HOUR_MS, params=FAST)
    first, last = (f(row.anchor_at_ms for row in outcome.rounds) for f in (min, max))
    ends = range(START_MS - START_MS % STEP_MS - 400 * STEP_MS, last + 20 * STEP_MS, STEP_MS)
    window = Window.of_closes(SERIES, STEP_MS, {at: _close(at) for at in ends})
    contenders = [scripted(name, _told(name), key=signing_key(name).hotkey) for name in NAMES]
    player = Player(course_of(window, contenders, params=FAST))
    return outcome, player.play(first, last + 1)


def _rows(outcome, challenge):
    return {
        row.anchor_at_ms: row
        for row in outcome.rounds
        if row.challenge == challenge and row.baseline_loss_nano is not None
    }


@pytest.mark.parametrize("challenge", [POINT, PATHS])
def test_sigma_baseline_and_losses_are_those_that_a_validator_stored(network, challenge):
    outcome, stretch = network
    played, stored = stretch.played[challenge], _rows(network[0], challenge)
    at = {int(anchor): i for i, anchor in enumerate(played.at_ms)}

    assert len(stored) > (4 if challenge == PATHS else 50)
    assert set(stored) <= set(at)
    for anchor, row in stored.items():
        assert row.sigma_pico == played.sigma_pico[at[anchor]]
        assert row.baseline_loss_nano == played.baseline_nano[at[anchor]]
    for column, name in enumerate(NAMES):
        for score in outcome.scores[signing_key(name).hotkey]:
            if score.challenge == challenge:
                assert score.loss_nano == played.loss_nano[at[score.anchor_at_ms], column]


@pytest.mark.parametrize("challenge", [POINT, PATHS])
def test_proofs_sharing_and_pay_are_those_that_a_validator_stored(network, challenge):
    outcome, stretch = network
    played = stretch.played[challenge]
    hotkeys = tuple(signing_key(name).hotkey for name in NAMES)
    paid = joined([settle(job) for job in jobs_of(played, hotkeys, FAST)])
    at = {int(anchor): i for i, anchor in enumerate(played.at_ms)}

    shared = 0
    for column, hotkey in enumerate(hotkeys):
        for pay in outcome.pays[hotkey]:
            if pay.challenge == challenge:
                row = at[pay.anchor_at_ms]
                assert (pay.skill_nano, pay.shared_skill_nano, pay.accrued_micros) == (
                    paid.skill_nano[row, column],
                    paid.shared_nano[row, column],
                    paid.accrued_micros[row, column],
                )
                shared += pay.shared_skill_nano < pay.skill_nano
    assert shared > 3 or challenge == PATHS
    assert paid.skill_nano.any()

    epochs = close_epochs(played, paid, hotkeys, FAST, SERIES)
    closed = [epoch for epoch in outcome.epochs if epoch.challenge == challenge]
    assert closed
    for epoch in closed:
        own = epochs.paid_micros[list(epochs.epochs).index(epoch.epoch)]
        assert epoch.paid_micros == own.sum()


def test_a_model_that_fails_is_silent_in_that_round_and_the_others_go_on():
    broken_at = set()

    def tell(anchor: int, steps: int, paths: int) -> Forecast:
        if anchor % (3 * HOUR_MS) == 0:
            broken_at.add(anchor)
            raise BrokenModel("holds 3 numbers that are not finite", model="moody")
        return walking(1e-3)(anchor, steps, paths)

    contenders = [scripted("moody", tell), scripted("steady", walking(1e-3))]
    stretch = Player(course_of(WINDOW, contenders, params=SHORT)).play(FROM_MS, FROM_MS + 12 * HOUR_MS)
    played = stretch.played[PATHS]
    failed = np.isin(played.at_ms, list(broken_at))

    assert failed.any()
    np.testing.assert_array_equal(~failed, played.answered[:, 0])
    assert played.answered[:, 1].all()
    assert np.isnan(played.crps[failed, 0]).all()
    assert not played.loss_nano[failed, 0].any()
    assert {("moody", "broken-model")} == {(one.label, one.code) for one in stretch.failures}
    np.testing.assert_array_equal(played.loss_nano[~failed, 0], played.loss_nano[~failed, 1])


def test_an_answer_that_is_no_answer_is_refused_as_a_validator_would():
    def tell(anchor: int, steps: int, paths: int) -> Forecast:
        return Forecast(np.zeros(steps, np.float32), np.full((paths, steps), np.nan, np.float32))

    stretch = Player(course_of(WINDOW, [scripted("nan", tell)], params=SHORT)).play(FROM_MS, FROM_MS + 3 * HOUR_MS)

    assert not stretch.played[PATHS].answered.any()
    assert stretch.played[POINT].answered.all()
    assert {"invalid-answer"} == {one.code for one in stretch.failures}


def test_a_round_without_its_anchor_or_with_too_little_history_is_left_out():
    player = Player(course_of(WINDOW, [scripted("steady", walking(1e-3))], params=SHORT))
    hole_closes_at = int(WINDOW.open_time_ms[1_500]) + STEP_MS
    around = player.play(hole_closes_at - STEP_MS, hole_closes_at + 2 * STEP_MS)
    early = player.play(int(WINDOW.open_time_ms[100]), int(WINDOW.open_time_ms[110]))

    assert [hole_closes_at - STEP_MS, hole_closes_at + STEP_MS] == around.played[POINT].at_ms.tolist()
    assert 1 == around.left_out[POINT, "the close at the anchor is missing"]
    assert {} == early.played
    assert 10 == early.left_out[POINT, "too little history"]


def test_one_who_knows_the_future_loses_nothing_and_so_answers_are_aligned_to_the_step():
    row_of = {int(opened) + STEP_MS: row for row, opened in enumerate(WINDOW.open_time_ms)}

    def tell(anchor: int, steps: int, paths: int) -> Forecast:
        row = row_of[anchor]
        known = np.nan_to_num(np.log(WINDOW.close[row + 1 : row + 1 + steps] / WINDOW.close[row])).astype(np.float32)
        return Forecast(known, np.tile(known, (paths, 1)))

    stretch = Player(course_of(WINDOW, [scripted("seer", tell)], params=SHORT)).play(FROM_MS, FROM_MS + 24 * HOUR_MS)

    for played in stretch.played.values():
        assert played.loss_nano.max() < 10**5 < played.baseline_nano.min()
    np.testing.assert_allclose(0.0, np.nan_to_num(stretch.played[PATHS].crps), atol=1e-6)
    np.testing.assert_allclose(0.0, stretch.played[POINT].square, atol=1e-9)


def test_stretches_played_apart_are_the_whole_played_at_once():
    player = Player(course_of(WINDOW, [scripted("steady", walking(1e-3))], params=SHORT))
    middle, until = FROM_MS + 5 * HOUR_MS, FROM_MS + 9 * HOUR_MS
    whole = player.play(FROM_MS, until).played[POINT]
    apart = stretches_joined([player.play(FROM_MS, middle), player.play(middle, until)]).played[POINT]

    for field in ("at_ms", "sigma_pico", "loss_nano", "deviations", "square"):
        np.testing.assert_array_equal(getattr(whole, field), getattr(apart, field))


def test_nothing_that_happens_after_the_newest_candle_changes_sigma_or_an_answer():
    row = 1_450
    anchor = int(WINDOW.open_time_ms[row]) + STEP_MS
    later = np.where(np.arange(len(WINDOW)) >= row, 1.1, 1.0)
    shaken = replace(WINDOW, **{name: later * getattr(WINDOW, name) for name in ("open", "high", "low", "close")})
    seen = []

    def tell(anchor: int, steps: int, paths: int) -> Forecast:
        return walking(1e-3)(anchor, steps, paths)

    for window in (WINDOW, shaken):
        player = Player(course_of(window, [scripted("steady", tell)], params=SHORT))
        seen.append(player.play(anchor, anchor + 1).played[POINT])

    assert seen[0].sigma_pico[0] == seen[1].sigma_pico[0]
    assert seen[0].baseline_nano[0] == seen[1].baseline_nano[0]
    np.testing.assert_array_equal(seen[0].deviations, seen[1].deviations)
