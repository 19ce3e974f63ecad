"""The demo's market from recorded candles: which files it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.errors import InvalidSetting
from runnable.demo.market import recorded


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (["a", "b"], "2 files of 2 names"),
        (["a", "b", "b"], "3 files of 2 names"),
        (["a", "b", "c", "c"], "4 files of 3"),
    ],
)
def test_two_files_of_one_name_are_not_two_venues(names, given):
    with pytest.raises(InvalidSetting, match=given):
        recorded([Path(f"{name}.parquet") for name in names], before_ms=0)
