import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.params import DEMO, MAIN, PATHS, POINT
from protocol.rules.emission import epoch_pool_micros, round_slice_micros, split

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "emission.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["splits"], ids=lambda vector: vector["name"])
def test_a_split_is_the_one_worked_by_hand(vector):
    assert vector["parts"] == split(vector["total"], vector["weights"])


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**18), min_size=1, max_size=30).filter(any))
@settings(max_examples=200, deadline=None)
def test_nothing_is_lost_and_nobody_is_off_by_a_whole_unit(total, weights):
    parts = split(total, weights)
    whole = sum(weights)

    assert total == sum(parts)
    assert all(
        abs(part * whole - total * weight) < whole and part >= 0 for part, weight in zip(parts, weights, strict=True)
    )
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=9).filter(any), st.integers(1, 99))
@settings(max_examples=100, deadline=None)
def test_only_the_proportions_of_the_weights_matter(total, weights, factor):
    assert split(total, weights) == split(total, [factor * weight for weight in weights])


def test_something_cannot_be_split_among_nobody_nor_by_negative_weights():
    with pytest.raises(ValueError, match="nobody"):
        split(1, [0, 0])
    with pytest.raises(ValueError, match="negative"):
        split(1, [2, -1])
    assert [0, 0] == split(0, [0, 0])


@pytest.mark.parametrize("params", [MAIN, DEMO], ids=lambda params: params.network)
def test_the_pools_are_the_emission_and_the_slices_are_the_pool(params):
    pools = [epoch_pool_micros(params, challenge) for challenge in params.challenges]

    assert params.pay.epoch_emission_micros == sum(pools)
    for challenge, pool in zip(params.challenges, pools, strict=True):
        first = 7 * params.time.epoch_ms
        anchors = range(first, first + params.time.epoch_ms, challenge.cadence_ms)
        slices = [round_slice_micros(params, challenge, at) for at in anchors]
        assert pool == sum(slices)
        assert 1 >= max(slices) - min(slices)


def test_challenges_that_ask_for_more_than_the_whole_are_refused():
    greedy = replace(MAIN, challenges=(replace(POINT, pool_share_ppm=600_000), PATHS))
    with pytest.raises(ValueError, match="negative"):
        epoch_pool_micros(greedy, PATHS)


def test_an_anchor_off_the_challenges_grid_has_no_slice():
    with pytest.raises(ValueError, match="no round"):
        round_slice_micros(MAIN, PATHS, 300_000)
