"""The experiments on small generated markets with fixed seeds: the claims that runnable/simulate_rewards.py tests."""

import pytest
import typer
from typer.testing import CliRunner

from runnable.simulate_rewards import main
from runnable.simulations import baseline, clones, copies, noise, stopping
from runnable.simulations.course import load_closes


@pytest.fixture(scope="module")
def fortnight():
    return load_closes(None, days=14, seed=3)


def test_generated_prices_say_that_they_are(fortnight):
    assert "GENERATED" in fortnight.label
    assert "GENERATED" in baseline.run_points(fortnight).prices


def test_keys_that_bet_at_random_are_paid_no_more_often_than_stated(fortnight):
    assert noise.run(fortnight, keys=120, seed=3).holds


def test_ten_clones_of_a_point_miner_earn_no_more_than_one_key(fortnight):
    finding = clones.run_points(fortnight, seed=3)

    assert finding.holds
    assert "1.000" == finding.rows[1][-1]


def test_ten_exact_clones_of_an_ensemble_miner_earn_what_one_key_earns(fortnight):
    assert "1.000" == clones.run_ensembles(fortnight, seed=3).rows[1][-1]


def test_a_copy_earns_nothing_extra():
    assert copies.run(load_closes(None, days=4, seed=3), seed=3).holds


def test_answering_the_baseline_of_points_proves_nothing(fortnight):
    assert baseline.run_points(fortnight).holds


def test_answering_the_baseline_of_ensembles_proves_nothing(fortnight):
    assert baseline.run_ensembles(fortnight, seed=3).holds


def test_stopping_after_a_lucky_streak_stops_the_pay():
    assert stopping.run(load_closes(None, days=30, seed=3), keys=200, seed=3).holds


def test_the_command_prints_its_verdict_and_draws_a_picture(tmp_path):
    app = typer.Typer()
    app.command()(main)
    drawn = tmp_path / "stopping.png"
    result = CliRunner().invoke(app, ["stopping", "--generated", "--days", "9", "--keys", "10", "--png", str(drawn)])

    assert "GENERATED" in result.output
    assert drawn.read_bytes().startswith(b"\x89PNG")
