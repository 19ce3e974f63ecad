"""When a forecast is due, who comes first, and what a round of samples makes of somebody's own code."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from neurons.client.crawler.horizons import Horizon, HorizonState, spacing_ms
from neurons.client.crawler.planning import due_at_ms, in_order, turns
from neurons.client.crawler.sampling import Sampling
from neurons.client.crawler.settings import CrawlSettings, Prize
from neurons.client.crawler.streams import Lagged
from protocol.errors import InvalidAnswer, InvalidRequest, InvalidSetting
from protocol.rules.stream_standings import Category
from protocol.units import SECOND_MS
from tests.support.stream_play import T, key

WINDOW_MS = (200, 30_000)
LAGGED = Lagged(np.array([2.0, 1.0]), np.array([120.0, 60.0]))


def due(horizon: Horizon, *, heard: int = 1, now_ms: int = T, every: int = 1) -> int | None:
    return due_at_ms(horizon, heard=heard, received_ms=T, now_ms=now_ms, window_ms=WINDOW_MS, every=every)


def played(**more) -> Horizon:
    return Horizon("cop.json", 70, -1, state=HorizonState.PLAYED, **more)


def test_a_first_forecast_is_due_a_moment_after_a_value_and_never_when_that_is_old_news() -> None:
    assert T + 200 == due(played())
    assert T + 500 == due(played(), now_ms=T + 500)
    assert T + 30_000 == due(played(), now_ms=T + 30_000)
    assert None is due(played(), now_ms=T + 30_001)


def test_a_forecast_is_renewed_after_so_many_values() -> None:
    spoken = played(submitted=10, submitted_at_ms=T - 60_000)
    assert [None, None, T + 200, T + 200] == [due(spoken, heard=heard, every=3) for heard in (11, 12, 13, 14)]


def test_a_forecast_waits_until_quarantine_has_room_or_for_the_next_value() -> None:
    spacing = spacing_ms(70)
    assert T - 100 + spacing == due(played(submitted_at_ms=T - 100))
    assert None is due_at_ms(
        played(submitted_at_ms=T), heard=1, received_ms=T, now_ms=T, window_ms=(0, spacing - 1), every=1
    )


def test_the_most_important_streams_come_first_and_equal_ones_in_an_order_of_chance() -> None:
    equal = {f"s{number}.json": 1.0 for number in range(20)}
    one, other = (in_order(equal | {"best.json": 2.0}, np.random.default_rng(seed)) for seed in (1, 2))
    assert "best.json" == one[0] == other[0]
    assert one != other
    assert sorted(one) == sorted(other)


def test_short_delays_take_their_turn_first() -> None:
    assert [("b", 70), ("a", 310)] == turns([("a", 3555), ("a", 310), ("b", 70)], 2)


def sampled(sample, keys=(("a.json", 70), ("b.json", 70)), until_s: float = math.inf) -> Sampling:
    sampling = Sampling(until_s)
    sampling.run(sample, [(one, LAGGED) for one in keys], scenarios=225)
    return sampling


@pytest.mark.parametrize(
    "answer",
    [[1.0] * 224, [math.nan] * 225, [math.inf] * 225, "text", [[1.0] * 225], [1e301] * 225, object()],
    ids=["too few", "nan", "inf", "text", "nested", "too large", "an object"],
)
def test_nonsense_costs_only_the_horizon_it_was_said_for(answer: object) -> None:
    sampling = sampled(lambda values, times, name, delay: answer if name == "a.json" else [3.0] * 225)
    assert [("b.json", 70)] == list(sampling.forecasts)
    assert InvalidAnswer is type(sampling.failures["a.json", 70])


def test_a_sample_that_raises_costs_only_its_horizon_and_none_passes() -> None:
    def sample(values, times, name, delay):
        if name == "a.json":
            raise ZeroDivisionError("mine")

    sampling = sampled(sample)
    assert [("b.json", 70)] == sampling.passed
    assert {("a.json", 70), ("b.json", 70)} == sampling.done
    assert "mine" == str(sampling.failures["a.json", 70])


def test_what_a_sample_says_is_sorted() -> None:
    sampling = sampled(lambda *_: np.arange(225.0)[::-1])
    assert np.arange(225.0).tolist() == sampling.forecasts["a.json", 70].tolist()


def test_no_sample_begins_when_the_time_is_up() -> None:
    assert set() == sampled(lambda *_: [1.0] * 225, until_s=time.monotonic() - 1).done


def test_settings_that_cannot_be_are_refused_with_their_name() -> None:
    with pytest.raises(InvalidSetting, match="most_horizons"):
        CrawlSettings(most_horizons=0)
    with pytest.raises(InvalidSetting, match="earliest_ms"):
        CrawlSettings(earliest_ms=40 * SECOND_MS)
    with pytest.raises(InvalidSetting, match="longest_rest_ms"):
        CrawlSettings(longest_rest_ms=1)
    with pytest.raises(InvalidRequest, match="71"):
        CrawlSettings(delays=(71,))


def test_a_prize_counts_for_the_streams_that_its_board_counts() -> None:
    mine = Prize(100.0, Category.Z1, key("ann"))
    settings = CrawlSettings(prizes=(mine, Prize(5.0)))
    assert 105.0 == settings.prize("z1~cop~70.json", key("ann"))
    assert 5.0 == settings.prize("cop.json", key("ann"))
    assert 5.0 == settings.prize("z1~cop~70.json", key("bob"))
    assert 0.0 == CrawlSettings(delays=(70,), prizes=(mine,)).prize("z1~cop~70.json", key("ann"))
