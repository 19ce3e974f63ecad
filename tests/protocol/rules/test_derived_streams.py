import json
from fractions import Fraction
from pathlib import Path
from statistics import StatisticsError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import InvalidRequest
from protocol.rules.derived_streams import (
    NETWORK,
    RULE_2021,
    RULE_2023,
    DerivationRule,
    derived_budget_micros,
    derived_values,
    derived_values_2021,
)
from protocol.rules.percentiles import z_score_nano
from protocol.rules.stream_names import parse_derived_name
from protocol.rules.zcurve import cell_of, middle_of, percentiles_of_zcurve
from protocol.units import MICRO, Micros

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "derived_streams.json").read_text())
CASES = [(rule, vector) for rule in ("rule_2021", "rule_2023") for vector in VECTORS[rule]]
inside = st.fractions(0, 1, max_denominator=10**5).filter(lambda p: 0 < p < 1)


@pytest.mark.parametrize(
    ("rule", "vector"), CASES, ids=lambda x: x if isinstance(x, str) else f"{len(x['names'])} names"
)
def test_what_followed_from_a_set_under_the_old_rules_follows_again(rule, vector):
    found = derived_values_2021(
        vector["names"],
        vector["percentiles"],
        vector["budgets"],
        with_copulas=True,
        rule={"rule_2021": RULE_2021, "rule_2023": RULE_2023}[rule],
    )

    assert [tuple(one) for one in vector["derived"]] == [(n, pytest.approx(z, abs=1e-12), b) for n, z, b in found]


def set_of(streams: int, percentile: Fraction = Fraction(1, 3)):
    names = [f"s{n:02d}.json" for n in range(streams)]
    return {name: {70: percentile, 3555: percentile} for name in names}, dict.fromkeys(names, Micros(MICRO))


def test_ten_streams_have_twenty_z_scores_ninety_pairs_and_two_hundred_and_forty_triples():
    found = [one.name[:2] for one in derived_values(*set_of(10), with_copulas=True)]

    assert [20, 90, 240] == [found.count(prefix) for prefix in ("z1", "z2", "z3")]
    assert 22 == len(derived_values(*set_of(11), with_copulas=True))
    assert 20 == len(derived_values(*set_of(10), with_copulas=False))


def test_z1_holds_the_percentile_of_the_horizon_that_its_name_says():
    percentiles = {"cop.json": {70: Fraction(1, 10), 310: Fraction(2, 10), 3555: Fraction(9, 10)}}
    found = derived_values(percentiles, {"cop.json": Micros(MICRO)}, with_copulas=True)

    assert ["z1~cop~70.json", "z1~cop~3555.json"] == [one.name for one in found]
    assert [z_score_nano(Fraction(1, 10)), z_score_nano(Fraction(9, 10))] == [one.z_nano for one in found]
    old = derived_values_2021(["cop.json"], [[0.1, 0.2, 0.3, 0.9]], [1], with_copulas=False)
    assert ("z1~cop~3555.json", pytest.approx(-0.8416212335729142), 0.1) == old[1]


@given(st.lists(inside, min_size=2, max_size=5), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_a_curve_s_cells_are_in_the_order_of_its_name_whatever_the_order_of_the_call(fell, shuffled):
    names = [f"s{n}.json" for n in range(len(fell))]
    pairs = list(zip(names, fell, strict=True))
    expected = derived_values({n: {70: p} for n, p in pairs}, dict.fromkeys(names, Micros(MICRO)), with_copulas=True)
    shuffled.shuffle(pairs)
    found = derived_values({n: {70: p} for n, p in pairs}, dict.fromkeys(names, Micros(MICRO)), with_copulas=True)

    assert expected == found
    for one in found:
        assert one.streams == parse_derived_name(one.name).names
        if len(one.streams) > 1:
            cells = [middle_of(cell_of(dict(pairs)[name])) for name in one.streams]
            assert cells == percentiles_of_zcurve(one.z_nano, len(cells))


def test_where_nobody_predicts_a_stream_only_what_needs_it_is_missing():
    percentiles, budgets = set_of(3)
    del percentiles["s01.json"][70]
    found = [one.name for one in derived_values(percentiles, budgets, with_copulas=True)]

    assert ["z1~s00~70.json", "z1~s02~70.json", "z2~s00~s02~70.json"] == [name for name in found if "~70." in name]
    assert 7 == sum("~3555." in name for name in found)


def test_one_stream_on_an_edge_loses_nothing_but_under_the_old_rules_everything():
    percentiles, budgets = set_of(3, Fraction(1, 2000))

    assert 14 == len(derived_values(percentiles, budgets, with_copulas=True))
    with pytest.raises(StatisticsError):
        derived_values_2021(list(percentiles), [[1 / 2000] * 4] * 3, [1, 1, 1], with_copulas=True)


def test_the_old_rules_skip_a_set_where_nothing_is_known():
    names = ["a.json", "b.json"]

    assert [] == derived_values_2021(names, [[0.5] * 4, [0.500001] * 4], [1, 1], with_copulas=True)
    assert [] == derived_values_2021(names, [[0.1] * 4] * 2, [1, 1], with_copulas=True, somebody_near=False)


def test_a_derived_stream_has_a_tenth_of_the_mean_budget():
    assert [100_000, 200_000, 2] == [
        derived_budget_micros([Micros(MICRO)]),
        derived_budget_micros([Micros(MICRO), Micros(3 * MICRO)]),
        derived_budget_micros([Micros(25)]),
    ]


def test_a_set_has_a_limit_and_plain_names_only():
    for names in (["z1~a~70.json"], [f"s{n}.json" for n in range(201)]):
        with pytest.raises(InvalidRequest):
            derived_values({name: {} for name in names}, {}, with_copulas=True)


def test_the_rule_of_the_network_is_a_setting():
    rule = DerivationRule(z_delays=(5,), pairs_up_to=2, triples_up_to=0)
    half = Fraction(1, 2)
    found = derived_values({"a.json": {5: half}, "b.json": {5: half}}, dict.fromkeys(("a.json", "b.json"), Micros(10)),
                           with_copulas=True, rule=rule)  # fmt: skip

    assert ["z1~a~5.json", "z1~b~5.json", "z2~a~b~5.json"] == [one.name for one in found]
    assert (70, 3555) == NETWORK.z_delays
