"""From recorded datasets and a recipe to the examples of two periods: pooled over series, apart in time by an embargo.

dataset --candles before `until`--> Window --learn (training alone), input_rows--> rows --make_examples--> examples

    training | embargo | validation
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mining_objects.base_mining_model import Window
from mining_objects.dataset_folders import choose_files
from mining_objects.datasets import Examples, make_examples, pool, read_candles
from mining_objects.trainable import Prior
from mining_objects.training import Data
from mining_objects.training_recipe import Recipe, instant_ms
from protocol.errors import InvalidSetting

_UNEQUAL: Final = ("training.save_every", "data.files")
"""Keys of a recipe that may change between a stop and going on: the bits do not follow from them."""


@dataclass(frozen=True, slots=True)
class Series:
    """The candles of one dataset before the recipe's `until`, and the SHA-256 of its files as they are on disk."""

    window: Window
    sha256: str


def load_series(recipe: Recipe, folder: Path) -> list[Series]:
    """Every dataset of the recipe, in its order. Raises BadCandles, or InvalidSetting where nothing is early enough."""
    until = instant_ms(recipe.data.until, "data.until")
    return [_load(folder / name, until) for name in recipe.data.files] or [_load(folder, until)]


def load_data(recipe: Recipe, series: list[Series]) -> Data:
    """The examples of both periods. Raises InvalidSetting when a period holds none, naming the shortest remedy."""
    prior = recipe.family.learn(recipe.config, [_training_candles(recipe, one.window) for one in series])
    parts = [_examples_of(recipe, prior, one.window) for one in series]
    names = ", ".join(one.window.series for one in series)
    for place, period in enumerate(("training", "validation")):
        if not sum(len(part[place].rows) for part in parts):
            raise InvalidSetting(
                f"{names}: the {period} period is too short: an example needs "
                f"{recipe.family.warm_up(recipe.config) + recipe.config.lookback} candles before it and "
                f"{max(recipe.family.steps(recipe.config))} after it; move the dates or shorten the lookback",
                setting="data.until",
            )
    train, validation = (pool([part[place] for part in parts]) for place in (0, 1))
    identity = {key: value for key, value in recipe.flat().items() if key not in _UNEQUAL}
    return Data(train, validation, identity | {"data.sha256": [one.sha256 for one in series]}, prior)


def _load(path: Path, until_ms: int) -> Series:
    window = read_candles(path)
    rows = int(np.searchsorted(window.open_time_ms + window.step_ms, until_ms, side="right"))
    if rows == 0:
        raise InvalidSetting(f"{path.name} has no candle before data.until", setting="data.until")
    return Series(window.rows(0, rows), choose_files(path).sha256)


def _periods(recipe: Recipe, window: Window) -> tuple[range, range]:
    """The rows of training and of validation."""
    ends, data = window.open_time_ms + window.step_ms, recipe.data
    begin, border = (
        int(np.searchsorted(ends, instant_ms(getattr(data, name), f"data.{name}")))
        for name in ("train_from", "validation_from")
    )
    return range(begin, max(begin, border - data.embargo_steps)), range(border, len(window))


def _training_candles(recipe: Recipe, window: Window) -> Window:
    training, _ = _periods(recipe, window)
    return window.rows(training.start, training.stop)


def _examples_of(recipe: Recipe, prior: Prior, window: Window) -> tuple[Examples, ...]:
    """Training and validation examples of one series; either may be empty."""
    family, config, data = recipe.family, recipe.config, recipe.data
    rows, realised = family.input_rows(config, prior, window), family.realised(config, prior, window)
    options: dict[str, Any] = {
        "lookback": config.lookback, "warm_up": family.warm_up(config), "steps": family.steps(config),
        "lead": family.lead, "realised": realised,
    }  # fmt: skip
    strides = data.stride, data.validation_stride
    return tuple(
        make_examples(window, rows, period, stride=stride, **options)
        for period, stride in zip(_periods(recipe, window), strides, strict=True)
    )
