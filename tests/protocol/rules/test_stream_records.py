"""What is told about streams: each owner's side of a settlement, and logs that forget."""

from __future__ import annotations

from protocol.rules.pot import settle
from protocol.rules.stream_records import (
    LOG_LIMITS,
    LogLimits,
    Notice,
    NoticeKind,
    Operation,
    infrequent,
    kept_notices,
    transactions_of,
)
from protocol.units import MICRO, MINUTE_MS, UnixMs

NOW = UnixMs(10**12)


def notice(at_ms, kind=NoticeKind.CONFIRM, operation=Operation.SET):
    return Notice(kind, operation, UnixMs(at_ms))


def test_each_owner_that_won_or_lost_sees_its_side_of_a_settlement():
    done = settle(["a", "b", "c"], [[0.0] * 225, [5.0] * 225, [9.0] * 225], 0.0, rule="micro2021", budget_micros=3)
    told = transactions_of(done, stream="cop.json", delay=70, stream_owner="s", at_ms=NOW)
    assert [("a", 6), ("b", -3), ("c", -3)] == [(one.recipient, one.amount_micros) for one in told]
    first = told[0]
    assert (675, 10, 1e-4, 10 / 675, 10 / 675 / 1e-4, 10 / 3) == (
        first.submissions_count, first.submissions_close, first.window, first.mass, first.density, first.average,
    )  # fmt: skip
    assert ("micro2021", "cop.json", 70, 0.0, 3, "s", NOW) == (
        first.rule, first.stream, first.delay, first.value, first.budget_micros, first.stream_owner,
        first.settlement_time_ms,
    )  # fmt: skip


def test_whom_a_settlement_moved_nothing_for_sees_nothing():
    done = settle(["a", "b"], [[0.0] * 225] * 2, 0.0, rule="micro2021", budget_micros=MICRO)
    assert [] == transactions_of(done, stream="cop.json", delay=70, stream_owner="s", at_ms=NOW)


def test_a_log_keeps_its_newest_notices_of_each_kind_newest_first():
    limits = {kind: LogLimits(2, 1_000) for kind in NoticeKind}
    notices = [notice(NOW - 3), notice(NOW - 1), notice(NOW - 2), notice(NOW - 5, NoticeKind.ERROR)]
    assert [NOW - 1, NOW - 2, NOW - 5] == [one.at_ms for one in kept_notices(notices, now_ms=NOW, limits=limits)]


def test_a_notice_lives_as_long_as_its_kind():
    limits = LOG_LIMITS["2023"]
    ten, twenty = NOW - 10 * MINUTE_MS, NOW - 20 * MINUTE_MS
    notices = [notice(at, kind) for at in (ten + 1, ten, twenty + 1, twenty) for kind in NoticeKind]
    kept = {(one.kind, one.at_ms) for one in kept_notices(notices, now_ms=NOW, limits=limits)}
    warnings = {(NoticeKind.WARNING, at) for at in (ten + 1, ten, twenty + 1)}
    assert warnings | {(NoticeKind.CONFIRM, ten + 1), (NoticeKind.ERROR, ten + 1)} == kept


def test_of_one_instant_the_later_notice_comes_first():
    first, second = notice(NOW, operation=Operation.SET), notice(NOW, operation=Operation.CANCEL)
    assert [second, first] == kept_notices([first, second], now_ms=NOW)


def test_what_a_busy_key_does_all_day_can_be_left_out():
    notices = [notice(NOW, operation=operation) for operation in Operation]
    assert {Operation.SET, Operation.SUBMIT} == set(Operation) - {one.operation for one in infrequent(notices)}
