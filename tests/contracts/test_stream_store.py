"""What every store must do with open streams, asked of SQLite and of its memory twin alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neurons.ports import Store
from neurons.records import Change, MetaRow
from neurons.store.errors import RowRefused
from neurons.stream_records import DaySumRow, NameRow, StreamChange
from protocol.rules.points import POINTS, points_account, settlement_transaction
from protocol.rules.quarantine import LIFE_MS
from protocol.rules.stream_records import NoticeKind
from protocol.units import DAY_MS, HOUR_MS, SECOND_MS, Micros, UnixMs
from tests.support.rows import digest_of, hotkey_of
from tests.support.stream_rows import (
    T0,
    a_letter,
    a_link,
    a_name,
    a_notice,
    a_settlement,
    a_stream,
    a_subscription,
    a_succession,
    a_value,
    a_word,
    an_evidence,
    name_of,
)

LATER = UnixMs(T0 + 2 * HOUR_MS)


async def keep(store: Store, **rows: tuple[object, ...]) -> None:
    await store.apply(Change(open_streams=StreamChange(**rows)))  # type: ignore[arg-type]


async def standing(store: Store) -> StreamChange:
    """All pages of what a start loads, as one."""
    pages = [page async for page in await store.standing_streams()]
    return replace(
        pages[0],
        values=tuple(row for page in pages for row in page.values),
        words=tuple(row for page in pages for row in page.words),
    )


def test_a_new_store_has_no_stream(on_store):
    async def check(store: Store) -> None:
        await keep(store)
        assert StreamChange() == await standing(store)
        assert [] == list(await store.day_sums())
        assert [] == list(await store.settlements(owner=hotkey_of(1)))
        assert [] == list(await store.notices(hotkey_of(1), NoticeKind.ERROR))
        assert None is await store.stream_evidence(an_evidence(1, kept_until_ms=1).sha256)

    on_store(check)


def test_a_start_loads_everything_that_stands_in_order(on_store):
    async def check(store: Store) -> None:
        change = StreamChange(
            streams=(a_stream(1), a_stream(2)),
            values=tuple(a_value(1 + n % 2, n) for n in range(5)),
            words=(a_word(1, 7, 1), a_word(1, 8, 1), a_word(1, 7, 2, delay=310), a_word(2, 7, 3, cancels=True)),
            names=tuple(sorted((a_name(1), a_name(2)), key=lambda row: row.hotkey)),
            successions=(a_succession(3, 4),),
            links=(a_link(1, 2), a_link(2, 9)),
            subscriptions=(a_subscription(1, 2),),
            letters=(a_letter(1, 2, "3.5"),),
        )
        await store.apply(Change(open_streams=change))

        assert change == await standing(store)

    on_store(check)


def test_more_values_and_words_than_a_page_come_back_in_order(on_store):
    async def check(store: Store) -> None:
        values = tuple(a_value(1, n) for n in range(1, 4_501))
        words = tuple(a_word(1, 7, n, cancels=True) for n in range(1, 2_201))
        await keep(store, streams=(a_stream(1),), values=values, words=words)

        assert (values, words) == ((found := await standing(store)).values, found.words)

    on_store(check)


def test_upserted_rows_keep_the_last_and_the_others_the_first(on_store):
    async def check(store: Store) -> None:
        await keep(
            store,
            streams=(a_stream(1),),
            values=(a_value(1, 1),),
            words=(a_word(1, 7, 1),),
            names=(a_name(1, letters=8),),
            successions=(a_succession(3, 4),),
            links=(a_link(1, 2),),
            subscriptions=(a_subscription(1, 2),),
            letters=(a_letter(1, 2, "old"),),
            evidence=(an_evidence(1, kept_until_ms=9),),
        )
        await keep(
            store,
            streams=(a_stream(1, sequence=5),),
            values=(a_value(1, 1, text="9"),),
            words=(replace(a_word(1, 7, 1), cancels=True, scenarios=b""),),
            names=(a_name(1, letters=13),),
            successions=(a_succession(3, 5),),
            links=(a_link(1, 2, standing=False),),
            subscriptions=(a_subscription(1, 2, standing=False),),
            letters=(a_letter(1, 2, "new"),),
            evidence=(replace(an_evidence(1, kept_until_ms=9), raw=b"other"),),
        )
        expected = StreamChange(
            streams=(a_stream(1, sequence=5),),
            values=(a_value(1, 1),),
            words=(a_word(1, 7, 1),),
            names=(NameRow(hotkey_of(1), a_name(1).nonce, 13),),
            successions=(a_succession(3, 4),),
            letters=(a_letter(1, 2, "new"),),
        )
        assert expected == await standing(store)
        assert an_evidence(1, kept_until_ms=9) == await store.stream_evidence(an_evidence(1, kept_until_ms=9).sha256)

    on_store(check)


def test_a_settlement_is_counted_once_however_often_it_is_written(on_store):
    async def check(store: Store) -> None:
        first, second = a_settlement(1, 3), a_settlement(1, 4)
        await keep(store, settlements=(first, first))
        await keep(store, settlements=(second, first))
        await keep(store, settlements=(replace(a_settlement(1, 5), sequence=4),))

        assert [second, first] == list(await store.settlements())
        for line in await store.day_sums():
            owner = line.owner.hex()
            amounts = [
                amount
                for row in (first, second)
                for one, amount in zip(row.settlement.owners, row.settlement.amounts_micros, strict=True)
                if one == owner
            ]
            assert (sum(amounts), sum(map(abs, amounts))) == (line.amount_micros, line.moved_micros)
        assert 0 == sum(line.amount_micros for line in await store.day_sums())
        assert 3 == len(await store.day_sums())

    on_store(check)


def test_sums_of_days_come_by_day_name_delay_sponsor_and_owner(on_store):
    async def check(store: Store) -> None:
        rows = [
            a_settlement(n, 2 + n + 10 * day, delay=delay, day=day)
            for day in (1, 0)
            for n in (2, 1)
            for delay in (310, 70)
        ]
        await keep(store, settlements=tuple(rows))
        lines = list(await store.day_sums())

        def place(line: DaySumRow) -> tuple[object, ...]:
            return line.day, line.name, line.delay, line.sponsor, line.owner

        assert sorted(lines, key=place) == lines
        first, second = T0 // DAY_MS, T0 // DAY_MS + 1
        assert [line for line in lines if line.day == first] == list(await store.day_sums(after_day=-1))
        assert [line for line in lines if line.day == second] == list(await store.day_sums(after_day=first))
        assert [] == list(await store.day_sums(after_day=second))
        assert {(T0 // DAY_MS, name_of(1), 70), (T0 // DAY_MS + 1, name_of(2), 310)} < {
            (line.day, line.name, line.delay) for line in lines
        }

    on_store(check)


def test_settlements_come_back_as_they_were_newest_first_by_stream_and_by_whom_they_moved_points_of(on_store):
    async def check(store: Store) -> None:
        rows = [
            a_settlement(1, 6, owners=(1, 2)),
            a_settlement(2, 6, owners=(2, 3), delay=910),
            a_settlement(2, 5, owners=(2, 3), spread=None),
            a_settlement(1, 4, owners=(3,)),
            a_settlement(1, 3, delay=70, owners=()),
            a_settlement(1, 3, delay=310, owners=(1, 2, 3), spread=0.0),
        ]
        await keep(store, settlements=tuple(reversed(rows)))

        assert rows == list(await store.settlements())
        assert rows[:2] == list(await store.settlements(limit=2))
        assert rows[1:3] == list(await store.settlements(name=name_of(2)))
        assert rows[:2] == list(await store.settlements(owner=hotkey_of(2)))
        assert rows[:1] == list(await store.settlements(owner=hotkey_of(2), limit=1))
        assert rows[1:2] == list(await store.settlements(owner=hotkey_of(3)))
        assert [] == list(await store.settlements(owner=hotkey_of(3), before_ms=T0 + 6))
        assert rows[3:] == list(await store.settlements(before_ms=T0 + 5))
        assert [] == list(await store.settlements(owner=hotkey_of(99)))

    on_store(check)


def test_a_settlement_and_its_booking_are_kept_together_in_points(on_store):
    async def check(store: Store) -> None:
        row = a_settlement(1, 3)
        booked = settlement_transaction(
            row.settlement, publisher="p", stream=row.name, delay=row.delay, sequence=row.sequence, at_ms=row.at_ms
        )
        assert booked is not None
        both = Change(transactions=(booked,), open_streams=StreamChange(settlements=(row,)))
        await store.apply(both)
        await store.apply(both)

        expected = {
            (points_account(owner), POINTS): amount
            for owner, amount in zip(row.settlement.owners, row.settlement.amounts_micros, strict=True)
            if amount
        }
        assert expected == await store.balances()
        assert sorted(expected.values()) == sorted(line.amount_micros for line in await store.day_sums())

    on_store(check)


def test_a_log_is_told_by_kind_newest_first(on_store):
    async def check(store: Store) -> None:
        told = [a_notice(1, n) for n in (5, 4, 3)]
        error = a_notice(1, 9, kind=NoticeKind.ERROR)
        await keep(store, notices=(*reversed(told), error, a_notice(2, 6), told[0]))

        assert told == list(await store.notices(hotkey_of(1), NoticeKind.CONFIRM))
        assert told[:2] == list(await store.notices(hotkey_of(1), NoticeKind.CONFIRM, limit=2))
        assert [error] == list(await store.notices(hotkey_of(1), NoticeKind.ERROR))

    on_store(check)


def test_a_number_that_no_store_can_keep_is_refused_with_all_of_its_change(on_store):
    async def check(store: Store) -> None:
        stream = a_stream(1)
        too_much = replace(stream, stream=replace(stream.stream, budget_micros=Micros(2**63)))
        with pytest.raises(RowRefused):
            await store.apply(
                Change(
                    meta=(MetaRow("a", "b"),), open_streams=StreamChange(streams=(too_much,), values=(a_value(1, 1),))
                )
            )
        assert {} == await store.meta()
        assert StreamChange() == await standing(store)

    on_store(check)


def test_an_earlier_incarnation_is_not_loaded_and_then_let_go(on_store):
    async def check(store: Store) -> None:
        again = a_stream(1, incarnation=2, sequence=9)
        await keep(
            store,
            streams=(a_stream(1), a_stream(2, deleted=True)),
            values=(a_value(1, 1), a_value(2, 1)),
            words=(a_word(1, 7, 1), a_word(2, 7, 1)),
            letters=(a_letter(1, 2, "old"), a_letter(2, 1, "old")),
        )
        now = {
            "values": (a_value(1, 9, incarnation=2),),
            "words": (a_word(1, 7, 9, incarnation=2),),
            "letters": (a_letter(1, 2, "new", incarnation=2),),
        }
        await keep(store, streams=(again,), **now)

        expected = StreamChange(streams=(again, a_stream(2, deleted=True)), **now)  # type: ignore[arg-type]
        assert expected == await standing(store)
        touched = await store.prune_streams(now_ms=T0, settled_before_ms=0)
        assert {"stream_values": 2, "stream_words": 2, "letters": 2} == dict(touched)
        assert expected == await standing(store)

    on_store(check)


def test_words_stay_until_what_replaced_them_has_left_quarantine(on_store):
    async def check(store: Store) -> None:
        old, new, cancelled = a_word(1, 7, 1), a_word(1, 7, 2, at_ms=LATER), a_word(1, 8, 1)
        withdrawal = a_word(1, 8, 2, cancels=True, at_ms=LATER)
        words = (old, cancelled, new, withdrawal)
        await keep(store, streams=(a_stream(1),), words=words)

        due_ms = LATER + 70 * SECOND_MS
        assert {} == dict(await store.prune_streams(now_ms=UnixMs(due_ms - 1), settled_before_ms=0))
        assert words == (await standing(store)).words
        assert {"stream_words": 3} == dict(await store.prune_streams(now_ms=UnixMs(due_ms), settled_before_ms=0))
        assert (new,) == (await standing(store)).words
        over_ms = UnixMs(due_ms + LIFE_MS)
        assert {"stream_words": 1} == dict(await store.prune_streams(now_ms=over_ms, settled_before_ms=0))

    on_store(check)


def test_lags_and_history_stay_as_the_rules_keep_them(on_store):
    async def check(store: Store) -> None:
        second = [a_value(1, n, at_ms=T0 + n * SECOND_MS) for n in range(1, 3_601)]
        records = [a_value(1, 4_000 + n, text='{"a": 1}', has_lags=False) for n in range(1_003)]
        await keep(store, streams=(a_stream(1),), values=(*second, *records))
        now_ms = UnixMs(T0 + 3_600 * SECOND_MS)

        assert {"stream_values": 44 + 3} == dict(await store.prune_streams(now_ms=now_ms, settled_before_ms=0))
        assert (*second[44:], *records[3:]) == (await standing(store)).values
        an_hour_on = UnixMs(now_ms + HOUR_MS)
        assert {"stream_values": 2_556} == dict(await store.prune_streams(now_ms=an_hour_on, settled_before_ms=0))
        assert (*second[-1_000:], *records[3:]) == (await standing(store)).values

    on_store(check)


def test_what_expired_is_let_go_and_sums_and_standing_edges_stay(on_store):
    async def check(store: Store) -> None:
        kept = a_settlement(1, 9)
        await keep(
            store,
            streams=(a_stream(1), a_stream(2)),
            settlements=(a_settlement(1, 8), kept),
            evidence=(an_evidence(1, kept_until_ms=LATER), an_evidence(2, kept_until_ms=LATER + 1)),
            links=(a_link(1, 2), a_link(2, 1, standing=False)),
            subscriptions=(a_subscription(1, 2), a_subscription(2, 1, standing=False)),
            notices=tuple(a_notice(1, n) for n in range(1_002)),
        )
        sums = await store.day_sums()

        assert {
            "settlements": 1, "stream_evidence": 1, "stream_links": 1, "subscriptions": 1, "notices": 2,
        } == dict(await store.prune_streams(now_ms=LATER, settled_before_ms=kept.at_ms))  # fmt: skip
        assert [kept] == list(await store.settlements())
        assert sums == [replace(line, folded=0, folded_micros=Micros(0)) for line in await store.day_sums()]
        assert None is await store.stream_evidence(an_evidence(1, kept_until_ms=0).sha256)
        assert an_evidence(2, kept_until_ms=LATER + 1) == await store.stream_evidence(
            an_evidence(2, kept_until_ms=0).sha256
        )
        assert ((a_link(1, 2),), (a_subscription(1, 2),)) == (
            (found := await standing(store)).links,
            found.subscriptions,
        )
        assert a_notice(1, 2) == (await store.notices(hotkey_of(1), NoticeKind.CONFIRM, limit=2_000))[-1]

    on_store(check)


def test_more_evidence_than_is_dropped_in_one_step_goes_at_once_all_the_same(on_store):
    async def check(store: Store) -> None:
        await keep(store, evidence=tuple(an_evidence(n, kept_until_ms=LATER + n % 2) for n in range(150)))

        assert {"stream_evidence": 75} == dict(await store.prune_streams(now_ms=LATER, settled_before_ms=0))
        left = [await store.stream_evidence(an_evidence(n, kept_until_ms=0).sha256) is not None for n in range(150)]
        assert [False, True] * 75 == left

    on_store(check)


def test_evidence_is_found_by_the_digest_that_its_rows_name(on_store):
    async def check(store: Store) -> None:
        row = replace(an_evidence(7, kept_until_ms=LATER), sha256=digest_of("batch", 7, 1))
        await keep(store, streams=(a_stream(1),), words=(a_word(1, 7, 1),), evidence=(row,))
        (word,) = (await standing(store)).words

        assert word.evidence is not None
        assert row == await store.stream_evidence(word.evidence)

    on_store(check)
