"""The tables of a node's database (SQLAlchemy Core); docs/store.md explains them to the person who looks inside.

A 32-byte key (hotkey, round id) and a long name (question, account, form of an envelope) is stored once, in a
name table; everywhere else stands its integer. Tables of short rows are clustered by their natural key (WITHOUT
ROWID). Answers and commitments, which are long, are appended as they come and found by an index: that fills the
pages in whatever order they arrive, and a round still lies together. STRICT: no float slips into an integer column.
Money, scores and times are 64-bit integers in the units their names end with. The tables of open streams are in
schema_streams.py.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text, UniqueConstraint, text

from neurons.store.columns import BY_ROWID, CLUSTERED, Int, blob, count, identity, integer, metadata, named, string

REVISION: Final = "0003"
"""The newest migration, which a database of this release has."""

# Name tables: what is long is written once.
hotkeys = Table("hotkeys", metadata, identity(), blob("hotkey"), UniqueConstraint("hotkey"), **BY_ROWID)
round_keys = Table("round_keys", metadata, identity(), blob("round_id"), UniqueConstraint("round_id"), **BY_ROWID)
questions = Table(
    "questions", metadata, identity(), string("series"), string("challenge"),
    UniqueConstraint("series", "challenge"), **BY_ROWID,
)  # fmt: skip
forms = Table(
    "forms", metadata,
    identity(),
    Column("dtype", Text),
    Column("shape", Text),
    blob("before", null=True),
    blob("after", null=True),
    blob("last", null=True),
    Index("forms_by_answer", "dtype", "shape"),
    **BY_ROWID,
)  # fmt: skip
"""How answers and envelopes of one kind look: an answer's layout, and what such envelopes have in common
(neurons/store/evidence.py); NULL in `before`, `after` and `last` for evidence that is kept whole."""
FORMS_MOST: Final = 2_000
"""Beyond this many, envelopes of a new kind are kept whole: strangers write them."""

meta = Table("meta", metadata, Column("key", Text, primary_key=True), string("value"), **CLUSTERED)

miners = Table(
    "miners", metadata,
    Column("hotkey", Int, ForeignKey("hotkeys.id"), primary_key=True, autoincrement=False),
    string("endpoint"),
    string("challenges"),
    integer("registered_at_ms"),
    integer("offences"),
    integer("suspended_until_ms"),
    **BY_ROWID,
)  # fmt: skip

closes = Table(
    "closes", metadata,
    string("series"),
    integer("close_at_ms"),
    integer("revision"),
    integer("close_e8", null=True),
    string("reason"),
    blob("evidence"),
    integer("agreed_at_ms"),
    PrimaryKeyConstraint("series", "close_at_ms", "revision"),
    **CLUSTERED,
)  # fmt: skip

rounds = Table(
    "rounds", metadata,
    Column("round", Int, ForeignKey("round_keys.id"), primary_key=True, autoincrement=False),
    named("question", "questions"),
    integer("anchor_at_ms"),
    blob("params_digest"),
    string("state"),
    integer("due_at_ms", null=True),
    blob("opening"),
    integer("sigma_pico"),
    string("provenance"),
    string("reason"),
    integer("anchor_close_e8", null=True),
    integer("resolved_at_ms", null=True),
    blob("truth_digest", null=True),
    integer("baseline_loss_nano", null=True),
    integer("revision"),
    Index("rounds_due", "due_at_ms", sqlite_where=text("due_at_ms IS NOT NULL")),
    Index("rounds_by_question", "question", "anchor_at_ms"),
    Index("rounds_by_anchor", "anchor_at_ms"),
    **BY_ROWID,
)  # fmt: skip

commitments = Table(
    "commitments", metadata,
    named("round", "round_keys"),
    named("hotkey", "hotkeys"),
    blob("commitment"),
    integer("received_at_ms"),
    named("form", "forms", null=True),
    blob("evidence"),
    PrimaryKeyConstraint("round", "hotkey"),
    **BY_ROWID,
)  # fmt: skip

submissions = Table(
    "submissions", metadata,
    named("round", "round_keys"),
    named("hotkey", "hotkeys"),
    integer("sequence"),
    integer("received_at_ms"),
    string("status"),
    string("reason"),
    named("form", "forms", null=True),
    blob("salt"),
    blob("answer", null=True),
    blob("evidence"),
    PrimaryKeyConstraint("round", "hotkey", "sequence"),
    **BY_ROWID,
)  # fmt: skip

holding = Table(
    "holding", metadata,
    Column("round", Int, ForeignKey("round_keys.id"), primary_key=True, autoincrement=False),
    **BY_ROWID,
)  # fmt: skip
"""The rounds that still hold evidence, answers or details of pay: what retention has to look at, and nothing else."""

scores = Table(
    "scores", metadata,
    named("question", "questions"),
    integer("anchor_at_ms"),
    named("round", "round_keys"),
    named("hotkey", "hotkeys"),
    string("status"),
    integer("loss_nano"),
    integer("baseline_loss_nano"),
    integer("gain_nano"),
    PrimaryKeyConstraint("question", "anchor_at_ms", "round", "hotkey"),
    Index("scores_by_round", "round", "hotkey"),
    Index("scores_by_hotkey", "hotkey", "question", "anchor_at_ms"),
    **CLUSTERED,
)  # fmt: skip

pays = Table(
    "pays", metadata,
    named("round", "round_keys"),
    named("hotkey", "hotkeys"),
    named("question", "questions"),
    integer("anchor_at_ms"),
    integer("epoch"),
    integer("skill_nano"),
    integer("divisor_nano"),
    integer("shared_skill_nano"),
    integer("accrued_micros"),
    string("detail"),
    PrimaryKeyConstraint("round", "hotkey"),
    Index("pays_by_epoch", "question", "epoch", "anchor_at_ms"),
    **CLUSTERED,
)  # fmt: skip

epochs = Table(
    "epochs", metadata,
    named("question", "questions"),
    integer("epoch"),
    integer("closed_at_ms"),
    integer("paid_micros"),
    integer("reserve_micros"),
    PrimaryKeyConstraint("question", "epoch"),
    **CLUSTERED,
)  # fmt: skip

sharing = Table(
    "sharing", metadata,
    named("question", "questions"),
    integer("generation"),
    integer("through_ms"),
    blob("sums"),
    PrimaryKeyConstraint("question", "generation", "through_ms"),
    **BY_ROWID,
)  # fmt: skip

accounts = Table(
    "accounts", metadata, identity(), string("account"), string("unit"),
    count("balance_micros"),
    UniqueConstraint("account", "unit"), **BY_ROWID,
)  # fmt: skip
"""balance_micros is the sum of the account's postings, kept in the same commit; SqliteStore.audit recomputes it."""

transactions = Table(
    "transactions", metadata,
    Column("id", Int, primary_key=True),
    string("transaction_id"),
    integer("at_ms"),
    string("kind"),
    string("memo"),
    UniqueConstraint("transaction_id"),
    **BY_ROWID,
)  # fmt: skip

postings = Table(
    "postings", metadata,
    Column("transaction", Int, ForeignKey("transactions.id"), nullable=False),
    integer("place"),
    named("account", "accounts"),
    integer("amount_micros"),
    PrimaryKeyConstraint("transaction", "place"),
    **CLUSTERED,
)  # fmt: skip

nonces = Table(
    "nonces", metadata,
    integer("expires_at_ms"),
    named("hotkey", "hotkeys"),
    blob("nonce"),
    PrimaryKeyConstraint("expires_at_ms", "hotkey", "nonce"),
    **CLUSTERED,
)  # fmt: skip

replies = Table(
    "replies", metadata,
    blob("request"),
    blob("reply"),
    integer("expires_at_ms"),
    PrimaryKeyConstraint("request"),
    Index("replies_by_expiry", "expires_at_ms"),
    **CLUSTERED,
)  # fmt: skip

refusals = Table(
    "refusals", metadata,
    integer("hour_ms"),
    string("code"),
    integer("hotkey"),
    integer("count"),
    string("detail"),
    PrimaryKeyConstraint("hour_ms", "code", "hotkey"),
    **CLUSTERED,
)  # fmt: skip
"""hotkey 0: the sender is not proved (a NULL would make every such row a key of its own)."""

drafts = Table(
    "drafts", metadata,
    Column("round", Int, ForeignKey("round_keys.id"), primary_key=True, autoincrement=False),
    named("question", "questions"),
    integer("anchor_at_ms"),
    blob("salt"),
    named("form", "forms"),
    blob("answer"),
    blob("commitment"),
    string("model"),
    integer("made_at_ms"),
    Index("drafts_by_anchor", "anchor_at_ms"),
    **BY_ROWID,
)  # fmt: skip

feedback = Table(
    "feedback", metadata,
    named("round", "round_keys"),
    named("validator", "hotkeys"),
    integer("received_at_ms"),
    blob("body"),
    PrimaryKeyConstraint("round", "validator"),
    Index("feedback_by_time", "received_at_ms"),
    **CLUSTERED,
)  # fmt: skip
