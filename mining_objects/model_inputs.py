"""The columns a network is shown, chosen by name: training and serving compute the same numbers from the same names.

Two kinds of names: those of `mining_objects.features.NAMES`, scaled by their own past, as they stand; and those of the
table in docs/features.md, as the table says, with `raw.` before them (`raw.rsi_14`), for the network to scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects import features
from mining_objects.base_mining_model import Window
from mining_objects.candle_features import FEATURES, feature_matrix, lookback_of
from mining_objects.causal import hold_last
from mining_objects.errors import UnknownFeature

RAW: Final = "raw."
_IN_UNITS: Final = frozenset({"open", "high", "low", "close", "volume"})
"""Prices and volumes themselves: what a network learns of them holds for one market at one level."""

CHOICES: Final = (
    *features.NAMES,
    *(RAW + name for name in FEATURES if name not in _IN_UNITS and not name.startswith("venue_")),
)
"""Every name there is to choose. A miner's feed has one venue, so features across venues are not among them."""


def check_names(names: Sequence[str]) -> None:
    """Raises UnknownFeature, naming the nearest one there is, for the first name that is unknown, and for repeats."""
    for name in names:
        if name not in CHOICES:
            near = get_close_matches(name, CHOICES, n=1, cutoff=0.0)
            raise UnknownFeature(f"no network can be shown {name!r}; did you mean {near[0]!r}?", feature=name)
    if not names or len(set(names)) != len(names):
        raise UnknownFeature("want at least one feature, and each once", feature="")


def warm_up_of(names: Sequence[str]) -> int:
    """So many candles must lie before a row for its numbers to be whole. Raises UnknownFeature."""
    check_names(names)
    raw = [name.removeprefix(RAW) for name in names if name.startswith(RAW)]
    own = features.WARM_UP if len(raw) < len(names) else 0
    return max(own, lookback_of(raw) - 1 if raw else 0)


def compute_inputs(window: Window, names: Sequence[str], *, last: int | None = None) -> NDArray[np.float32]:
    """Shape (n, len(names)), finite: row t depends on rows <= t alone.

    last: only so many rows at the end are wanted.  A raw feature that is unknown goes on with its last number, 0 before
    the first.  Raises UnknownFeature.
    """
    if tuple(names) == features.NAMES:
        return features.compute_features(window, last=last)
    check_names(names)
    rows = len(window) if last is None else min(last, len(window))
    matrix = np.empty((rows, len(names)), np.float32)
    own = {name: column for column, name in enumerate(names) if not name.startswith(RAW)}
    if own:
        whole = features.compute_features(window, last=last)
        matrix[:, list(own.values())] = whole[:, [features.NAMES.index(name) for name in own]]
    raw = {name.removeprefix(RAW): column for column, name in enumerate(names) if name.startswith(RAW)}
    if raw:
        table = feature_matrix(window, list(raw))
        for at, column in enumerate(raw.values()):
            matrix[:, column] = np.nan_to_num(hold_last(table[:, at]), nan=0.0)[len(window) - rows :]
    return matrix
