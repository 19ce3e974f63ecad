import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import InvalidRequest, NotFound
from protocol.rules.stream_names import DELAYS
from protocol.rules.stream_values import (
    Lag,
    StreamValue,
    ValueKind,
    delayed_value,
    history_fields,
    history_to_keep,
    kept_lags_2021,
    kept_lags_2023,
    lagged,
    lags_to_keep,
    read_value,
)
from protocol.units import SECOND_MS, UnixMs

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "stream_lives.json").read_text())
NOW = UnixMs(1_700_000_000_000)


@pytest.mark.parametrize(
    ("text", "kind", "numbers"),
    [
        ("3.25", ValueKind.SCALAR, (3.25,)),
        (" -1e-3 ", ValueKind.SCALAR, (-0.001,)),
        (".5", ValueKind.SCALAR, (0.5,)),
        ("7.", ValueKind.SCALAR, (7.0,)),
        ("[1, 2.5, -3]", ValueKind.VECTOR, (1.0, 2.5, -3.0)),
        ('{"a": 1}', ValueKind.RECORD, ()),
        ("[]", ValueKind.OTHER, ()),
        ("[true]", ValueKind.OTHER, ()),
        ('[1, "x"]', ValueKind.OTHER, ()),
        ("1_000", ValueKind.OTHER, ()),
        ("0x10", ValueKind.OTHER, ()),
        ("rain", ValueKind.OTHER, ()),
        ("", ValueKind.OTHER, ()),
        ('"3"', ValueKind.OTHER, ()),
    ],
)
def test_a_value_is_what_its_text_says(text, kind, numbers):
    assert StreamValue(text, kind, numbers) == read_value(text)


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "NaN",
        "-inf",
        "Infinity",
        " inf ",
        "1e999",
        "1.1e300",
        "9" * 400,
        "[1, NaN]",
        '{"a": -Infinity}',
        "[1e400]",
    ],
)
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(text):
    with pytest.raises(InvalidRequest) as refusal:
        read_value(text)
    assert "value" == refusal.value.fields["field"]


@pytest.mark.parametrize("text", ["x" * 100_000, "é" * 50_000, "[" * 99_000])
def test_what_is_too_large_or_nested_too_deeply_is_refused(text):
    with pytest.raises(InvalidRequest):
        read_value(text)


def test_a_long_row_of_digits_costs_no_time():
    assert ValueKind.OTHER == read_value("0." + "1" * 99_000 + "x").kind


@given(st.text(max_size=60) | st.text('0123456789.eE+-naif []{},:"', max_size=12))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_value_or_refused_by_name(text):
    try:
        value = read_value(text)
    except InvalidRequest:
        return
    assert text == value.text
    assert (value.kind in (ValueKind.SCALAR, ValueKind.VECTOR)) == bool(value.numbers)
    assert all(abs(number) < float("inf") for number in value.numbers)


@given(st.floats(-1e300, 1e300))
@settings(max_examples=100, deadline=None)
def test_a_number_comes_back_to_its_last_bit(number):
    assert (number,) == read_value(repr(number)).numbers
    assert (number, 1.0) == read_value(json.dumps([number, 1])).numbers


def test_scalars_and_small_vectors_have_lags_and_all_else_a_record():
    assert [True, True, False, False, False] == [
        read_value(text).has_lags for text in ("1", "[1, 2]", json.dumps([0.1] * 500), '{"a": 1}', "rain")
    ]
    assert [{"0": 1.5}, {"0": 1.0, "1": 2.0}, {"a": [1]}, {"value": "rain"}] == [
        history_fields(read_value(text)) for text in ("1.5", "[1, 2]", '{"a": [1]}', "rain")
    ]


ages = st.lists(st.integers(1_000, 400_000), max_size=60).map(
    lambda gaps: [sum(gaps[: k + 1]) for k in range(len(gaps))]
)


@given(ages, st.sampled_from(DELAYS))
@settings(max_examples=200, deadline=None)
def test_a_delayed_value_is_the_newest_of_those_old_enough_and_never_nan(old, delay):
    lags = [Lag(float(age), UnixMs(NOW - age)) for age in old]
    enough = [age for age in old if age >= delay * SECOND_MS]
    if enough:
        assert (min(enough), NOW - min(enough)) == delayed_value(lags, delay, now_ms=NOW)[:2]
    else:
        with pytest.raises(NotFound):
            delayed_value(lags, delay, now_ms=NOW)


def test_a_delayed_value_survives_any_pause_and_comes_at_its_instant():
    lags = [Lag(2.0, NOW), Lag(1.0, UnixMs(NOW - 70_000))]

    assert 1.0 == delayed_value(lags, 70, now_ms=NOW).value
    assert 1.0 == delayed_value(lags, 70, now_ms=UnixMs(NOW + 69_999)).value
    assert 2.0 == delayed_value(lags, 70, now_ms=UnixMs(NOW + 70_000)).value
    assert 2.0 == delayed_value(lags, 3555, now_ms=UnixMs(NOW + 10**10)).value
    with pytest.raises(InvalidRequest):
        delayed_value(lags, 60, now_ms=NOW)


@given(ages, st.integers(1, 10), st.sampled_from(DELAYS))
@settings(max_examples=200, deadline=None)
def test_what_is_dropped_is_never_missed_by_a_delayed_value(old, kept, delay):
    lags = [Lag(float(age), UnixMs(NOW - age)) for age in old]
    keep = lags_to_keep([lag.at_ms for lag in lags], now_ms=NOW, kept=kept)

    assert min(len(lags), kept) <= keep <= len(lags)
    for later_ms in (0, 1, 500_000):
        now_ms = UnixMs(NOW + later_ms)
        assert answer(lags, delay, now_ms) == answer(lags[:keep], delay, now_ms)


def answer(lags, delay, now_ms):
    try:
        return delayed_value(lags, delay, now_ms=now_ms)
    except NotFound:
        return None


def test_lags_are_bounded_also_for_a_stream_of_a_value_a_second():
    every_second = [UnixMs(NOW - 1_000 * k) for k in range(9_000)]
    every_minute = [UnixMs(NOW - 60_000 * k) for k in range(9_000)]

    assert 3_556 == lags_to_keep(every_second, now_ms=NOW)
    assert 1_000 == lags_to_keep(every_minute, now_ms=NOW)
    assert 0 == lags_to_keep([], now_ms=NOW)


@given(st.lists(st.integers(1, 100_000), max_size=40), st.integers(1, 20), st.integers(1, 10**6))
@settings(max_examples=200, deadline=None)
def test_a_history_keeps_its_newest_and_stays_within_its_bytes(sizes, kept, most_bytes):
    keep = history_to_keep(sizes, kept=kept, most_bytes=most_bytes)

    assert keep <= min(kept, len(sizes))
    assert sizes == [] or keep >= 1
    assert keep <= 1 or sum(sizes[:keep]) <= most_bytes
    if keep < min(kept, len(sizes)):
        assert sum(sizes[: keep + 1]) > most_bytes


def test_a_history_has_a_thousand_records_or_ten_megabytes():
    assert [1_000, 100, 1] == [history_to_keep([size] * 2_000) for size in (10, 99_999, 10**8)]


def test_as_many_lags_are_read_as_were_asked_for():
    lags = [Lag(float(k), UnixMs(NOW - k)) for k in range(5)]

    assert lags[:3] == lagged(lags, 3)
    assert lags == lagged(lags)
    with pytest.raises(InvalidRequest):
        lagged(lags, 0)


@pytest.mark.parametrize("vector", VECTORS["lags"], ids=lambda vector: f"{vector['value_bytes']} bytes")
def test_the_original_kept_so_many_lags(vector):
    assert vector["kept_2021"] == kept_lags_2021(vector["value_bytes"])
    assert vector["kept_2023"] == kept_lags_2023(vector["value_bytes"])
