"""What every store must do with settlements that are let go: their days say the same as they did, to the micro."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from neurons.ports import Store
from neurons.store.memory import MemoryStore
from neurons.stream_records import DaySumRow
from protocol.rules.ledger import Account, Transaction
from protocol.rules.points import POINTS, SETTLED_DAY, SETTLEMENT, points_account
from protocol.units import DAY_MS, Micros
from tests.support.rows import a_transaction, hotkey_of
from tests.support.stream_rows import T0, a_settlement, booked, name_of

LATER = 10 * DAY_MS + T0


async def transactions(store: Store, kind: str) -> dict[str, Transaction]:
    return {one.id: one async for one in await store.transactions() if one.kind == kind}


async def fold(store: Store, before_ms: int) -> dict[str, int]:
    return dict(await store.prune_streams(now_ms=T0, settled_before_ms=before_ms))


def test_what_was_let_go_is_one_booking_a_horizon_and_day_and_balances_stay(on_store):
    async def check(store: Store) -> None:
        rows = [
            a_settlement(n, s, delay=d, day=day)
            for n in (1, 2)
            for d in (70, 310)
            for day in (0, 1)
            for s in (3 + day, 9 + day)
        ]
        await store.apply(booked(*rows))
        before = await store.balances()
        singles = await transactions(store, SETTLEMENT)

        assert {"settlements": 16, "transactions": 16} == await fold(store, LATER)
        assert {} == await fold(store, LATER)
        assert before == await store.balances()
        assert {} == await transactions(store, SETTLEMENT)
        days = await transactions(store, SETTLED_DAY)
        assert 8 == len(days)
        for name, whole in days.items():
            _, publisher, stream, delay, day = name.split("/")
            sums: Counter[Account] = Counter()
            for one in singles.values():
                if one.id.startswith(f"{SETTLEMENT}/{publisher}/{stream}/{delay}/") and one.at_ms // DAY_MS == int(day):
                    sums.update({leg.account: leg.amount_micros for leg in one.postings})
            assert {a: n for a, n in sums.items() if n} == {leg.account: leg.amount_micros for leg in whole.postings}
            assert int(day) * DAY_MS == whole.at_ms

    on_store(check)


def test_a_day_that_is_folded_bit_by_bit_is_the_one_that_is_folded_at_once(on_store):
    async def check(store: Store) -> None:
        rows = [a_settlement(1, s) for s in range(1, 20)]
        await store.apply(booked(*rows))
        whole = MemoryStore()
        await whole.apply(booked(*rows))
        await fold(whole, LATER)
        for before_ms in range(T0, T0 + 25, 3):
            await fold(store, before_ms)
            kept = sum(row.at_ms >= before_ms for row in rows)
            assert kept == len(await store.settlements()) == len(await transactions(store, SETTLEMENT))

        [day], [wanted] = [(await transactions(one, SETTLED_DAY)).values() for one in (store, whole)]
        assert sorted(wanted.postings, key=lambda leg: leg.account) == sorted(day.postings, key=lambda leg: leg.account)
        assert await whole.day_sums() == await store.day_sums()
        assert await whole.balances() == await store.balances()

    on_store(check)


def test_an_owner_is_told_what_is_kept_and_of_the_rest_sums_and_numbers_by_day(on_store):
    async def check(store: Store) -> None:
        rows = [a_settlement(n, 20 * day + 2 * s + n, day=day) for n in (1, 2) for day in (0, 1) for s in range(5)]
        await store.apply(booked(*rows))
        await fold(store, T0 + DAY_MS + 26)
        owner = hotkey_of(2)
        kept = [row for row in rows if row.at_ms >= T0 + DAY_MS + 26]
        gone = [row for row in rows if row not in kept]

        told = await store.settlements(owner=owner)
        days = await store.folded_days(owner)
        assert (told, days) == await store.settled_of(owner)
        amounts = [amount_of(row, owner.hex()) for row in told]
        assert [row for row in sorted(kept, key=lambda one: -one.at_ms) if amount_of(row, owner.hex())] == list(told)
        balance = (await store.balances())[points_account(owner.hex()), POINTS]
        assert balance == sum(amounts) + sum(day.folded_micros for day in days)
        assert sum(amount_of(row, owner.hex()) != 0 for row in gone) == sum(day.folded for day in days)
        assert [(1, 1), (1, 2), (0, 1), (0, 2)] == [
            (day.day - T0 // DAY_MS, 1 + (day.name == name_of(2))) for day in days
        ]
        assert list(days[:3]) == list(await store.folded_days(owner, limit=3))
        assert list(days[2:]) == list(await store.folded_days(owner, before_ms=T0 + DAY_MS))
        assert list(days) == list(await store.folded_days(owner, before_ms=T0 + DAY_MS + 1))
        assert [] == list(await store.folded_days(hotkey_of(99)))

    on_store(check)


def test_a_horizon_that_changed_hands_has_a_booking_for_each_of_its_owners(on_store):
    async def check(store: Store) -> None:
        mine = a_settlement(1, 3)
        theirs = replace(a_settlement(1, 4), incarnation=2, sponsor=hotkey_of(7))
        await store.apply(booked(mine, theirs))
        await fold(store, LATER)

        assert {hotkey_of(1).hex(), hotkey_of(7).hex()} == {
            name.split("/")[1] for name in await transactions(store, SETTLED_DAY)
        }

    on_store(check)


def test_amounts_that_cancel_out_leave_a_day_without_postings_that_still_says_how_many(on_store):
    async def check(store: Store) -> None:
        there = a_settlement(1, 3)
        amounts = tuple(Micros(-amount) for amount in there.settlement.amounts_micros)
        back = replace(a_settlement(1, 4), settlement=replace(there.settlement, amounts_micros=amounts))
        await store.apply(booked(there, back))
        await fold(store, LATER)

        [day] = (await transactions(store, SETTLED_DAY)).values()
        assert () == day.postings
        assert {} == await store.balances()
        assert {(2, 0)} == {(line.folded, line.folded_micros) for line in await store.day_sums()}

    on_store(check)


def test_a_settlement_that_moved_nothing_is_let_go_without_a_booking(on_store):
    async def check(store: Store) -> None:
        await store.apply(booked(a_settlement(1, 3, owners=(1,)), a_settlement(1, 4, owners=())))

        assert {"settlements": 2} == await fold(store, LATER)
        assert {} == await transactions(store, SETTLED_DAY)
        assert [] == list(await store.day_sums())

    on_store(check)


def test_bookings_of_anything_else_are_never_folded(on_store):
    async def check(store: Store) -> None:
        other = a_transaction("t", {"a": 5, "b": -5})
        await store.apply(
            replace(booked(a_settlement(1, 3)), transactions=(other, *booked(a_settlement(1, 3)).transactions))
        )
        await fold(store, LATER)

        assert {other.id: other} == await transactions(store, other.kind)

    on_store(check)


def test_a_settlement_that_was_never_booked_leaves_no_balance_behind(on_store):
    async def check(store: Store) -> None:
        row = a_settlement(1, 3)
        await store.apply(replace(booked(row), transactions=()))

        assert {"settlements": 1} == await fold(store, LATER)
        assert {} == await store.balances()
        lines: list[DaySumRow] = list(await store.day_sums())
        assert {True} == {(line.folded, line.folded_micros) == (1, line.amount_micros) for line in lines}

    on_store(check)


def amount_of(row: object, owner: str) -> int:
    settled = row.settlement  # type: ignore[attr-defined]
    return dict(zip(settled.owners, settled.amounts_micros, strict=True)).get(owner, 0)
