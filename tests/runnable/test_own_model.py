"""The example of docs/mining.md: it forecasts, it runs, and the page shows it as it is."""

from __future__ import annotations

import inspect

import numpy as np

from runnable.demo.ahead import model_for
from runnable.demo.cast import ROLES
from runnable.own_model import Calming, main
from tests.support.sources import ROOT
from tests.support.windows import walk_window


def test_it_answers_both_challenges_also_over_gaps_and_a_lead():
    windows = [walk_window(400, series="A"), walk_window(40, series="B", seed=2, gaps=(5, 39))]
    for answer in Calming().forecast(windows, steps=100, paths=64, seed=7, lead=1):
        assert (100,) == answer.point.shape
        assert (64, 100) == answer.paths.shape
        assert np.isfinite(answer.paths).all()


def test_the_page_shows_the_model_as_it_is():
    assert inspect.getsource(Calming) in (ROOT / "docs/mining.md").read_text(encoding="utf-8")


def test_a_wrong_setting_is_one_sentence(capsys):
    assert 2 == main(["--base_modle", "x"])
    assert "base_model" in capsys.readouterr().err


def test_it_plays_in_the_demo_beside_the_models_that_ship():
    honest = {role.name: model_for(role.kind) for role in ROLES if not role.hostile}

    assert isinstance(honest.pop("yours"), Calming)
    assert {"flat", "drift", "ridge", "ewma", "lstm"} == set(honest)
    assert list(honest) == [model.name for model in honest.values()]
