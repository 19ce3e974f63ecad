"""What a network is shown: chosen by name, the same when trained and when asked, and never of the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects import features
from mining_objects.errors import UnknownFeature
from mining_objects.model_inputs import CHOICES, check_names, compute_inputs, warm_up_of
from tests.support.windows import walk_window

ROWS = 2_700
WINDOW = walk_window(ROWS, gaps=(2_400, 2_401))
WHOLE = compute_inputs(WINDOW, CHOICES)


def test_every_choice_is_finite_and_gaps_are_gone_over():
    assert (ROWS, len(CHOICES)) == WHOLE.shape
    assert np.isfinite(WHOLE).all()


def test_the_columns_are_the_chosen_ones_in_their_order():
    names = ("raw.rsi_14", "rsi", "raw.weekend", "return")
    chosen = compute_inputs(WINDOW, names)

    for column, name in enumerate(names):
        np.testing.assert_array_equal(WHOLE[:, CHOICES.index(name)], chosen[:, column])
    np.testing.assert_array_equal(features.compute_features(WINDOW), compute_inputs(WINDOW, features.NAMES))


@pytest.mark.parametrize("names", [CHOICES, features.NAMES, ("raw.ema_50", "raw.volatility_36"), ("volatility_12",)])
def test_a_miner_that_sees_only_the_last_candles_computes_what_training_did(names):
    least = warm_up_of(names) + 8
    seen = compute_inputs(WINDOW.rows(ROWS - least, ROWS), names, last=8)

    columns = [CHOICES.index(name) for name in names]
    np.testing.assert_allclose(WHOLE[-8:, columns], seen, rtol=1e-4, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(row=st.integers(2_100, ROWS - 2), factor=st.floats(0.5, 2.0), later=st.integers(1, ROWS))
def test_no_number_of_a_row_follows_from_a_later_candle(row, factor, later):
    changed = min(row + later, ROWS - 1)
    columns = {name: np.array(getattr(WINDOW, name)) for name in ("open", "high", "low", "close", "volume")}
    for values in columns.values():
        values[changed:] *= factor

    np.testing.assert_array_equal(WHOLE[: row + 1], compute_inputs(replace(WINDOW, **columns), CHOICES)[: row + 1])


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("retrun",), "'retrun'; did you mean 'return'"),
        (("raw.rsi_15",), "did you mean 'raw.rsi_14'"),
        (("raw.close",), "no network can be shown 'raw.close'"),
        (("raw.venue_spread",), "no network can be shown"),
        (("return", "return"), "each once"),
        ((), "at least one feature"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_the_nearest_name(names, sentence):
    with pytest.raises(UnknownFeature, match=sentence):
        check_names(names)
