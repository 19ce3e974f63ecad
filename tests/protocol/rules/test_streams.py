import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import AuguryError, InvalidRequest, NotFound, RateLimited, Replayed
from protocol.rules.stream_names import zcurve_name
from protocol.rules.streams import (
    PERMISSIONS,
    Action,
    Publication,
    Stream,
    StreamLimits,
    StreamState,
    Who,
    check_budget,
    delete,
    life_seconds_2021,
    permitted,
    publish,
    required_difficulty,
    state_of,
    touch,
    touch_seconds_2023,
)
from protocol.units import DAY_MS, HOUR_MS, MICRO, MINUTE_MS, Hotkey, Micros, UnixMs

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "stream_lives.json").read_text())
OWNER, STRANGER = Hotkey(b"o" * 32), Hotkey(b"s" * 32)
NOW = UnixMs(1_700_000_000_000)
LIMITS = StreamLimits()


def published(stream=None, *, at_ms=NOW, owner=OWNER, sequence=1, name="cop.json", budget=MICRO) -> Stream:
    return publish(stream, Publication(name, owner, sequence, Micros(budget)), now_ms=UnixMs(at_ms))


LIVE = published()
DORMANT_AT = UnixMs(NOW + 96 * HOUR_MS)
FREE_AT = UnixMs(DORMANT_AT + 30 * DAY_MS)
AT = {StreamState.LIVE: NOW, StreamState.DORMANT: DORMANT_AT, StreamState.FREE: FREE_AT}


def test_a_stream_lives_sleeps_and_is_free_from_one_instant_on_for_everybody():
    assert StreamState.FREE == state_of(None, NOW)
    for at_ms, state in (
        (NOW, StreamState.LIVE),
        (DORMANT_AT - 1, StreamState.LIVE),
        (DORMANT_AT, StreamState.DORMANT),
        (FREE_AT - 1, StreamState.DORMANT),
        (FREE_AT, StreamState.FREE),
    ):
        assert state == state_of(LIVE, UnixMs(at_ms))


@pytest.mark.parametrize("state", StreamState)
@pytest.mark.parametrize("action", Action)
def test_every_action_in_every_state_is_for_who_the_table_says(state, action):
    who = PERMISSIONS[state][action]
    for by in (OWNER, STRANGER, None):
        if who is Who.NOBODY:
            with pytest.raises(NotFound):
                permitted(LIVE, action, by, AT[state])
        elif who is Who.OWNER and by != OWNER:
            with pytest.raises(InvalidRequest) as refusal:
                permitted(LIVE, action, by, AT[state])
            assert {"field": "owner", "limit": OWNER.hex()} == refusal.value.fields
        else:
            assert LIVE == permitted(LIVE, action, by, AT[state])


def test_what_only_an_owner_may_is_written_down():
    owners = {action for action in Action if PERMISSIONS[StreamState.LIVE][action] is Who.OWNER}

    assert set(Action) - {Action.READ, Action.SUBMIT, Action.CANCEL} == owners
    assert PERMISSIONS[StreamState.LIVE] == PERMISSIONS[StreamState.DORMANT]
    assert [Action.PUBLISH] == [
        action for action, who in PERMISSIONS[StreamState.FREE].items() if who is not Who.NOBODY
    ]


def test_the_first_value_makes_an_owner_and_later_ones_keep_everything_but_the_news():
    later = published(LIVE, at_ms=NOW + 5_000, sequence=7, budget=2 * MICRO)

    assert (OWNER, 1, NOW, 1) == (LIVE.owner, LIVE.incarnation, LIVE.created_at_ms, LIVE.sequence)
    assert later == replace(
        LIVE,
        sequence=7,
        budget_micros=2 * MICRO,
        value_at_ms=NOW + 5_000,
        alive_until_ms=NOW + 5_000 + 96 * HOUR_MS,
    )


def test_a_dormant_stream_wakes_for_its_owner_with_its_creation_and_for_nobody_else():
    assert LIVE.created_at_ms == published(LIVE, at_ms=DORMANT_AT, sequence=2).created_at_ms
    with pytest.raises(InvalidRequest, match="only its owner"):
        published(LIVE, at_ms=DORMANT_AT, sequence=2, owner=STRANGER)


@pytest.mark.parametrize("how", ["lapsed", "deleted"])
def test_a_free_name_is_anybody_s_and_what_stood_for_the_last_stream_does_not_stand_for_the_new(how):
    gone = LIVE if how == "lapsed" else delete(LIVE, by=OWNER, now_ms=UnixMs(NOW + 9))
    at_ms = FREE_AT if how == "lapsed" else UnixMs(NOW + 10)
    taken = published(gone, at_ms=at_ms, owner=STRANGER, sequence=2)

    assert (STRANGER, 2, at_ms) == (taken.owner, taken.incarnation, taken.created_at_ms)
    assert StreamState.LIVE == state_of(taken, at_ms)
    with pytest.raises(Replayed):
        published(gone, at_ms=at_ms, sequence=1)


def test_a_touch_extends_a_life_to_104_hours_and_never_shortens_one():
    touched = touch(LIVE, by=OWNER, now_ms=UnixMs(NOW + 1))

    assert NOW + 1 + 104 * HOUR_MS == touched.alive_until_ms
    assert touched.alive_until_ms == published(touched, at_ms=NOW + HOUR_MS, sequence=2).alive_until_ms
    assert StreamState.LIVE == state_of(touch(LIVE, by=OWNER, now_ms=DORMANT_AT), DORMANT_AT)
    long = touch(LIVE, by=OWNER, now_ms=NOW, limits=StreamLimits(touch_ms=1))
    assert LIVE.alive_until_ms == long.alive_until_ms


def test_values_come_a_second_apart_and_with_rising_numbers():
    with pytest.raises(RateLimited) as refusal:
        published(LIVE, at_ms=NOW + 999, sequence=2)
    assert {"field": "value", "limit": 1_000} == refusal.value.fields
    with pytest.raises(RateLimited):
        published(LIVE, at_ms=NOW - 10 * MINUTE_MS, sequence=2)
    with pytest.raises(Replayed):
        published(LIVE, at_ms=NOW + 1_000, sequence=1)
    assert 2 == published(LIVE, at_ms=NOW + 1_000, sequence=2).sequence


@pytest.mark.parametrize("sequence", [0, -1, NOW + MINUTE_MS + 1])
def test_a_number_that_would_spoil_a_name_for_ever_is_refused(sequence):
    with pytest.raises(InvalidRequest) as refusal:
        published(sequence=sequence)
    assert {"field": "sequence", "limit": NOW + MINUTE_MS} == refusal.value.fields


def test_a_name_whose_number_was_pushed_as_far_as_it_goes_takes_a_value_a_second_later():
    pushed = published(sequence=NOW + MINUTE_MS)

    assert NOW + MINUTE_MS + 1 == published(pushed, at_ms=NOW + 1_000, sequence=NOW + MINUTE_MS + 1).sequence


def test_budgets_have_bounds_for_plain_names_and_follow_for_derived_ones():
    for budget in (0, 999, 1000 * MICRO + 1):
        with pytest.raises(InvalidRequest):
            published(budget=budget)
        assert budget == published(name=zcurve_name(["cop.json"], 70), budget=budget).budget_micros
    assert 1_000 == check_budget(Micros(1_000))


@pytest.mark.parametrize("name", ["cop", "a.b.json", "z2~b~a~70.json", "delayed::70::cop.json"])
def test_nothing_is_published_under_a_name_that_is_none(name):
    with pytest.raises(InvalidRequest):
        published(name=name)


def test_each_gate_has_its_own_difficulty():
    assert [12, 13, 6, 6, 0, 0] == [
        required_difficulty(Action.PUBLISH),
        required_difficulty(Action.PUBLISH, with_copulas=True),
        required_difficulty(Action.SUBMIT),
        required_difficulty(Action.CANCEL),
        required_difficulty(Action.TOUCH),
        required_difficulty(Action.READ),
    ]


moves = st.tuples(
    st.sampled_from(["publish", "touch", "delete"]),
    st.sampled_from([OWNER, STRANGER]),
    st.integers(0, 40 * DAY_MS),
    st.integers(0, 3),
)


@given(st.lists(moves, max_size=25))
@settings(max_examples=200, deadline=None)
def test_whatever_is_tried_sequences_and_incarnations_rise_and_an_owner_loses_a_name_only_when_it_is_free(tried):
    stream, now_ms, last = None, NOW, (0, 0)
    for what, by, pause, step in tried:
        now_ms = UnixMs(now_ms + pause)
        before, state = stream, state_of(stream, now_ms)
        try:
            if what == "publish":
                stream = publish(stream, Publication("cop.json", by, last[1] + step), now_ms=now_ms)
            else:
                stream = {"touch": touch, "delete": delete}[what](stream, by=by, now_ms=now_ms)
        except AuguryError:
            assert before == stream
            continue
        assert last <= (stream.incarnation, stream.sequence)
        last = (stream.incarnation, stream.sequence)
        if before is not None and before.owner != stream.owner:
            assert StreamState.FREE == state
        assert (StreamState.FREE if what == "delete" else StreamState.LIVE) == state_of(stream, now_ms)


@pytest.mark.parametrize("vector", VECTORS["lives"], ids=lambda vector: f"{vector['value_bytes']} x {vector['budget']}")
def test_the_original_s_lives_are_as_long_as_they_were(vector):
    assert vector["seconds"] == life_seconds_2021(vector["value_bytes"], vector["budget"])


def test_a_touch_of_the_original_lasted_104_hours_whatever_the_budget():
    assert [374_400, 374_400] == [touch_seconds_2023(budget) for budget in (0.01, 10)]
