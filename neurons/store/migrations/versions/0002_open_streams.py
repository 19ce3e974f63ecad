"""The tables of open streams: values, words, settlements and their days, names of keys, edges, evidence."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

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


def real(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.REAL(), nullable=False)


def names(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{table}.id"])


def upgrade() -> None:
    op.create_table(
        "stream_names",
        number("id"),
        text("name"),
        key("id"),
        unique("name"),
        **BY_ROWID,
    )
    op.create_table(
        "streams",
        number("stream"),
        number("owner"),
        number("incarnation"),
        number("created_at_ms"),
        number("budget_micros"),
        number("sequence"),
        number("value_at_ms"),
        number("alive_until_ms"),
        number("deleted"),
        text("rule"),
        names("stream", "stream_names"),
        names("owner", "hotkeys"),
        key("stream"),
        **BY_ROWID,
    )
    op.create_table(
        "stream_values",
        number("stream"),
        number("incarnation"),
        number("sequence"),
        number("at_ms"),
        text("text"),
        number("has_lags"),
        blob("evidence", null=True),
        names("stream", "stream_names"),
        key("stream", "incarnation", "sequence"),
        **BY_ROWID,
    )
    op.create_table(
        "stream_words",
        number("stream"),
        number("incarnation"),
        number("delay"),
        number("owner"),
        number("received_at_ms"),
        number("sequence"),
        text("speaker"),
        number("cancels"),
        blob("scenarios"),
        blob("evidence", null=True),
        names("stream", "stream_names"),
        names("owner", "hotkeys"),
        key("stream", "incarnation", "delay", "owner", "received_at_ms", "sequence", "speaker"),
        **BY_ROWID,
    )
    op.create_table(
        "settlements",
        number("stream"),
        number("incarnation"),
        number("sequence"),
        number("delay"),
        number("sponsor"),
        number("at_ms"),
        text("rule"),
        real("value"),
        number("budget_micros"),
        number("scenarios"),
        number("winners"),
        real("window"),
        number("reserve_micros"),
        number("subsidy_micros"),
        text("reason"),
        blob("sides"),
        names("stream", "stream_names"),
        names("sponsor", "hotkeys"),
        key("stream", "incarnation", "sequence", "delay"),
        **BY_ROWID,
    )
    op.create_index("settlements_by_time", "settlements", ["at_ms"])
    op.create_table(
        "stream_days",
        number("day"),
        number("stream"),
        number("delay"),
        number("sponsor"),
        number("owner"),
        number("amount_micros"),
        number("moved_micros"),
        names("stream", "stream_names"),
        names("sponsor", "hotkeys"),
        names("owner", "hotkeys"),
        key("day", "stream", "delay", "sponsor", "owner"),
        **CLUSTERED,
    )
    op.create_table(
        "key_names",
        number("hotkey"),
        blob("nonce"),
        number("letters"),
        names("hotkey", "hotkeys"),
        key("hotkey"),
        **BY_ROWID,
    )
    op.create_table(
        "successions",
        number("before"),
        text("network"),
        blob("after"),
        number("issued_at_ms"),
        blob("consent"),
        blob("acceptance"),
        names("before", "hotkeys"),
        key("before"),
        **BY_ROWID,
    )
    op.create_table(
        "stream_links",
        number("stream"),
        number("delay"),
        number("target"),
        number("standing"),
        names("stream", "stream_names"),
        names("target", "stream_names"),
        key("stream", "delay", "target"),
        **CLUSTERED,
    )
    op.create_table(
        "subscriptions",
        number("subscriber"),
        number("source"),
        number("standing"),
        names("subscriber", "stream_names"),
        names("source", "stream_names"),
        key("subscriber", "source"),
        **CLUSTERED,
    )
    op.create_table(
        "letters",
        number("mailbox"),
        number("incarnation"),
        number("sender"),
        text("text"),
        number("at_ms"),
        names("mailbox", "stream_names"),
        names("sender", "stream_names"),
        key("mailbox", "incarnation", "sender"),
        **BY_ROWID,
    )
    op.create_table(
        "notices",
        number("hotkey"),
        number("at_ms"),
        text("kind"),
        text("operation"),
        text("fields"),
        names("hotkey", "hotkeys"),
        key("hotkey", "at_ms", "kind", "operation", "fields"),
        **CLUSTERED,
    )
    op.create_table(
        "stream_evidence",
        blob("sha256"),
        number("hotkey"),
        number("received_at_ms"),
        number("kept_until_ms"),
        blob("raw"),
        names("hotkey", "hotkeys"),
        key("sha256"),
        **BY_ROWID,
    )
    op.create_index("stream_evidence_by_expiry", "stream_evidence", ["kept_until_ms"])
