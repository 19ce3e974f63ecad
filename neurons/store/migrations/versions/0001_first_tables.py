"""The first tables: name tables, rounds and their answers, scores and pay, the ledger, what the gate remembers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

CLUSTERED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
BY_ROWID: dict[str, Any] = {"sqlite_strict": True}
key = sa.PrimaryKeyConstraint
unique = sa.UniqueConstraint


def number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=null)


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def blob(name: str, *, null: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=null)


def names(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{table}.id"])


def upgrade() -> None:
    op.create_table(
        "accounts",
        number("id"),
        text("account"),
        text("unit"),
        sa.Column("balance_micros", sa.Integer(), nullable=False, server_default=sa.text("0")),
        key("id"),
        unique("account", "unit"),
        **BY_ROWID,
    )
    op.create_table(
        "closes",
        text("series"),
        number("close_at_ms"),
        number("revision"),
        number("close_e8", null=True),
        text("reason"),
        blob("evidence"),
        number("agreed_at_ms"),
        key("series", "close_at_ms", "revision"),
        **CLUSTERED,
    )
    op.create_table(
        "forms",
        number("id"),
        sa.Column("dtype", sa.Text()),
        sa.Column("shape", sa.Text()),
        blob("before", null=True),
        blob("after", null=True),
        blob("last", null=True),
        key("id"),
        **BY_ROWID,
    )
    op.create_index("forms_by_answer", "forms", ["dtype", "shape"])
    op.create_table(
        "hotkeys",
        number("id"),
        blob("hotkey"),
        key("id"),
        unique("hotkey"),
        **BY_ROWID,
    )
    op.create_table(
        "meta",
        text("key"),
        text("value"),
        key("key"),
        **CLUSTERED,
    )
    op.create_table(
        "questions",
        number("id"),
        text("series"),
        text("challenge"),
        key("id"),
        unique("series", "challenge"),
        **BY_ROWID,
    )
    op.create_table(
        "refusals",
        number("hour_ms"),
        text("code"),
        number("hotkey"),
        number("count"),
        text("detail"),
        key("hour_ms", "code", "hotkey"),
        **CLUSTERED,
    )
    op.create_table(
        "replies",
        blob("request"),
        blob("reply"),
        number("expires_at_ms"),
        key("request"),
        **CLUSTERED,
    )
    op.create_index("replies_by_expiry", "replies", ["expires_at_ms"])
    op.create_table(
        "round_keys",
        number("id"),
        blob("round_id"),
        key("id"),
        unique("round_id"),
        **BY_ROWID,
    )
    op.create_table(
        "transactions",
        number("id"),
        text("transaction_id"),
        number("at_ms"),
        text("kind"),
        text("memo"),
        key("id"),
        unique("transaction_id"),
        **BY_ROWID,
    )
    op.create_table(
        "commitments",
        number("round"),
        number("hotkey"),
        blob("commitment"),
        number("received_at_ms"),
        number("form", null=True),
        blob("evidence"),
        names("hotkey", "hotkeys"),
        names("form", "forms"),
        names("round", "round_keys"),
        key("round", "hotkey"),
        **BY_ROWID,
    )
    op.create_table(
        "drafts",
        number("round"),
        number("question"),
        number("anchor_at_ms"),
        blob("salt"),
        number("form"),
        blob("answer"),
        blob("commitment"),
        text("model"),
        number("made_at_ms"),
        names("form", "forms"),
        names("question", "questions"),
        names("round", "round_keys"),
        key("round"),
        **BY_ROWID,
    )
    op.create_index("drafts_by_anchor", "drafts", ["anchor_at_ms"])
    op.create_table(
        "epochs",
        number("question"),
        number("epoch"),
        number("closed_at_ms"),
        number("paid_micros"),
        number("reserve_micros"),
        names("question", "questions"),
        key("question", "epoch"),
        **CLUSTERED,
    )
    op.create_table(
        "feedback",
        number("round"),
        number("validator"),
        number("received_at_ms"),
        blob("body"),
        names("round", "round_keys"),
        names("validator", "hotkeys"),
        key("round", "validator"),
        **CLUSTERED,
    )
    op.create_index("feedback_by_time", "feedback", ["received_at_ms"])
    op.create_table(
        "holding",
        number("round"),
        names("round", "round_keys"),
        key("round"),
        **BY_ROWID,
    )
    op.create_table(
        "miners",
        number("hotkey"),
        text("endpoint"),
        text("challenges"),
        number("registered_at_ms"),
        number("offences"),
        number("suspended_until_ms"),
        names("hotkey", "hotkeys"),
        key("hotkey"),
        **BY_ROWID,
    )
    op.create_table(
        "nonces",
        number("expires_at_ms"),
        number("hotkey"),
        blob("nonce"),
        names("hotkey", "hotkeys"),
        key("expires_at_ms", "hotkey", "nonce"),
        **CLUSTERED,
    )
    op.create_table(
        "pays",
        number("round"),
        number("hotkey"),
        number("question"),
        number("anchor_at_ms"),
        number("epoch"),
        number("skill_nano"),
        number("divisor_nano"),
        number("shared_skill_nano"),
        number("accrued_micros"),
        text("detail"),
        names("hotkey", "hotkeys"),
        names("question", "questions"),
        names("round", "round_keys"),
        key("round", "hotkey"),
        **CLUSTERED,
    )
    op.create_index("pays_by_epoch", "pays", ["question", "epoch", "anchor_at_ms"])
    op.create_table(
        "postings",
        number("transaction"),
        number("place"),
        number("account"),
        number("amount_micros"),
        names("account", "accounts"),
        names("transaction", "transactions"),
        key("transaction", "place"),
        **CLUSTERED,
    )
    op.create_table(
        "rounds",
        number("round"),
        number("question"),
        number("anchor_at_ms"),
        blob("params_digest"),
        text("state"),
        number("due_at_ms", null=True),
        blob("opening"),
        number("sigma_pico"),
        text("provenance"),
        text("reason"),
        number("anchor_close_e8", null=True),
        number("resolved_at_ms", null=True),
        blob("truth_digest", null=True),
        number("baseline_loss_nano", null=True),
        number("revision"),
        names("question", "questions"),
        names("round", "round_keys"),
        key("round"),
        **BY_ROWID,
    )
    op.create_index("rounds_by_anchor", "rounds", ["anchor_at_ms"])
    op.create_index("rounds_by_question", "rounds", ["question", "anchor_at_ms"])
    op.create_index("rounds_due", "rounds", ["due_at_ms"], sqlite_where=sa.text("due_at_ms IS NOT NULL"))
    op.create_table(
        "scores",
        number("question"),
        number("anchor_at_ms"),
        number("round"),
        number("hotkey"),
        text("status"),
        number("loss_nano"),
        number("baseline_loss_nano"),
        number("gain_nano"),
        names("hotkey", "hotkeys"),
        names("question", "questions"),
        names("round", "round_keys"),
        key("question", "anchor_at_ms", "round", "hotkey"),
        **CLUSTERED,
    )
    op.create_index("scores_by_hotkey", "scores", ["hotkey", "question", "anchor_at_ms"])
    op.create_index("scores_by_round", "scores", ["round", "hotkey"])
    op.create_table(
        "sharing",
        number("question"),
        number("generation"),
        number("through_ms"),
        blob("sums"),
        names("question", "questions"),
        key("question", "generation", "through_ms"),
        **BY_ROWID,
    )
    op.create_table(
        "submissions",
        number("round"),
        number("hotkey"),
        number("sequence"),
        number("received_at_ms"),
        text("status"),
        text("reason"),
        number("form", null=True),
        blob("salt"),
        blob("answer", null=True),
        blob("evidence"),
        names("hotkey", "hotkeys"),
        names("form", "forms"),
        names("round", "round_keys"),
        key("round", "hotkey", "sequence"),
        **BY_ROWID,
    )
