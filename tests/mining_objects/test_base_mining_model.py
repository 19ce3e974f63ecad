"""What every model shares: windows, anchoring, thinning, and that nothing broken leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pytest

from mining_objects.base_mining_model import Forecast, Forecaster, Window, thin_to_quantiles
from mining_objects.errors import BadCandles, BrokenModel
from protocol.errors import TooLittleHistory
from tests.support.windows import STEP_MS, walk_window


class Counting(Forecaster):
    """Step k after the last close is k * 0.001 in the point and in path i that plus i * 0.0001 * k."""

    name: ClassVar[str] = "counting"
    lookback = 50
    least = 3

    def __init__(self, spoil=lambda forecast: forecast) -> None:
        self.spoil = spoil
        self.seen: list[Window] = []

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        self.seen = list(windows)
        line = 0.001 * np.arange(1, steps + 1)
        fan = line + 0.0001 * np.arange(paths)[:, None] * np.arange(1, steps + 1)
        return [self.spoil(Forecast(point=line.copy(), paths=fan.copy())) for _ in windows]


def test_returns_are_counted_from_the_anchor_and_not_from_the_last_close():
    now = Counting().forecast([walk_window(60)], steps=4, paths=2, seed=1, lead=0)[0]
    late = Counting().forecast([walk_window(60)], steps=4, paths=2, seed=1, lead=3)[0]

    np.testing.assert_allclose([0.001, 0.002, 0.003, 0.004], now.point, rtol=1e-6)
    np.testing.assert_allclose(now.point, late.point, rtol=1e-6)
    np.testing.assert_allclose(now.paths, late.paths, rtol=1e-5)


def test_a_missing_candle_at_the_end_makes_the_lead_longer():
    model = Counting(lambda f: Forecast(point=f.point**2, paths=f.paths))
    hole = model.forecast([walk_window(60, gaps=(58, 59))], steps=4, paths=0, seed=1, lead=1)[0]
    whole = model.forecast([walk_window(60)], steps=4, paths=0, seed=1, lead=3)[0]

    np.testing.assert_array_equal(whole.point, hole.point)


def test_a_model_sees_no_more_than_its_lookback():
    model = Counting()
    model.forecast([walk_window(60)], steps=4, paths=0, seed=1)

    assert 50 == len(model.seen[0])


def test_too_short_a_window_is_named():
    with pytest.raises(TooLittleHistory, match="needs 3 candles of TEST, has 2"):
        Counting().forecast([walk_window(2)], steps=4, paths=0, seed=1)
    with pytest.raises(TooLittleHistory):
        Counting().forecast([walk_window(2, gaps=(0, 1))], steps=4, paths=0, seed=1)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: Forecast(point=f.point * np.nan, paths=f.paths), "not finite"),
        (lambda f: Forecast(point=f.point, paths=f.paths + np.inf), "not finite"),
        (lambda f: Forecast(point=f.point + 2.1 * np.arange(len(f.point)), paths=f.paths), "beyond 2.0"),
        (lambda f: Forecast(point=f.point[:-1], paths=f.paths), "has shape"),
        (lambda f: Forecast(point=f.point, paths=f.paths[1:]), "has shape"),
        (lambda f: Forecast(point=f.point, paths=f.paths[0]), "has shape"),
        (lambda f: Forecast(point=np.append(f.point, 0.0), paths=f.paths), "has shape"),
        (lambda f: Forecast(point=f.point, paths=np.hstack([f.paths, f.paths])), "has shape"),
    ],
)
@pytest.mark.parametrize("lead", [0, 1])
def test_broken_output_never_leaves_and_the_model_is_named(spoil, reason, lead):
    with pytest.raises(BrokenModel, match=f"'counting'.*{reason}") as caught:
        Counting(spoil).forecast([walk_window(60)], steps=4, paths=2, seed=1, lead=lead)

    assert "counting" == caught.value.fields["model"]


def test_thinning_keeps_quantiles_at_each_step_and_the_ranks_along_a_path():
    drawn = np.cumsum(np.random.default_rng(3).standard_normal((400, 7)), axis=1).astype(np.float32)
    thinned = thin_to_quantiles(drawn, 100)

    ranks = np.argsort(np.argsort(drawn[:100], axis=0), axis=0)
    np.testing.assert_array_equal(ranks, np.argsort(np.argsort(thinned, axis=0), axis=0))
    ordered = np.sort(drawn, axis=0)
    np.testing.assert_allclose((ordered[1::4] + ordered[2::4]) / 2, np.sort(thinned, axis=0), rtol=1e-6)


def test_candles_with_gaps_become_a_grid_with_rows_of_nan():
    times = np.array([0, 1, 4]) * STEP_MS
    window = Window.on_grid("TEST", STEP_MS, times, {c: np.ones(3) for c in ("open", "high", "low", "close", "volume")})

    assert [False, False, True, True, False] == np.isnan(window.close).tolist()
    assert 5 * STEP_MS == window.end_ms
    assert np.isnan(window.log_returns()).tolist() == [True, False, True, True, True]


@pytest.mark.parametrize("times", [[], [0, 0], [STEP_MS, 0], [0, STEP_MS + 1]])
def test_times_that_repeat_run_back_or_miss_the_grid_are_refused(times):
    columns = {c: np.ones(len(times)) for c in ("open", "high", "low", "close", "volume")}

    with pytest.raises(BadCandles):
        Window.on_grid("TEST", STEP_MS, np.array(times, dtype=np.int64), columns)


def test_a_price_that_is_not_positive_is_refused():
    with pytest.raises(BadCandles, match="positive"):
        Window.on_grid(
            "TEST", STEP_MS, np.zeros(1, np.int64), {c: np.zeros(1) for c in ("open", "high", "low", "close", "volume")}
        )
