"""What every store must do, asked of SQLite and of its memory twin alike."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from neurons.ports import Store
from neurons.records import (
    Change,
    CloseRow,
    EpochRow,
    FeedbackRow,
    MetaRow,
    MinerRow,
    RefusalRow,
    ReplyRow,
)
from neurons.store.errors import RowRefused
from protocol.rules.ledger import AUG
from protocol.units import Digest, Micros, Nano, PriceE8, UnixMs
from tests.support.rows import (
    CHALLENGE,
    SERIES,
    a_commitment,
    a_draft,
    a_nonce,
    a_pay,
    a_round,
    a_score,
    a_submission,
    a_transaction,
    anchor_of,
    digest_of,
    hotkey_of,
    round_id_of,
)

TOO_MUCH = 2**63


def test_a_new_store_is_empty_and_an_empty_change_leaves_it_so(on_store):
    async def check(store: Store) -> None:
        await store.apply(Change())
        assert {} == await store.meta()
        assert [] == list(await store.miners())
        assert None is await store.round(round_id_of(1))
        assert None is await store.next_due_ms()
        assert [] == list(await store.submissions(round_id_of(1)))
        assert {} == await store.balances()
        assert [] == [t async for t in await store.transactions()]
        assert None is await store.reply(Digest(digest_of("request")))
        assert None is await store.draft(round_id_of(1))

    on_store(check)


def test_upserted_rows_keep_the_last_of_a_key(on_store):
    async def check(store: Store) -> None:
        miner = MinerRow(hotkey_of(1), "a:1", ("closes.point", "closes.paths"), UnixMs(5), joined_at_ms=(UnixMs(9),))
        close = CloseRow(SERIES, UnixMs(300_000), 0, PriceE8(1), "", b"{}", UnixMs(400_000))
        epoch = EpochRow(SERIES, CHALLENGE, 7, UnixMs(1), Micros(2), Micros(3))
        said = FeedbackRow(round_id_of(1), hotkey_of(9), UnixMs(10), b"one")
        first = Change(
            meta=(MetaRow("network", "a"),),
            miners=(miner,),
            closes=(close,),
            rounds=(a_round(1),),
            scores=(a_score(1, 1),),
            pays=(a_pay(1, 1),),
            epochs=(epoch,),
            feedback=(said,),
        )
        last = Change(
            meta=(MetaRow("network", "b"),),
            miners=(replace(miner, endpoint="b:2", offences=3),),
            closes=(replace(close, close_e8=None, reason="too few reports"),),
            rounds=(a_round(1, state="resolved", reason="all agreed"),),
            scores=(a_score(1, 1, loss=5),),
            pays=(a_pay(1, 1, accrued=99),),
            epochs=(replace(epoch, paid_micros=Micros(8)),),
            feedback=(replace(said, body=b"two"),),
        )
        await store.apply(first)
        await store.apply(last)
        await store.apply(last)

        assert {"network": "b"} == await store.meta()
        assert list(last.miners) == list(await store.miners())
        assert list(last.closes) == list(await store.closes(SERIES, from_ms=0, to_ms=10**6))
        assert last.rounds[0] == await store.round(round_id_of(1))
        assert list(last.scores) == list(await store.round_scores(round_id_of(1)))
        assert list(last.pays) == list(await store.pays(round_id_of(1)))
        assert list(last.epochs) == list(await store.epochs(SERIES, CHALLENGE))
        assert list(last.feedback) == list(await store.feedback())

    on_store(check)


def test_insert_once_rows_keep_the_first_of_a_key(on_store):
    async def check(store: Store) -> None:
        request = Digest(digest_of("request"))
        first = Change(
            commitments=(a_commitment(1, 1),),
            submissions=(a_submission(1, 1),),
            drafts=(a_draft(1),),
            transactions=(a_transaction("t", {"a": 1, "b": -1}),),
            nonces=(a_nonce(1, 1, expires_at_ms=50),),
            replies=(ReplyRow(request, b"first", UnixMs(50)),),
        )
        second = Change(
            commitments=(replace(a_commitment(1, 1), commitment=Digest(b"x" * 32)),),
            submissions=(a_submission(1, 1, status="late"),),
            drafts=(a_draft(1, salt=b"t" * 32),),
            transactions=(a_transaction("t", {"a": 9, "b": -9}),),
            nonces=first.nonces,
            replies=(ReplyRow(request, b"second", UnixMs(99)),),
        )
        await store.apply(first)
        await store.apply(second)

        assert list(first.commitments) == list(await store.commitments(round_id_of(1)))
        assert list(first.submissions) == list(await store.submissions(round_id_of(1)))
        assert first.drafts[0] == await store.draft(round_id_of(1))
        assert list(first.transactions) == [t async for t in await store.transactions()]
        assert {("a", AUG): 1, ("b", AUG): -1} == await store.balances()
        assert list(first.nonces) == list(await store.live_nonces(now_ms=0))
        assert first.replies[0] == await store.reply(request)

    on_store(check)


def test_within_one_change_the_same_rules_hold(on_store):
    async def check(store: Store) -> None:
        await store.apply(
            Change(
                rounds=(a_round(1), a_round(1, state="void")),
                submissions=(a_submission(1, 1), a_submission(1, 1, status="late")),
                transactions=(a_transaction("t", {"a": 1, "b": -1}), a_transaction("t", {"a": 9, "b": -9})),
            )
        )
        assert [a_round(1, state="void")] == list(await store.rounds())
        assert [a_submission(1, 1)] == list(await store.submissions(round_id_of(1)))
        assert {("a", AUG): 1, ("b", AUG): -1} == await store.balances()

    on_store(check)


def test_refusals_add_up_with_the_newest_sentence(on_store):
    async def check(store: Store) -> None:
        unproved = RefusalRow(UnixMs(3_600_000), "malformed", None, 2, "first")
        known = replace(unproved, hotkey=hotkey_of(1), count=1)
        await store.apply(Change(refusals=(unproved, known)))
        await store.apply(Change(refusals=(replace(unproved, count=5, detail="newest"),)))

        assert [replace(unproved, count=7, detail="newest"), known] == list(await store.refusals())
        assert [] == list(await store.refusals(from_ms=3_600_001))

    on_store(check)


def test_submissions_come_back_as_they_were_in_order_of_receipt(on_store):
    async def check(store: Store) -> None:
        unread = replace(a_submission(1, 4, received_ms=3), answer=None, status="malformed", salt=b"", evidence=b"junk")
        odd = replace(a_submission(1, 5, received_ms=4), evidence=b"an envelope without the answer")
        rows = [a_submission(1, 3), a_submission(1, 2, received_ms=1), unread, odd]
        rows.append(a_submission(1, 2, received_ms=5, sequence=1, paths=3))
        await store.apply(Change(submissions=(*reversed(rows), a_submission(2, 1))))

        assert rows == list(await store.submissions(round_id_of(1)))

    on_store(check)


def test_counts_are_of_commitments_and_valid_submissions(on_store):
    async def check(store: Store) -> None:
        await store.apply(
            Change(
                commitments=(a_commitment(1, 1), a_commitment(1, 2), a_commitment(2, 1)),
                submissions=(a_submission(1, 1), a_submission(1, 2, status="late")),
            )
        )
        asked = [round_id_of(1), round_id_of(2), round_id_of(3)]
        assert dict(zip(asked, [(2, 1), (1, 0), (0, 0)], strict=True)) == await store.counts(asked)

    on_store(check)


def test_due_rounds_come_oldest_due_first(on_store):
    async def check(store: Store) -> None:
        due = [a_round(3, due_at_ms=10), a_round(1, due_at_ms=20), a_round(2, due_at_ms=20)]
        later, never = a_round(4, due_at_ms=31), a_round(5)
        await store.apply(Change(rounds=(later, never, *reversed(due))))

        assert due == list(await store.due_rounds(now_ms=30, limit=9))
        assert {(later.challenge, later.state): 5} == dict(await store.round_counts())
        assert due[:2] == list(await store.due_rounds(now_ms=30, limit=2))
        assert 10 == await store.next_due_ms()

        await store.apply(Change(rounds=(a_round(3, state="resolved"),)))
        assert due[1:] == list(await store.due_rounds(now_ms=30, limit=9))
        assert 20 == await store.next_due_ms()

    on_store(check)


def test_rounds_are_found_by_what_they_are_and_when(on_store):
    async def check(store: Store) -> None:
        point = [a_round(n, state="open" if n % 2 else "resolved") for n in range(6)]
        paths = [a_round(n, challenge="closes.paths") for n in range(0, 6, 3)]
        await store.apply(Change(rounds=(*point, *paths)))

        assert point[::-1] == list(await store.rounds(challenge=CHALLENGE))
        assert point[1::2] == list(await store.rounds(challenge=CHALLENGE, state="open", newest_first=False))
        assert point[2:4] == list(
            await store.rounds(challenge=CHALLENGE, from_ms=anchor_of(2), before_ms=anchor_of(4), newest_first=False)
        )
        assert [point[5], point[4]] == list(await store.rounds(limit=2))
        assert [point[3], paths[1]] == list(await store.rounds(from_ms=anchor_of(3), before_ms=anchor_of(4)))
        assert [] == list(await store.rounds(series="ethusd"))
        assert 8 == len(await store.rounds(series=SERIES))

    on_store(check)


def test_closes_show_the_newest_revision_of_a_span(on_store):
    async def check(store: Store) -> None:
        closes = [
            CloseRow(SERIES, UnixMs(t * 300_000), revision, PriceE8(t * 10 + revision), "", b"{}", UnixMs(t))
            for t in range(5)
            for revision in (1, 0)
        ]
        await store.apply(Change(closes=(*closes, replace(closes[0], series="ethusd", revision=9))))

        assert [closes[2], closes[4]] == list(await store.closes(SERIES, from_ms=300_000, to_ms=600_000))
        assert [] == list(await store.closes("xauusd", from_ms=0, to_ms=10**9))
        assert [closes[3], closes[2]] == list(await store.revisions(SERIES, 300_000))

    on_store(check)


def test_scores_come_by_anchor_then_hotkey(on_store):
    async def check(store: Store) -> None:
        miners = sorted(range(4), key=hotkey_of)
        scores = [a_score(n, m) for n in range(3) for m in miners]
        other = a_score(0, 0, challenge="closes.paths")
        await store.apply(Change(scores=(other, *reversed(scores))))

        assert scores == list(await store.scores(SERIES, CHALLENGE))
        assert scores[4:] == list(await store.scores(SERIES, CHALLENGE, from_ms=anchor_of(1)))
        mine = [row for row in scores if row.hotkey == hotkey_of(2)]
        assert mine == list(await store.scores(SERIES, CHALLENGE, hotkey=hotkey_of(2)))
        assert scores[:4] == list(await store.round_scores(round_id_of(0)))
        assert [other] == list(await store.scores(SERIES, "closes.paths"))

    on_store(check)


def test_pays_of_an_epoch_come_by_anchor_then_hotkey(on_store):
    async def check(store: Store) -> None:
        miners = sorted(range(3), key=hotkey_of)
        pays = [a_pay(n, m) for n in (1, 2) for m in miners]
        await store.apply(Change(pays=(a_pay(3, 1, epoch=2), *reversed(pays))))

        assert pays == list(await store.epoch_pays(SERIES, CHALLENGE, 1))
        assert pays[:3] == list(await store.pays(round_id_of(1)))
        assert [] == list(await store.epoch_pays(SERIES, CHALLENGE, 3))

    on_store(check)


def test_balances_are_sums_and_transactions_keep_their_order(on_store):
    async def check(store: Store) -> None:
        told = [
            a_transaction("z", {"emission": -10, "pool": 10}),
            a_transaction("a", {"pool": -7, "m1": 3, "m2": 4}),
            a_transaction("m", {"m1": -3, "reserve": 3}),
        ]
        await store.apply(Change(transactions=tuple(told[:1])))
        await store.apply(Change(transactions=tuple(told[1:])))

        assert told == [t async for t in await store.transactions()]
        expected = {"emission": -10, "pool": 3, "m2": 4, "reserve": 3}
        assert {(account, AUG): amount for account, amount in expected.items()} == await store.balances()

    on_store(check)


def test_more_transactions_than_a_page_come_back_in_order(on_store):
    async def check(store: Store) -> None:
        told = [a_transaction(f"t{n}", {"a": 1, "b": -1}, at_ms=n) for n in range(1_203)]
        await store.apply(Change(transactions=tuple(told)))

        assert told == [t async for t in await store.transactions()]

    on_store(check)


def test_prune_drops_what_expired_and_old_evidence_and_keeps_the_rest(on_store):
    async def check(store: Store) -> None:
        request = Digest(digest_of("request"))
        await store.apply(
            Change(
                rounds=(a_round(1), a_round(2)),
                commitments=(a_commitment(1, 1), a_commitment(2, 1)),
                submissions=(a_submission(1, 1), a_submission(1, 2), a_submission(2, 1), a_submission(7, 1)),
                scores=(a_score(1, 1),),
                drafts=(a_draft(1), a_draft(2)),
                nonces=(a_nonce(1, 1, expires_at_ms=100), a_nonce(1, 2, expires_at_ms=101)),
                replies=(ReplyRow(request, b"reply", UnixMs(100)),),
            )
        )
        touched = await store.prune(now_ms=100, evidence_before_ms=anchor_of(2))

        assert {"nonces": 1, "replies": 1, "drafts": 1, "commitments": 1, "submissions": 2} == dict(touched)
        stripped = [
            replace(a_submission(1, m), answer=None, salt=b"", evidence=b"") for m in sorted((1, 2), key=hotkey_of)
        ]
        assert stripped == list(await store.submissions(round_id_of(1)))
        assert [replace(a_commitment(1, 1), evidence=b"")] == list(await store.commitments(round_id_of(1)))
        assert [a_submission(2, 1)] == list(await store.submissions(round_id_of(2)))
        assert [a_submission(7, 1)] == list(await store.submissions(round_id_of(7)))
        assert [a_score(1, 1)] == list(await store.round_scores(round_id_of(1)))
        assert [a_nonce(1, 2, expires_at_ms=101)] == list(await store.live_nonces(now_ms=0))
        assert [a_draft(2)] == list(await store.drafts(from_ms=0))
        assert {} == dict(await store.prune(now_ms=100, evidence_before_ms=anchor_of(2)))

    on_store(check)


def test_drafts_come_by_anchor_feedback_by_time_and_nonces_by_expiry(on_store):
    async def check(store: Store) -> None:
        drafts = [a_draft(n) for n in range(3)]
        said = [FeedbackRow(round_id_of(n), hotkey_of(n), UnixMs(10 + n), b"body") for n in range(3)]
        nonces = [a_nonce(n, n, expires_at_ms=100 + n) for n in range(3)]
        await store.apply(Change(drafts=tuple(drafts[::-1]), feedback=tuple(said[::-1]), nonces=tuple(nonces[::-1])))

        assert drafts[1:] == list(await store.drafts(from_ms=anchor_of(1)))
        assert said[1:] == list(await store.feedback(from_ms=11))
        assert nonces[1:] == list(await store.live_nonces(now_ms=100))

    on_store(check)


def test_a_change_with_a_row_that_cannot_be_stored_keeps_nothing(on_store):
    async def check(store: Store) -> None:
        poison = replace(a_score(1, 1), loss_nano=Nano(TOO_MUCH))
        with pytest.raises(RowRefused):
            await store.apply(Change(rounds=(a_round(1),), scores=(a_score(1, 2), poison)))

        assert None is await store.round(round_id_of(1))
        assert [] == list(await store.round_scores(round_id_of(1)))
        await store.apply(Change(rounds=(a_round(1),), scores=(a_score(1, 2),)))
        assert [a_score(1, 2)] == list(await store.round_scores(round_id_of(1)))

    on_store(check)


def test_a_poisoned_change_does_not_take_its_neighbours_along(on_store):
    async def check(store: Store) -> None:
        poison = Change(scores=(replace(a_score(7, 7), gain_nano=Nano(TOO_MUCH)),))
        good = [Change(scores=(a_score(n, 1),)) for n in range(20)]
        told = await asyncio.gather(
            *(store.apply(change) for change in [*good[:10], poison, *good[10:]]), return_exceptions=True
        )

        assert [None] * 10 == told[:10]
        assert isinstance(told[10], RowRefused)
        assert [None] * 10 == told[11:]
        assert 20 == len(await store.scores(SERIES, CHALLENGE))

    on_store(check)


def test_concurrent_changes_are_all_kept(on_store):
    async def check(store: Store) -> None:
        await asyncio.gather(*(store.apply(Change(submissions=(a_submission(1, m),))) for m in range(64)))

        assert {a_submission(1, m) for m in range(64)} == set(await store.submissions(round_id_of(1)))

    on_store(check)
