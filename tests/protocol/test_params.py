"""Params as bytes and back: a store's word about what its rounds ran under."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from protocol.params import DEMO, MAIN, NetworkParams


@pytest.mark.parametrize("params", [MAIN, DEMO, replace(MAIN, network="other", time=replace(MAIN.time, steps=13))])
def test_params_can_be_read_back_from_their_canonical_bytes(params):
    assert params == NetworkParams.from_canonical_bytes(params.canonical_bytes())


@pytest.mark.parametrize(
    "told",
    [
        b"{}",
        b"[]",
        b"no json",
        MAIN.canonical_bytes() + b" ",
        json.dumps({**json.loads(MAIN.canonical_bytes()), "surplus": 1}, sort_keys=True).encode(),
        json.dumps({**json.loads(MAIN.canonical_bytes()), "time": {}}, sort_keys=True, separators=(",", ":")).encode(),
    ],
)
def test_anything_else_is_no_params(told):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        NetworkParams.from_canonical_bytes(told)


@pytest.mark.parametrize("lags", [(), (0, 100), (0, 12, 500), (-1,)])
def test_a_lag_at_which_answers_have_nothing_in_common_is_refused(lags):
    with pytest.raises(ValueError, match="lags_steps"):
        replace(MAIN, sharing=replace(MAIN.sharing, lags_steps=lags))
