"""Values as text and forecasts as batches, before anybody is asked."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurons.client.stream_requests import batches, budget_micros, value_text
from protocol import codec
from protocol.answers import answer_array
from protocol.errors import AuguryError, InvalidAnswer, InvalidRequest
from protocol.params import MAIN
from protocol.rules.stream_values import ValueKind, read_value

NARROW = replace(MAIN.wire, max_body_bytes=10_000)


@given(st.floats(-1e300, 1e300))
@settings(max_examples=200, deadline=None)
def test_a_number_travels_as_text_that_reads_back_as_the_same_float(number: float) -> None:
    assert number == read_value(value_text(number)).numbers[0]
    assert [number, 1.0] == list(read_value(value_text([number, 1.0])).numbers)


def test_lists_objects_arrays_and_texts_are_values_too() -> None:
    assert "0.1" == value_text(0.1)
    assert "7.0" == value_text(7)
    assert "0.5" == value_text(np.float32(0.5))
    assert "2.5" == value_text(np.array(2.5))
    assert "[1.0, 2.0]" == value_text((1, 2))
    assert "[1.0, 2.0]" == value_text(np.array([1.0, 2.0]))
    assert {"wind": 3, "from": "north"} == json.loads(value_text({"wind": 3, "from": "north"}))
    assert ValueKind.OTHER == read_value(value_text("calm")).kind
    assert " 3.25 " == value_text(" 3.25 ")


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        "nan",
        [1.0, float("nan")],
        {"a": float("inf")},
        1e301,
        None,
        object(),
        [[1.0], [2.0]],
        [1.0, "x"],
        {"a": object()},
        "x" * 100_000,
        10**400,
    ],
)
def test_what_cannot_be_published_is_refused_before_it_is_sent(value: object) -> None:
    with pytest.raises(InvalidRequest):
        value_text(value)


def test_a_budget_is_counted_in_micros_and_is_a_positive_number() -> None:
    assert 250_000 == budget_micros(0.25)
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InvalidRequest, match="budget"):
            budget_micros(wrong)


def test_forecasts_travel_in_as_few_batches_as_a_body_takes() -> None:
    forecasts = {(f"s{number}.json", 70): np.arange(225.0)[::-1] + number for number in range(11)}
    made = batches(forecasts, NARROW)
    assert [4, 4, 3] == [len(batch.horizons) for batch in made]
    assert [f"70::s{number}.json" for number in range(11)] == [one for batch in made for one in batch.horizons]
    for sequence, batch in enumerate(made, start=1):
        request = batch.request(sequence)
        assert len(codec.encode(request)) <= NARROW.max_body_bytes
        rows = answer_array(request.answer)
        assert (np.diff(rows, axis=1) >= 0).all()
        for horizon, row in zip(request.horizons, rows, strict=True):
            assert float(horizon.removeprefix("70::s").removesuffix(".json")) == row[0]


@given(st.lists(st.tuples(st.integers(1, 1_000), st.integers(1, 230)), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_every_batch_fits_whatever_the_names_and_counts(shapes: list[tuple[int, int]]) -> None:
    forecasts = {(f"{place}{'n' * length}.json", 70): np.zeros(count) for place, (count, length) in enumerate(shapes)}
    made = batches(forecasts, NARROW)
    assert len(shapes) == sum(len(batch.horizons) for batch in made)
    for batch in made:
        assert len(codec.encode(batch.request(2**62))) <= NARROW.max_body_bytes


@pytest.mark.parametrize("wrong", [[float("nan")] * 225, [float("inf"), 1.0], [], [1.0] * 1_001, ["a", "b"], [[1.0]]])
def test_a_forecast_that_cannot_be_is_refused_by_its_horizon(wrong: list[object]) -> None:
    with pytest.raises(InvalidAnswer, match=r"^310::cop\.json: ") as refused:
        batches({("good.json", 70): [1.0], ("cop.json", 310): wrong}, MAIN.wire)
    assert isinstance(refused.value, AuguryError)
    assert [] == batches({}, MAIN.wire)
