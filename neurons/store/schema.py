"""The tables of a node's database (SQLAlchemy Core); docs/store.md explains them to the person who looks inside.

A 32-byte key (hotkey, round id) and a long name (question, account, form of an envelope) is stored once, in a
name table; everywhere else stands its integer. Tables of short rows are clustered by their natural key (WITHOUT
ROWID). Answers and commitments, which are long, are appended as they come and found by an index: that fills the
pages in whatever order they arrive, and a round still lies together. STRICT: no float slips into an integer column.
Money, scores and times are 64-bit integers in the units their names end with.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

REVISION: Final = "0001"
"""The newest migration, which a database of this release has."""

metadata = MetaData()
Int = BigInteger().with_variant(Integer(), "sqlite")

CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False, "sqlite_strict": True}
BY_ROWID: Final[dict[str, Any]] = {"sqlite_strict": True}


def _int(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, Int, nullable=null)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _blob(name: str, *, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=null)


def _id() -> Column[int]:
    return Column("id", Int, primary_key=True, autoincrement=False)


def _named(name: str, table: str, *, null: bool = False) -> Column[int]:
    return Column(name, Int, ForeignKey(f"{table}.id"), nullable=null)


# Name tables: what is long is written once.
hotkeys = Table("hotkeys", metadata, _id(), _blob("hotkey"), UniqueConstraint("hotkey"), **BY_ROWID)
round_keys = Table("round_keys", metadata, _id(), _blob("round_id"), UniqueConstraint("round_id"), **BY_ROWID)
questions = Table(
    "questions", metadata, _id(), _text("series"), _text("challenge"),
    UniqueConstraint("series", "challenge"), **BY_ROWID,
)  # fmt: skip
forms = Table(
    "forms", metadata,
    _id(),
    Column("dtype", Text),
    Column("shape", Text),
    _blob("before", null=True),
    _blob("after", null=True),
    _blob("last", null=True),
    Index("forms_by_answer", "dtype", "shape"),
    **BY_ROWID,
)  # fmt: skip
"""How answers and envelopes of one kind look: an answer's layout, and what such envelopes have in common
(neurons/store/evidence.py); NULL in `before`, `after` and `last` for evidence that is kept whole."""
FORMS_MOST: Final = 2_000
"""Beyond this many, envelopes of a new kind are kept whole: strangers write them."""

meta = Table("meta", metadata, Column("key", Text, primary_key=True), _text("value"), **CLUSTERED)

miners = Table(
    "miners", metadata,
    Column("hotkey", Int, ForeignKey("hotkeys.id"), primary_key=True, autoincrement=False),
    _text("endpoint"),
    _text("challenges"),
    _int("registered_at_ms"),
    _int("offences"),
    _int("suspended_until_ms"),
    **BY_ROWID,
)  # fmt: skip

closes = Table(
    "closes", metadata,
    _text("series"),
    _int("close_at_ms"),
    _int("revision"),
    _int("close_e8", null=True),
    _text("reason"),
    _blob("evidence"),
    _int("agreed_at_ms"),
    PrimaryKeyConstraint("series", "close_at_ms", "revision"),
    **CLUSTERED,
)  # fmt: skip

rounds = Table(
    "rounds", metadata,
    Column("round", Int, ForeignKey("round_keys.id"), primary_key=True, autoincrement=False),
    _named("question", "questions"),
    _int("anchor_at_ms"),
    _blob("params_digest"),
    _text("state"),
    _int("due_at_ms", null=True),
    _blob("opening"),
    _int("sigma_pico"),
    _text("provenance"),
    _text("reason"),
    _int("anchor_close_e8", null=True),
    _int("resolved_at_ms", null=True),
    _blob("truth_digest", null=True),
    _int("baseline_loss_nano", null=True),
    _int("revision"),
    Index("rounds_due", "due_at_ms", sqlite_where=text("due_at_ms IS NOT NULL")),
    Index("rounds_by_question", "question", "anchor_at_ms"),
    Index("rounds_by_anchor", "anchor_at_ms"),
    **BY_ROWID,
)  # fmt: skip

commitments = Table(
    "commitments", metadata,
    _named("round", "round_keys"),
    _named("hotkey", "hotkeys"),
    _blob("commitment"),
    _int("received_at_ms"),
    _named("form", "forms", null=True),
    _blob("evidence"),
    PrimaryKeyConstraint("round", "hotkey"),
    **BY_ROWID,
)  # fmt: skip

submissions = Table(
    "submissions", metadata,
    _named("round", "round_keys"),
    _named("hotkey", "hotkeys"),
    _int("sequence"),
    _int("received_at_ms"),
    _text("status"),
    _text("reason"),
    _named("form", "forms", null=True),
    _blob("salt"),
    _blob("answer", null=True),
    _blob("evidence"),
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
    _named("question", "questions"),
    _int("anchor_at_ms"),
    _named("round", "round_keys"),
    _named("hotkey", "hotkeys"),
    _text("status"),
    _int("loss_nano"),
    _int("baseline_loss_nano"),
    _int("gain_nano"),
    PrimaryKeyConstraint("question", "anchor_at_ms", "round", "hotkey"),
    Index("scores_by_round", "round", "hotkey"),
    Index("scores_by_hotkey", "hotkey", "question", "anchor_at_ms"),
    **CLUSTERED,
)  # fmt: skip

pays = Table(
    "pays", metadata,
    _named("round", "round_keys"),
    _named("hotkey", "hotkeys"),
    _named("question", "questions"),
    _int("anchor_at_ms"),
    _int("epoch"),
    _int("skill_nano"),
    _int("divisor_nano"),
    _int("shared_skill_nano"),
    _int("accrued_micros"),
    _text("detail"),
    PrimaryKeyConstraint("round", "hotkey"),
    Index("pays_by_epoch", "question", "epoch", "anchor_at_ms"),
    **CLUSTERED,
)  # fmt: skip

epochs = Table(
    "epochs", metadata,
    _named("question", "questions"),
    _int("epoch"),
    _int("closed_at_ms"),
    _int("paid_micros"),
    _int("reserve_micros"),
    PrimaryKeyConstraint("question", "epoch"),
    **CLUSTERED,
)  # fmt: skip

sharing = Table(
    "sharing", metadata,
    _named("question", "questions"),
    _int("generation"),
    _int("through_ms"),
    _blob("sums"),
    PrimaryKeyConstraint("question", "generation", "through_ms"),
    **BY_ROWID,
)  # fmt: skip

accounts = Table(
    "accounts", metadata, _id(), _text("account"), _text("unit"),
    Column("balance_micros", Int, nullable=False, server_default=text("0")),
    UniqueConstraint("account", "unit"), **BY_ROWID,
)  # fmt: skip
"""balance_micros is the sum of the account's postings, kept in the same commit; SqliteStore.audit recomputes it."""

transactions = Table(
    "transactions", metadata,
    Column("id", Int, primary_key=True),
    _text("transaction_id"),
    _int("at_ms"),
    _text("kind"),
    _text("memo"),
    UniqueConstraint("transaction_id"),
    **BY_ROWID,
)  # fmt: skip

postings = Table(
    "postings", metadata,
    Column("transaction", Int, ForeignKey("transactions.id"), nullable=False),
    _int("place"),
    _named("account", "accounts"),
    _int("amount_micros"),
    PrimaryKeyConstraint("transaction", "place"),
    **CLUSTERED,
)  # fmt: skip

nonces = Table(
    "nonces", metadata,
    _int("expires_at_ms"),
    _named("hotkey", "hotkeys"),
    _blob("nonce"),
    PrimaryKeyConstraint("expires_at_ms", "hotkey", "nonce"),
    **CLUSTERED,
)  # fmt: skip

replies = Table(
    "replies", metadata,
    _blob("request"),
    _blob("reply"),
    _int("expires_at_ms"),
    PrimaryKeyConstraint("request"),
    Index("replies_by_expiry", "expires_at_ms"),
    **CLUSTERED,
)  # fmt: skip

refusals = Table(
    "refusals", metadata,
    _int("hour_ms"),
    _text("code"),
    _int("hotkey"),
    _int("count"),
    _text("detail"),
    PrimaryKeyConstraint("hour_ms", "code", "hotkey"),
    **CLUSTERED,
)  # fmt: skip
"""hotkey 0: the sender is not proved (a NULL would make every such row a key of its own)."""

drafts = Table(
    "drafts", metadata,
    Column("round", Int, ForeignKey("round_keys.id"), primary_key=True, autoincrement=False),
    _named("question", "questions"),
    _int("anchor_at_ms"),
    _blob("salt"),
    _named("form", "forms"),
    _blob("answer"),
    _blob("commitment"),
    _text("model"),
    _int("made_at_ms"),
    Index("drafts_by_anchor", "anchor_at_ms"),
    **BY_ROWID,
)  # fmt: skip

feedback = Table(
    "feedback", metadata,
    _named("round", "round_keys"),
    _named("validator", "hotkeys"),
    _int("received_at_ms"),
    _blob("body"),
    PrimaryKeyConstraint("round", "validator"),
    Index("feedback_by_time", "received_at_ms"),
    **CLUSTERED,
)  # fmt: skip
