"""Scenarios: what an owner may send, and the pool that meets a value."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.errors import InvalidAnswer, InvalidRequest
from protocol.rules.scenarios import MAX_ABS_VALUE, gather, settled_value, sorted_scenarios

ROW = [float(k) for k in range(225)]


def test_a_submission_is_kept_in_ascending_order():
    assert ROW == sorted_scenarios(ROW[::-1]).tolist()


def test_a_point_forecast_is_a_submission_of_equal_numbers():
    assert [0.25] * 225 == sorted_scenarios([0.25] * 225).tolist()


def test_minus_zero_is_zero():
    assert "0.0" == str(sorted_scenarios([-0.0], count=1)[0])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (ROW[1:], "want 225 scenarios, were [224]"),
        ([*ROW, 1.0], "want 225 scenarios, were [226]"),
        ([ROW], "want 225 scenarios, were [1, 225]"),
        ([], "want 225 scenarios, were [0]"),
        ([float("nan"), *ROW[1:]], "scenario 0 is no finite number within 1e+300: nan"),
        ([*ROW[1:], float("inf")], "scenario 224 is no finite number within 1e+300: inf"),
        ([*ROW[1:], -1.1e300], "scenario 224 is no finite number within 1e+300: -1.1e+300"),
        (["one", *ROW[1:]], "want numbers, all rows of one length"),
        ([10**400, *ROW[1:]], "want numbers, all rows of one length"),
        ([[1.0, 2.0], [1.0]], "want numbers, all rows of one length"),
    ],
)
def test_anything_else_is_refused_by_name(values, sentence):
    with pytest.raises(InvalidAnswer) as refused:
        sorted_scenarios(values)
    assert sentence == refused.value.public


def test_a_pool_has_its_owners_in_order_with_each_its_own_sorted_column():
    pool = gather(["b", "a"], [[2.0, 1.0], [4.0, 3.0]])
    assert ("a", "b") == pool.owners
    assert [[3.0, 1.0], [4.0, 2.0]] == pool.columns.tolist()
    assert 2 == pool.count


def test_a_pool_names_the_owner_whose_scenario_is_none():
    with pytest.raises(InvalidAnswer) as refused:
        gather(["a", "b"], [[1.0, 2.0], [1.0, float("nan")]])
    assert ("b", 1, "nan") == tuple(refused.value.fields[name] for name in ("owner", "position", "value"))


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], [1.0, 2.0], np.empty((2, 0)), np.zeros((2, 1001))])
def test_a_pool_of_another_shape_is_refused(rows):
    with pytest.raises(InvalidAnswer, match="want scenarios of shape"):
        gather(["a", "b"], rows)


def test_an_owner_cannot_be_in_a_pool_twice():
    with pytest.raises(ValueError, match="named twice"):
        gather(["a", "a"], [[1.0], [2.0]])


def test_nobody_is_a_pool_too():
    assert () == gather([], []).owners


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), 2 * MAX_ABS_VALUE, [1.0], None, "one", 10**400]
)
def test_a_value_that_is_no_finite_number_is_the_publishers_fault(value):
    with pytest.raises(InvalidRequest, match="want one finite value within 1e"):
        settled_value(value)
