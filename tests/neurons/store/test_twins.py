"""Whatever is written in whatever order: the memory store and the file say the same."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from neurons.ports import Store
from neurons.records import Change, CloseRow, EpochRow, FeedbackRow, MetaRow, MinerRow, RefusalRow, ReplyRow
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from protocol.units import Digest, Micros, PriceE8, UnixMs
from tests.support.rows import (
    CHALLENGE,
    SERIES,
    a_commitment,
    a_draft,
    a_nonce,
    a_pay,
    a_round,
    a_score,
    a_sharing,
    a_submission,
    a_transaction,
    anchor_of,
    digest_of,
    hotkey_of,
    round_id_of,
)

small = st.integers(0, 3)
texts = st.sampled_from(["", "a", "b"])


def some(rows: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(rows, max_size=3).map(tuple)


def _submission(number: int, miner: int, sequence: int, valid: bool, readable: bool):
    row = a_submission(number, miner, sequence=sequence, received_ms=sequence, status="valid" if valid else "late")
    return row if readable else replace(row, answer=None, salt=b"", evidence=b"junk")


changes = st.builds(
    Change,
    meta=some(st.builds(MetaRow, texts, texts)),
    miners=some(st.builds(lambda m, e: MinerRow(hotkey_of(m), e, (CHALLENGE,), UnixMs(1)), small, texts)),
    closes=some(
        st.builds(
            lambda at, r, p: CloseRow(SERIES, UnixMs(at), r, p and PriceE8(p), "", b"{}", UnixMs(1)),
            small,
            small,
            st.none() | st.integers(1, 5),
        )
    ),
    rounds=some(st.builds(lambda n, s, d: a_round(n, state=s, due_at_ms=d), small, texts, st.none() | small)),
    commitments=some(st.builds(a_commitment, small, small)),
    submissions=some(st.builds(_submission, small, small, st.integers(0, 1), st.booleans(), st.booleans())),
    scores=some(st.builds(lambda n, m, loss: a_score(n, m, loss=loss), small, small, small)),
    pays=some(st.builds(lambda n, m, a: a_pay(n, m, epoch=n // 2, accrued=a), small, small, small)),
    epochs=some(st.builds(lambda e, p: EpochRow(SERIES, CHALLENGE, e, UnixMs(1), Micros(p), Micros(0)), small, small)),
    sharing=some(st.builds(lambda g, n, s: a_sharing(g, n, sums=s), small, small, st.binary(max_size=3))),
    transactions=some(st.builds(lambda n, a: a_transaction(f"t{n}", {"p": -a, f"m{a}": a}), small, st.integers(1, 3))),
    nonces=some(st.builds(lambda m, n: a_nonce(m, n, expires_at_ms=n), small, small)),
    replies=some(st.builds(lambda n: ReplyRow(Digest(digest_of("q", n)), b"r", UnixMs(n)), small)),
    refusals=some(
        st.builds(
            lambda h, m, c, d: RefusalRow(UnixMs(h), "malformed", m, c, d),
            small,
            st.none() | small.map(hotkey_of),
            st.integers(1, 5),
            texts,
        )
    ),
    drafts=some(small.map(a_draft)),
    feedback=some(st.builds(lambda n, t: FeedbackRow(round_id_of(n), hotkey_of(9), UnixMs(t), b"x"), small, small)),
)


async def everything(store: Store) -> dict[str, object]:
    numbers = range(4)
    said: dict[str, object] = {
        "meta": await store.meta(),
        "miners": await store.miners(),
        "closes": await store.closes(SERIES, from_ms=1, to_ms=3),
        "due": await store.due_rounds(now_ms=2, limit=2),
        "next due": await store.next_due_ms(),
        "rounds": await store.rounds(),
        "some rounds": await store.rounds(state="a", from_ms=anchor_of(1), newest_first=False, limit=2),
        "counts": await store.counts([round_id_of(n) for n in numbers]),
        "scores": await store.scores(SERIES, CHALLENGE, from_ms=anchor_of(1)),
        "my scores": await store.scores(SERIES, CHALLENGE, hotkey=hotkey_of(1)),
        "epochs": await store.epochs(SERIES, CHALLENGE),
        "sharing": await store.sharing(SERIES, CHALLENGE, from_ms=anchor_of(1), before_ms=anchor_of(3)),
        "all sharing": await store.sharing(SERIES, CHALLENGE, from_ms=0, before_ms=anchor_of(9)),
        "epoch pays": await store.epoch_pays(SERIES, CHALLENGE, 1),
        "transactions": [t async for t in await store.transactions()],
        "balances": await store.balances(),
        "nonces": await store.live_nonces(now_ms=1),
        "refusals": await store.refusals(from_ms=1),
        "drafts": await store.drafts(from_ms=anchor_of(1)),
        "feedback": await store.feedback(from_ms=1),
    }
    for n in numbers:
        round_id = round_id_of(n)
        said[f"round {n}"] = (
            await store.round(round_id),
            await store.commitments(round_id),
            await store.submissions(round_id),
            await store.round_scores(round_id),
            await store.pays(round_id),
            await store.draft(round_id),
            await store.reply(Digest(digest_of("q", n))),
        )
    return said


class Twins(RuleBasedStateMachine):
    """Applies the same changes to both; after each step both must say the same about everything."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.memory = MemoryStore()
        self.file = self.runner.run(SqliteStore.open(self.folder / "node.db"))

    @rule(change=changes)
    def apply(self, change: Change) -> None:
        for store in (self.memory, self.file):
            self.runner.run(store.apply(change))

    @rule(together=st.lists(changes, min_size=2, max_size=3))
    def apply_together(self, together: list[Change]) -> None:
        async def gather(store: Store) -> None:
            await asyncio.gather(*(store.apply(change) for change in together))

        for store in (self.memory, self.file):
            self.runner.run(gather(store))

    @rule(now_ms=small, before=small, sharing=small, superseded=small)
    def prune(self, now_ms: int, before: int, sharing: int, superseded: int) -> None:
        memory, file = (
            self.runner.run(
                store.prune(
                    now_ms=now_ms,
                    evidence_before_ms=anchor_of(before),
                    sharing_before_ms=anchor_of(sharing),
                    superseded_before_ms=anchor_of(superseded),
                )
            )
            for store in (self.memory, self.file)
        )
        assert memory == file

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.file.aclose())
        self.file = self.runner.run(SqliteStore.open(self.folder / "node.db"))

    @invariant()
    def both_say_the_same(self) -> None:
        memory, file = (self.runner.run(everything(store)) for store in (self.memory, self.file))
        assert memory == file
        assert {} == self.runner.run(self.file.wrong_balances())
        assert {} == self.runner.run(self.file.dangling_names())

    def teardown(self) -> None:
        self.runner.run(self.file.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)


TestTwins = Twins.TestCase
TestTwins.settings = settings(
    max_examples=8, stateful_step_count=8, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
