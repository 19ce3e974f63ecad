"""Spans as people type them."""

from __future__ import annotations

import pytest

from neurons.cli.times import read_duration
from protocol.errors import InvalidSetting


def test_a_span_is_a_whole_number_and_a_unit() -> None:
    texts = ("500ms", "90s", "5m", "1h", "2d")
    assert [500, 90_000, 300_000, 3_600_000, 172_800_000] == [read_duration(text, setting="every") for text in texts]


@pytest.mark.parametrize("wrong", ["", "5", "0s", "-5m", "1.5h", "5 m", "m5", "5min", "9999999999s"])
def test_anything_else_is_no_span(wrong: str) -> None:
    with pytest.raises(InvalidSetting, match=r"--every: .* is no span"):
        read_duration(wrong, setting="every")
