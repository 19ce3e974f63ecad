"""What a crawler knows of streams: pushed, listed and read, in whatever order that comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurons.client.crawler.streams import KnownStreams, number_in
from protocol.messages import LagLine, StreamNews, StreamSummary
from protocol.units import MICRO, SECOND_MS
from tests.support.stream_play import T, key

FRESH_MS = 30 * SECOND_MS


def news(sequence: int, value: object = 1.5, *, name: str = "cop.json", incarnation: int = 1) -> StreamNews:
    at_ms = T + sequence * SECOND_MS
    return StreamNews(name, key("ann"), incarnation, sequence, at_ms, str(value).encode(), MICRO)


def summary(sequence: int, *, name: str = "cop.json", incarnation: int = 1, value_at_ms: int = T) -> StreamSummary:
    return StreamSummary(name, key("ann"), "live", incarnation, T, value_at_ms, T + 10**9, sequence, 2 * MICRO, "micro")


def line(sequence: int, value: object) -> LagLine:
    return LagLine(T + sequence * SECOND_MS, sequence, str(value).encode())


def streams(most: int = 10) -> KnownStreams:
    return KnownStreams(most, FRESH_MS)


def test_a_stream_appears_with_its_first_value_and_counts_what_is_heard() -> None:
    known = streams()
    assert 1.5 == known.hear(news(1), now_ms=T).newest
    assert 2.5 == known.hear(news(2, 2.5), now_ms=T + 7).newest
    stream = known.by_name["cop.json"]
    assert (2, T + 7, 2, MICRO) == (stream.heard, stream.received_ms, stream.sequence, stream.budget_micros)
    assert 0 == len(stream.lags)


def test_what_was_heard_before_is_not_heard_again() -> None:
    known = streams()
    known.hear(news(2), now_ms=T)
    assert None is known.hear(news(2), now_ms=T)
    assert None is known.hear(news(1), now_ms=T)
    assert None is known.hear(news(9, incarnation=0), now_ms=T)
    assert 1 == known.by_name["cop.json"].heard


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", '{"a": 1}', "[1, 2]", "rain", "1." + "0" * 1_200, "[" * 1_000])
def test_what_is_no_number_moves_a_stream_on_and_is_no_lag(text: str) -> None:
    known = streams()
    known.hear(news(1), now_ms=T)
    assert None is known.hear(news(2, text), now_ms=T)
    assert (1, 2) == (known.by_name["cop.json"].heard, known.by_name["cop.json"].sequence)
    assert None is number_in(text.encode())


@given(st.lists(st.integers(1, 40), unique=True, max_size=20), st.lists(st.integers(1, 40), unique=True, max_size=20))
def test_lags_that_are_read_and_lags_that_are_pushed_meanwhile_make_one_series(read, pushed) -> None:
    known = streams()
    known.list([summary(0)], asked_ms=T)
    stream = known.by_name["cop.json"]
    stream.is_wanted = True
    for sequence in sorted(pushed):
        known.hear(news(sequence, float(sequence)), now_ms=T)
    stream.fill([line(sequence, float(sequence)) for sequence in sorted(read, reverse=True)])
    expected = sorted({*read, *pushed}, reverse=True)
    lagged = stream.lagged()
    assert expected == lagged.values.tolist()
    assert [T / SECOND_MS + sequence for sequence in expected] == lagged.times.tolist()
    assert not stream.is_missing


def test_the_lags_that_sample_gets_cannot_be_written_to() -> None:
    known = streams()
    known.list([summary(1)], asked_ms=T)
    known.by_name["cop.json"].fill([line(1, 1.0)])
    lagged = known.by_name["cop.json"].lagged()
    with pytest.raises(ValueError, match="read-only"):
        lagged.values[0] = 2.0


def test_a_list_that_knows_a_newer_value_has_the_lags_read_again() -> None:
    known = streams()
    known.hear(news(1), now_ms=T)
    stream = known.by_name["cop.json"]
    stream.fill([line(1, 1.5)])
    known.list([summary(1)], asked_ms=T)
    assert not stream.is_missing
    known.list([summary(2, value_at_ms=T)], asked_ms=T + FRESH_MS)
    assert (True, 1, 2 * MICRO) == (stream.is_missing, stream.heard, stream.budget_micros)


def test_a_value_in_a_list_that_has_just_come_counts_as_heard() -> None:
    known = streams()
    known.list([summary(5, value_at_ms=T - FRESH_MS + 1)], asked_ms=T)
    assert (1, T) == (known.by_name["cop.json"].heard, known.by_name["cop.json"].received_ms)
    known.list([summary(5, value_at_ms=T - FRESH_MS + 1)], asked_ms=T + 9)
    assert 1 == known.by_name["cop.json"].heard


def test_a_stream_that_is_listed_no_more_is_forgotten_unless_it_was_heard_since() -> None:
    known = streams()
    known.list([summary(1), summary(1, name="rain.json")], asked_ms=T)
    known.hear(news(2, name="new.json"), now_ms=T + 20)
    assert ["rain.json"] == known.list([summary(1)], asked_ms=T + 10)
    assert {"cop.json", "new.json"} == set(known.by_name)


def test_a_name_that_was_taken_anew_begins_without_lags_and_goes_on_counting() -> None:
    known = streams()
    known.hear(news(1), now_ms=T)
    known.by_name["cop.json"].fill([line(1, 1.5)])
    known.hear(news(2, 9.0, incarnation=2), now_ms=T)
    stream = known.by_name["cop.json"]
    assert (2, 2, True, 0) == (stream.incarnation, stream.heard, stream.is_missing, len(stream.lags))


def test_after_a_doubt_all_lags_are_read_again() -> None:
    known = streams()
    known.hear(news(1), now_ms=T)
    known.by_name["cop.json"].fill([line(1, 1.5)])
    known.doubt()
    assert known.by_name["cop.json"].is_missing


def test_streams_beyond_the_limit_are_passed_over_and_counted() -> None:
    known = streams(most=2)
    for name in ("a.json", "b.json", "c.json", "d.json"):
        known.hear(news(1, name=name), now_ms=T)
    known.list([summary(1, name=name) for name in ("a.json", "b.json", "e.json")], asked_ms=T)
    assert {"a.json", "b.json"} == set(known.by_name)
    assert 2 == known.passed_over
