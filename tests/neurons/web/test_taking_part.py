"""On which horizons a key takes part, from its log alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from neurons.web.taking_part import MOST_WORDS, TakingPart, word_of
from protocol.messages import NoticeLine
from protocol.rules.stream_records import Operation
from protocol.units import UnixMs

NAME, DELAY = "cop.json", 70
STREAMS = {NAME: UnixMs(0)}


def said(operation: str, at_s: int, *, name: str = NAME, delay: int = DELAY) -> NoticeLine:
    return NoticeLine(operation, UnixMs(at_s * 1_000), f"name {name}, delay {delay}, values 0.1, 0.2")


def horizons(part: TakingPart, at_s: int, *, standing=((NAME, DELAY),), streams=STREAMS) -> list[str]:
    return part.horizons(now_ms=at_s * 1_000, standing=standing, streams=streams)


def test_a_submission_counts_once_it_has_left_quarantine_and_a_withdrawal_too():
    part = TakingPart()
    part.learn([said("withdraw", 200), said("submit", 100)])
    seen = [horizons(part, at_s) for at_s in (169, 170, 269, 270)]
    assert [[], ["70::cop.json"], ["70::cop.json"], []] == seen


def test_a_replacement_moves_no_instant_and_a_bankruptcy_ends_like_a_withdrawal():
    part = TakingPart()
    part.learn([said("submit", 100), said("submit", 150), said("submit", 169), said("bankruptcy", 300)])
    assert ["70::cop.json"] == horizons(part, 170)
    assert [] == horizons(part, 370)


def test_what_the_log_no_longer_tells_is_remembered():
    part = TakingPart()
    part.learn([said("submit", 100)])
    part.learn([said("submit", 500)])
    assert ["70::cop.json"] == horizons(part, 501)


def test_what_stands_and_is_older_than_the_log_counts():
    assert ["70::cop.json"] == horizons(TakingPart(), 0)
    part = TakingPart()
    part.learn([said("submit", 100, delay=310)])
    assert ["70::cop.json"] == horizons(part, 200)


def test_what_stands_no_more_though_nobody_withdrew_it_does_not_count():
    part = TakingPart()
    part.learn([said("submit", 100)])
    assert [] == horizons(part, 10_000, standing=())


def test_a_stream_that_is_gone_or_was_made_anew_takes_nobody_along():
    part = TakingPart()
    part.learn([said("submit", 100)])
    assert [] == horizons(part, 1_000, streams={})
    assert [] == horizons(part, 1_000, streams={NAME: UnixMs(100_001)})


def test_lines_about_other_things_say_nothing_of_a_horizon():
    assert word_of(NoticeLine("set", UnixMs(1), "name cop.json, value 1.0")) is None
    assert word_of(NoticeLine("submit", UnixMs(1), "name of the wind")) is None
    assert word_of(NoticeLine("touch", UnixMs(1), "name cop.json, delay 70")) is None


OPERATIONS = st.sampled_from([Operation.SUBMIT, Operation.WITHDRAW, Operation.BANKRUPTCY])
LOGS = st.lists(st.tuples(OPERATIONS, st.integers(0, 1_000)), max_size=40, unique_by=lambda one: one[1])


@settings(max_examples=150, deadline=None)
@given(LOGS, st.integers(0, 40), st.integers(0, 1_200))
def test_however_a_log_is_read_the_newest_word_that_left_quarantine_decides(log, cut, at_s):
    lines = [said(operation, when) for operation, when in log]
    part = TakingPart()
    part.learn(lines[cut:])
    part.learn(lines)
    due = sorted((when, operation) for operation, when in log if when + DELAY <= at_s)
    expected = ["70::cop.json"] if due and due[-1][1] is Operation.SUBMIT else []
    newest = max(log, key=lambda one: one[1], default=(Operation.SUBMIT, 0))[0]
    standing = ((NAME, DELAY),) if log and newest is Operation.SUBMIT else ()
    assert expected == horizons(part, at_s, standing=standing)


def test_somebody_who_comes_and_goes_without_end_fills_no_memory():
    part = TakingPart()
    part.learn(said("submit" if k % 2 else "withdraw", k) for k in range(10 * MOST_WORDS))
    assert MOST_WORDS == len(part._words[NAME, DELAY])
    assert ["70::cop.json"] == horizons(part, 10_000)
