"""Numbers as people read them."""

from __future__ import annotations

import pytest

from neurons.cli import figures
from neurons.cli.tables import plain
from neurons.records import MetaRow
from protocol.units import NANO


@pytest.mark.parametrize(
    ("shown", "value"),
    [
        ("0.9713", figures.loss(971_300_000)),
        ("0.9712", figures.loss(971_250_000)),
        ("-0.0117", figures.gain(-11_700_000)),
        ("+0.0000", figures.gain(0)),
        ("+1.20%", figures.percent(12 * NANO // 1_000, NANO, sign=True)),
        ("-", figures.percent(1, 0)),
        ("12.345678", figures.money(12_345_678)),
        ("1,000,000.000001", figures.money(1_000_000_000_001)),
        ("0.0812%", figures.sigma(812_345_678)),
        ("60,123.45", figures.price(6_012_345_000_000)),
        ("2025-06-15T15:10:00Z", figures.instant(1_750_000_200_000)),
        ("2025-06-15T15:10:00.007Z", figures.instant(1_750_000_200_007)),
        ("2025-06-15T15:10Z", figures.minute(1_750_000_200_000)),
        ("2025-06-15T15:10:30Z", figures.minute(1_750_000_230_000)),
        (
            "123456789012345678.901234567",
            figures.decimal(123_456_789_012_345_678_901_234_567, NANO, 9).replace(",", ""),
        ),
    ],
)
def test_a_figure_reads(shown, value):
    assert shown == value


def test_json_keeps_whole_numbers_and_writes_bytes_in_hex():
    told = {1: (b"\x01\xff", MetaRow("a", "b")), "none": None, "yes": True}
    assert {"1": ["01ff", {"key": "a", "value": "b"}], "none": None, "yes": True} == plain(told)
