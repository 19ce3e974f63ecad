"""What a training leaves for people: a page with figures, pictures, and calibration by real forecasts."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from mining_objects import models
from mining_objects.training import BASELINE, FLAT, Trained, ValidationReport
from mining_objects.training_data import Series
from mining_objects.training_recipe import instant_ms, read_recipe, recipe_of
from runnable.training_calibration import calibrate
from runnable.training_report import write_results
from tests.support.windows import walk_window

WINDOW = walk_window(10_300)
FROM_MS, UNTIL_MS = int(WINDOW.open_time_ms[8_700]), WINDOW.end_ms
RECIPE = recipe_of({"config": {"hidden": 4, "layers": 1}, "data": {"validation_from": "2023-12-15"}})
REPORTS = (
    ValidationReport(epoch=1, step=10, train_loss=0.7, score=0.6, skill=0.25, best=True),
    ValidationReport(epoch=2, step=20, train_loss=0.6, score=0.61, skill=0.2375, best=False),
)
TRAINED = Trained(RECIPE.family.build(RECIPE.config), REPORTS, REPORTS[0], {FLAT: 0.75, BASELINE: 0.8}, {"told": 3})


def test_calibration_is_that_of_real_forecasts_and_sees_an_interval_that_is_too_narrow():
    flat = calibrate(models.create("flat"), [WINDOW], FROM_MS, UNTIL_MS)
    assert flat
    assert (flat.asked, 100) == flat.pit.shape
    assert ((0.0 <= flat.pit) & (flat.pit <= 1.0)).all()
    assert 100 > flat.covered[0, 1] > flat.covered[0, 0] > 20

    class Narrow(type(models.create("flat"))):
        def simulate(self, windows, **asked):
            return [replace(f, paths=f.paths / 10) for f in super().simulate(windows, **asked)]

    narrow = calibrate(Narrow(), [WINDOW], FROM_MS, UNTIL_MS)
    assert narrow
    assert (narrow.covered[:, 1] < flat.covered[:, 1] / 2).all()


def test_a_period_without_thirty_days_before_it_says_nothing_of_calibration():
    assert calibrate(models.create("flat"), [WINDOW], int(WINDOW.open_time_ms[0]), FROM_MS) is None


def test_the_folder_has_all_its_parts_and_the_page_tells_the_figures(tmp_path):
    assert FROM_MS > instant_ms(RECIPE.data.validation_from, "x") > WINDOW.open_time_ms[0]
    write_results(tmp_path, RECIPE, [Series(WINDOW, "cafe" * 16)], TRAINED)
    page = (tmp_path / "README.md").read_text()

    names = {"README.md", "card.json", "weights.safetensors", "recipe.toml", "losses.png", "calibration.png"}
    assert names == {path.name for path in tmp_path.iterdir()}
    for told in ("| Gaussian walk of the last day's size | 0.75000 | +20.00% |", "+25.00%", "cafe" * 16, "flatter"):
        assert told in page
    card = json.loads((tmp_path / "card.json").read_text())["training"]
    assert card["calibration"]["forecasts"] > 20
    assert {"1", "12", "100"} == set(card["calibration"]["covered_per_cent"])
    assert (3, "cafe" * 16, 2) == (card["told"], card["data"]["sha256"], len(card["epochs"]))
    assert RECIPE.flat() == read_recipe(tmp_path / "recipe.toml").flat()
    np.testing.assert_array_equal(b"\x89PNG", np.frombuffer((tmp_path / "losses.png").read_bytes()[:4], "S4"))
    assert "lstm" == models.create("lstm", weights=tmp_path).name
