import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import InvalidRequest
from protocol.rules.stream_names import (
    DELAYS,
    DerivedName,
    PrefixedName,
    check_delay,
    check_plain_name,
    full_name,
    horizon_name,
    is_derived_name,
    is_plain_name,
    is_plain_name_2021,
    is_valid_name,
    is_valid_name_2021,
    parse_derived_name,
    prefixed_name,
    split_horizon_name,
    split_prefixed_name,
    stem,
    unnamed_stream,
    zcurve_name,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "stream_names.json").read_text())
DOCUMENTED = re.compile(r"[-a-zA-Z0-9_:]{1,200}\.json")
SHIPPED = re.compile(r"^[-a-zA-Z0-9_~.:]{1,200}\.[json,html]+$", re.IGNORECASE)
"""The two rules of the original, as its documents and as its package have them."""

texts = st.text(alphabet="aZ9-_:.~ \n,jsonhtmlſé", max_size=16) | st.from_regex(SHIPPED)
plain_names = st.from_regex(DOCUMENTED, fullmatch=True).filter(is_plain_name)


@pytest.mark.parametrize("vector", VECTORS["names"], ids=lambda vector: vector["name"][:20])
def test_the_old_rules_take_what_the_original_takes(vector):
    assert vector["valid"] == is_valid_name_2021(vector["name"])
    assert vector["plain"] == is_plain_name_2021(vector["name"])


@pytest.mark.parametrize("vector", VECTORS["derived"], ids=lambda vector: vector["name"])
def test_a_derived_name_is_the_original_s(vector):
    assert vector["name"] == zcurve_name(vector["names"], vector["delay"])


@pytest.mark.parametrize("vector", VECTORS["random"], ids=lambda vector: vector["entropy"])
def test_a_stream_without_a_name_gets_a_random_uuid(vector):
    assert vector["name"] == unnamed_stream(bytes.fromhex(vector["entropy"]))
    assert is_plain_name(vector["name"])


@given(texts | plain_names)
@settings(max_examples=200, deadline=None)
def test_a_plain_name_obeys_what_the_original_documents_and_what_it_ships(name):
    by_both = DOCUMENTED.fullmatch(name) and SHIPPED.match(name) and "::" not in name

    assert is_plain_name(name) == bool(by_both and not name.startswith(":"))
    assert is_valid_name_2021(name) == bool(SHIPPED.match(name) and "::" not in name)
    assert is_plain_name(name) <= is_plain_name_2021(name)


@pytest.mark.parametrize(
    "name",
    ["cop", "a.b.json", "a.htm", "a.json\n", "a::b.json", ":a.json", "z1~a~70.json", ".json", "x" * 201 + ".json"],
)
def test_a_name_that_nobody_may_choose_is_refused_with_its_limit(name):
    with pytest.raises(InvalidRequest) as refusal:
        check_plain_name(name)
    assert {"field": "name", "limit": 200} == refusal.value.fields


def test_names_that_may_be_chosen_come_back_as_they_are():
    for name in ("cop.json", "A_b-9.json", "a:b.json", "x" * 200 + ".json"):
        assert name == check_plain_name(name)
        assert is_valid_name(name)


@given(st.lists(plain_names, min_size=1, max_size=3, unique=True), st.sampled_from(DELAYS))
@settings(max_examples=100, deadline=None)
def test_a_derived_name_says_its_streams_and_its_delay_in_whatever_order_they_came(names, delay):
    name = zcurve_name(names, delay)

    assert DerivedName(tuple(sorted(names, key=stem)), delay) == parse_derived_name(name)
    assert name == zcurve_name(names[::-1], delay)
    assert is_valid_name(name)
    assert not is_plain_name(name)


@pytest.mark.parametrize(
    "name",
    ["z2~cop~70.json", "z1~a~b~70.json", "z2~b~a~70.json", "z2~a~a~70.json", "z4~a~b~c~d~70.json", "z1~a~070.json",
     "z1~a~.json", "z1~a~70.html", "cop.json"],
)  # fmt: skip
def test_what_is_no_derived_name_is_not_read_as_one(name):
    assert not is_derived_name(name)
    with pytest.raises(InvalidRequest):
        parse_derived_name(name)


@pytest.mark.parametrize("names", [[], ["a.json"] * 4, ["cop"]])
def test_a_z_curve_joins_one_to_three_names_with_a_suffix(names):
    with pytest.raises(InvalidRequest):
        zcurve_name(names, 70)


@given(plain_names, st.sampled_from(DELAYS))
@settings(max_examples=100, deadline=None)
def test_horizons_and_prefixes_come_apart_as_they_were_joined(name, delay):
    assert (name, delay) == split_horizon_name(horizon_name(name, delay))
    assert PrefixedName("delayed", name, delay) == split_prefixed_name(prefixed_name("delayed", name, delay))
    assert PrefixedName("lagged_values", name, None) == split_prefixed_name(prefixed_name("lagged_values", name))
    derived = zcurve_name([name], delay)
    assert PrefixedName("cdf", derived, delay) == split_prefixed_name(prefixed_name("cdf", derived, delay))


def test_a_key_s_own_reading_leaves_the_key_as_it_is():
    assert PrefixedName("balance", "0a1b.json", None) == split_prefixed_name("balance::0a1b.json")


@pytest.mark.parametrize(
    "text", ["cop.json", "delayed::cop.json", "nothing::cop.json", "delayed::x::cop.json", "delayed::070::cop.json",
             "lagged::a::b.json", "transactions::key.json::cop.json", "::cop.json", ""],
)  # fmt: skip
def test_a_reading_that_there_is_not_is_refused(text):
    with pytest.raises(InvalidRequest):
        split_prefixed_name(text)


def test_an_unknown_horizon_is_refused_with_the_ones_that_are_asked():
    assert 910 == check_delay(910)
    assert 5 == check_delay(5, [1, 5])
    with pytest.raises(InvalidRequest, match=r"nobody asks 60 s ahead") as refusal:
        check_delay(60)
    assert {"field": "delay", "limit": DELAYS} == refusal.value.fields


def test_a_name_without_its_suffix_is_the_same_stream():
    assert ["cop.json", "cop.json"] == [full_name("cop"), full_name("cop.json")]


def test_a_random_name_needs_sixteen_bytes():
    with pytest.raises(ValueError, match="want 16"):
        unnamed_stream(b"short")
