"""What a database remembers of a series, and what it refuses to mix."""

from __future__ import annotations

import pytest

from neurons.market.calendars import calendar_of
from neurons.validating.series import FollowedSeries, check_grid, followed_in
from protocol.errors import InvalidSetting
from protocol.params import MAIN
from protocol.units import MINUTE_MS

RATE = FollowedSeries("USDT-USD", calendar_of("fx"), MINUTE_MS, rounds=False)


def meta(series: FollowedSeries) -> dict[str, str]:
    row = series.meta_row()
    return {row.key: row.value}


def test_a_series_comes_back_from_its_row_as_it_was():
    assert RATE == followed_in(meta(RATE), "USDT-USD")
    assert FollowedSeries("BTC-USD") == followed_in(meta(RATE), "BTC-USD")


def test_its_rules_are_the_networks_on_its_own_grid():
    assert MAIN is FollowedSeries("BTC-USD").params(MAIN)
    own = RATE.params(MAIN)
    assert (MINUTE_MS, MAIN.truth) == (own.time.step_ms, own.truth)


@pytest.mark.parametrize(
    "text", ["{}", "[]", "no json", '{"calendar":"moon","rounds":true,"step_ms":null}', '{"calendar":"fx","step_ms":0}']
)
def test_a_row_that_no_validator_wrote_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        followed_in({"series/BTC-USD": text}, "BTC-USD")


def test_closes_of_two_grids_are_not_mixed_in_one_database():
    check_grid(RATE, {}, MAIN, has_closes=False)
    check_grid(RATE, meta(RATE), MAIN, has_closes=True)
    with pytest.raises(InvalidSetting, match="holds its closes every 300 s, `step` says every 60 s"):
        check_grid(RATE, {}, MAIN, has_closes=True)
    with pytest.raises(InvalidSetting, match="every 60 s, `step` says every 300 s"):
        check_grid(FollowedSeries("USDT-USD"), meta(RATE), MAIN, has_closes=True)
