"""Neural HAR: its correction added to the regression, New York's week asked ahead, and numbers that are refused."""

from __future__ import annotations

import json
import time
from dataclasses import fields, replace

import numpy as np
import pytest

from mining_objects import models
from mining_objects.errors import BrokenCheckpoint
from mining_objects.fitted_cards import save_card
from mining_objects.installed_weights import installed_weights
from mining_objects.models.har import ANCHORS, HALF_LIVES, HarFit, members_of, scale_ahead, spread_inputs
from mining_objects.models.neural_har import (
    INPUTS,
    KNOTS,
    LARGEST_CORRECTION,
    OWN_DAYS,
    Networks,
    NeuralHar,
    WeekHarFit,
    along_knots,
    blended_shapes,
    clock_of,
    network_inputs,
    residuals_of,
    week_over_season,
)
from mining_objects.new_york_week import week_slots
from mining_objects.season import slots_of
from mining_objects.spread_law import Z_GRID, tabulate_shape
from protocol.units import DAY_MS
from tests.support.windows import STEP_MS, walk_window

WINDOW = walk_window(40 * 288)
CHANCE = np.random.default_rng(6)


def _networks(last_bias=0.0):
    numbers = {name: np.zeros(shape) for name, shape in Networks.SHAPES.items()}
    numbers["deviation"] += 1.0
    numbers["last_bias"] += last_bias
    return Networks(**numbers)


def _fit(week_weight=0.0):
    weights = CHANCE.normal(0.0, 0.1, (len(ANCHORS), len(HALF_LIVES) + 2))
    weights[:, -1] = week_weight
    week = np.ones((7, 288))
    week[2] = 3.0
    return WeekHarFit(np.ones((2, 288)), week, weights, np.tile(Z_GRID, (len(ANCHORS), 1)))


def test_installed_numbers_are_small_and_saw_nothing_of_2025():
    card = (installed_weights("neural_har") / "card.json").read_bytes()
    training = json.loads(card)["training"]

    assert len(card) < 400_000
    assert "2025-01-01" == training["until"]
    assert all(part["last"] < "2025-01-01" for part in training["data"])


def test_without_weights_of_its_own_its_scale_is_that_of_har():
    fit = _fit()
    season = fit.season.ravel()
    plain = scale_ahead(WINDOW, season, HarFit(STEP_MS, fit.season, fit.weights[:, :-1], fit.shapes), 1, 100)
    mine, _ = NeuralHar(fit, _networks()).law(WINDOW, season, 1, 100)

    np.testing.assert_allclose(plain, mine)


def test_the_form_of_the_law_moves_to_that_of_the_windows_outcomes_and_its_level_over_an_hour():
    fitted = np.tile(Z_GRID, (len(ANCHORS), 1))
    outcomes = 5.0 * np.random.default_rng(8).laplace(size=(600, len(ANCHORS)))
    shapes = blended_shapes(fitted, outcomes, 600)
    own, before, after = (np.abs(members_of(law, 256)).mean(axis=1) for law in (_shapes_of(outcomes), fitted, shapes))
    moved = np.log(after / before) / np.log(own / before)

    np.testing.assert_allclose(2.0 / 3.0, moved[:6], rtol=1e-6)  # up to 12 steps
    np.testing.assert_allclose(2.0 / 3.0 * 0.12, moved[13], rtol=1e-6)  # 100 steps
    level = after[:, None] / before[:, None]
    assert (shapes[:, 36:37] < level * fitted[:, 36:37]).all()  # more in the middle,
    assert (shapes[:, 60:61] > level * fitted[:, 60:61]).all()  # and more far out
    np.testing.assert_allclose(-shapes[:, ::-1], shapes, atol=1e-9)
    assert (np.diff(shapes, axis=1) >= 0).all()


def _shapes_of(outcomes):
    return np.stack([tabulate_shape(column) for column in outcomes.T])


def test_fewer_outcomes_move_the_law_less():
    fitted = np.tile(Z_GRID, (len(ANCHORS), 1))
    outcomes = np.random.default_rng(8).laplace(size=(300, len(ANCHORS)))
    all_there, half = (np.abs(blended_shapes(fitted, outcomes, wanted) - fitted).mean(axis=1) for wanted in (300, 600))

    np.testing.assert_allclose(0.5, half / all_there, atol=0.1)


def test_outcomes_are_held_against_what_would_have_been_said_then():
    model, season = models.create("neural_har"), np.ones(576)
    lead, back = 1, 12 * 40
    last = len(WINDOW) - 1 - back  # the newest candle of an earlier T
    at = np.array([OWN_DAYS * 288 - back])
    simple, level = spread_inputs(WINDOW, season, OWN_DAYS * 288 + 1)
    anchor = np.array([last + lead])
    told = week_over_season(WINDOW, anchor, model.week_fit.week, season, 300)
    known = network_inputs(WINDOW, season, simple, level, told, at, lead)
    said = simple[at] @ model.fit.weights.T + model.week_fit.weights[:, -1] * told[:, np.array(ANCHORS) - 1]
    said += along_knots(model.networks.answer(known), np.array(ANCHORS))
    (residuals,) = residuals_of(WINDOW, season, level[at], said, anchor)
    then, _ = model.law(WINDOW.rows(0, last + 1), season, lead, 300)
    steps = np.array(ANCHORS)
    outcomes = np.log(WINDOW.close[last + lead + steps] / WINDOW.close[last + lead])

    np.testing.assert_allclose((outcomes / then[steps - 1])[:-1], residuals[:-1], rtol=1e-9)


def test_outcomes_that_are_not_known_yet_shape_nothing():
    anchor = np.array([len(WINDOW) - 5, len(WINDOW), len(WINDOW) + 3])
    residuals = residuals_of(WINDOW, np.ones(576), np.full(3, 1e-3), np.zeros((3, len(ANCHORS))), anchor)

    assert [3, 0, 0] == np.isfinite(residuals).sum(axis=1).tolist()  # steps 1, 2 and 3 of the first
    np.testing.assert_array_equal(
        np.tile(Z_GRID, (17, 1)), blended_shapes(np.tile(Z_GRID, (17, 1)), residuals[1:], 600)
    )


def test_what_the_networks_say_stretches_the_scale_and_only_so_far():
    fit = _fit()
    season = fit.season.ravel()
    plain = scale_ahead(WINDOW, season, HarFit(STEP_MS, fit.season, fit.weights[:, :-1], fit.shapes), 1, 100)
    said = NeuralHar(fit, _networks(0.2)).law(WINDOW, season, 1, 100)[0]
    shouted = NeuralHar(fit, _networks(9.0)).law(WINDOW, season, 1, 100)[0]

    np.testing.assert_allclose(np.exp(0.2), said / plain)
    np.testing.assert_allclose(np.exp(LARGEST_CORRECTION), shouted / plain)


def test_the_week_is_asked_about_the_steps_after_t():
    fit = _fit(week_weight=1.0)
    season = fit.season.ravel()
    wednesday = np.flatnonzero(week_slots(WINDOW.open_time_ms, STEP_MS) == 2 * 288)
    row = int(wednesday[wednesday > 20 * 288][0])  # New York's Wednesday begins with the candle of this row
    scales = {
        lead: NeuralHar(fit, _networks()).law(WINDOW.rows(0, row - 20), season, lead, 100)[0] for lead in (0, 19, 20)
    }
    plain = {
        lead: NeuralHar(_fit_like(fit), _networks()).law(WINDOW.rows(0, row - 20), season, lead, 100)[0]
        for lead in scales
    }
    ratio = {lead: scales[lead] / plain[lead] for lead in scales}

    np.testing.assert_allclose(1.0, ratio[0][:20])
    assert ratio[0][99] > 2.0
    np.testing.assert_allclose(1.0, ratio[19][:1])
    np.testing.assert_allclose(3.0, ratio[20])


def _fit_like(fit):
    return replace(fit, weights=np.column_stack([fit.weights[:, :-1], np.zeros(len(ANCHORS))]))


def test_the_week_over_the_season_is_the_ratio_of_their_scales():
    week, season = CHANCE.uniform(0.5, 2.0, (7, 288)), CHANCE.uniform(0.5, 2.0, 576)
    told = week_over_season(WINDOW, np.array([500, 507]), week, season, 40)
    ahead = int(WINDOW.open_time_ms[0]) + STEP_MS * np.arange(508, 548)
    wanted = 0.5 * np.log(
        np.cumsum(week.ravel()[week_slots(ahead, STEP_MS)] ** 2) / np.cumsum(season[slots_of(ahead, STEP_MS)] ** 2)
    )

    np.testing.assert_allclose(wanted, told[1])


def test_answers_stand_at_the_knots_and_go_straight_between():
    answers = CHANCE.standard_normal(len(KNOTS))
    told = along_knots(answers, np.arange(1, 301))

    np.testing.assert_allclose(answers, told[np.array(KNOTS) - 1])
    assert told[:3].min() <= told[1] <= told[:3].max()


def test_the_clock_turns_once_a_week():
    at_ms = WINDOW.open_time_ms[:300]
    now, tomorrow, next_week = (clock_of(at_ms + days * DAY_MS) for days in (0, 1, 7))

    np.testing.assert_allclose(now, next_week, atol=1e-9)
    np.testing.assert_allclose(now[:, :8], tomorrow[:, :8], atol=1e-9)
    assert not np.allclose(now[:, 8:], tomorrow[:, 8:])


def test_saved_numbers_forecast_as_before(tmp_path):
    model = models.create("neural_har")
    numbers = {f.name: getattr(part, f.name) for part in (model.week_fit, model.networks) for f in fields(part)}
    save_card(tmp_path, model="neural_har", numbers=numbers, training={})
    again = models.create("neural_har", weights=tmp_path)
    answers = [m.forecast([WINDOW], steps=289, paths=64, seed=1, lead=1)[0].paths for m in (model, again)]

    np.testing.assert_array_equal(*answers)


def test_a_card_of_other_networks_is_refused(tmp_path):
    numbers = {name: np.zeros(shape) for name, shape in (WeekHarFit.SHAPES | Networks.SHAPES).items()}
    numbers["first"] = np.zeros((2, INPUTS, 8))
    save_card(tmp_path, model="neural_har", numbers=numbers, training={})

    with pytest.raises(BrokenCheckpoint, match="first"):
        models.create("neural_har", weights=tmp_path)


def test_a_louder_hour_spreads_the_next_one_and_gaps_do_no_harm():
    gaps = (*range(39 * 288, 39 * 288 + 30), 40 * 288 - 1)
    moves = np.diff(np.log(WINDOW.close), prepend=np.log(WINDOW.close[0]))
    moves[-12:] *= 4.0
    loud = replace(WINDOW, close=WINDOW.close[0] * np.exp(np.cumsum(moves)))
    windows = [WINDOW, loud, walk_window(40 * 288, gaps=gaps)]
    model = models.create("neural_har")
    quiet, louder, holed = (model.forecast([w], steps=100, paths=256, seed=1, lead=1)[0] for w in windows)

    assert louder.paths[:, 0].std() > 1.5 * quiet.paths[:, 0].std()
    assert 0.5 < holed.paths[:, 50].std() / quiet.paths[:, 50].std() < 2.0


def test_paths_are_coherent_and_the_margins_symmetric():
    (answer,) = models.create("neural_har").forecast([WINDOW], steps=100, paths=256, seed=1, lead=1)
    ordered = np.sort(answer.paths, axis=0)

    np.testing.assert_allclose(-ordered[::-1], ordered, atol=1e-7)
    assert np.corrcoef(answer.paths[:, 49], answer.paths[:, 50])[0, 1] > 0.95
    assert abs(np.corrcoef(answer.paths[:, 0], answer.paths[:, 99])[0, 1]) < 0.4


def test_the_largest_ensemble_takes_a_fraction_of_the_time_allowed():
    model = models.create("neural_har")
    model.forecast([WINDOW], steps=100, paths=1_000, seed=1, lead=1)
    began = time.process_time()
    model.forecast([WINDOW], steps=100, paths=1_000, seed=1, lead=1)

    assert time.process_time() - began < 0.15
