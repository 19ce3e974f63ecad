"""A feed that stands still tells nothing, and its first move afterwards neither."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from neurons.client.changes import Feed


def told(feed: Feed, *readings: object) -> list[object]:
    """What is told of readings in a row."""
    all_told = []
    for reading in readings:
        feed, changes = feed.after(None if reading is None else (reading,))
        all_told.append(None if changes is None else changes[0])
    return all_told


def test_changes_are_told_from_the_second_move_on() -> None:
    assert [None, None, 2.0, -1.0] == told(Feed(), 1.0, 2.0, 4.0, 3.0)


def test_a_feed_that_stands_still_is_cold_until_it_has_moved_again() -> None:
    assert [None, None, 1.0, None, None, 5.0] == told(Feed(), 1.0, 2.0, 3.0, 3.0, 10.0, 15.0)


def test_no_reading_makes_a_feed_cold_and_two_readings_that_differ_warm_it() -> None:
    assert [None, None, 1.0, None, None, None, 2.0] == told(Feed(), 1.0, 2.0, 3.0, None, 4.0, 6.0, 8.0)


def test_a_reading_of_zero_is_a_reading() -> None:
    assert [None, None, 1.0] == told(Feed(), 0.0, 1.0, 2.0)
    assert [None, None, -1.0] == told(Feed(), 2.0, 1.0, 0.0)


def test_a_change_within_the_threshold_is_none() -> None:
    assert [None, None, None] == told(Feed(threshold=1e-5), 1.0, 2.0, 2.0 + 9e-6)
    assert [None, None, 2e-5] == [one and round(one, 9) for one in told(Feed(threshold=1e-5), 1.0, 2.0, 2.0 + 2e-5)]


def test_so_many_numbers_must_move_as_were_asked() -> None:
    feed = Feed(moving=2)
    for reading in [(0.0, 0.0, 0.0), (1.0, 1.0, 0.0)]:
        feed, _ = feed.after(reading)
    assert (1.0, 1.0, 0.0) == feed.after((2.0, 2.0, 0.0))[1]
    cold, changes = feed.after((2.0, 1.0, 0.0))
    assert (None, False) == (changes, cold.is_warm)


@given(st.lists(st.one_of(st.none(), st.integers(-3, 3).map(float)), max_size=40))
@settings(max_examples=200, deadline=None)
def test_whatever_is_told_is_the_difference_of_the_last_two_readings_after_another_move(readings) -> None:
    for place, change in enumerate(told(Feed(), *readings)):
        if change is not None:
            before, last, now = readings[place - 2 : place + 1]
            assert now - last == change
            assert change != 0
            assert before is not None
            assert before != last
