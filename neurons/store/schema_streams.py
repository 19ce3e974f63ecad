"""The tables of open streams: in the same database, of the same kinds, in the same revision as those in schema.py.

A stream's name is stored once, as a hotkey is. What is long or let go soon (values, words, settlements, letters,
evidence) is found by an index; short rows are clustered by their key. The only floats are a settlement's value and
window, as float64: they are told, and nothing is computed from them again.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from neurons.store.columns import (
    BY_ROWID,
    CLUSTERED,
    Int,
    blob,
    count,
    identity,
    integer,
    metadata,
    named,
    real,
    string,
)

stream_names = Table("stream_names", metadata, identity(), string("name"), UniqueConstraint("name"), **BY_ROWID)

streams = Table(
    "streams", metadata,
    Column("stream", Int, ForeignKey("stream_names.id"), primary_key=True, autoincrement=False),
    named("owner", "hotkeys"),
    integer("incarnation"),
    integer("created_at_ms"),
    integer("budget_micros"),
    integer("sequence"),
    integer("value_at_ms"),
    integer("alive_until_ms"),
    integer("deleted"),
    string("rule"),
    **BY_ROWID,
)  # fmt: skip

stream_values = Table(
    "stream_values", metadata,
    named("stream", "stream_names"),
    integer("incarnation"),
    integer("sequence"),
    integer("at_ms"),
    string("text"),
    integer("has_lags"),
    blob("evidence", null=True),
    PrimaryKeyConstraint("stream", "incarnation", "sequence"),
    **BY_ROWID,
)  # fmt: skip

stream_words = Table(
    "stream_words", metadata,
    named("stream", "stream_names"),
    integer("incarnation"),
    integer("delay"),
    named("owner", "hotkeys"),
    integer("received_at_ms"),
    integer("sequence"),
    string("speaker"),
    integer("cancels"),
    blob("scenarios"),
    blob("evidence", null=True),
    PrimaryKeyConstraint("stream", "incarnation", "delay", "owner", "received_at_ms", "sequence", "speaker"),
    **BY_ROWID,
)  # fmt: skip

settlements = Table(
    "settlements", metadata,
    named("stream", "stream_names"),
    integer("incarnation"),
    integer("sequence"),
    integer("delay"),
    named("sponsor", "hotkeys"),
    integer("at_ms"),
    string("rule"),
    real("value"),
    integer("budget_micros"),
    integer("scenarios"),
    integer("winners"),
    real("window"),
    integer("reserve_micros"),
    integer("subsidy_micros"),
    string("reason"),
    blob("sides"),
    PrimaryKeyConstraint("stream", "incarnation", "sequence", "delay"),
    Index("settlements_by_time", "at_ms", "stream", "delay"),
    **BY_ROWID,
)  # fmt: skip
"""sides: every owner with its amount and scores, as neurons/store/sides.py packs them."""

stream_days = Table(
    "stream_days", metadata,
    integer("day"),
    named("stream", "stream_names"),
    integer("delay"),
    named("sponsor", "hotkeys"),
    named("owner", "hotkeys"),
    integer("amount_micros"),
    integer("moved_micros"),
    count("folded"),
    count("folded_micros"),
    PrimaryKeyConstraint("day", "stream", "delay", "sponsor", "owner"),
    Index("stream_days_by_owner", "owner", "day"),
    **CLUSTERED,
)  # fmt: skip
"""folded: how many of these settlements are kept nowhere else, folded_micros: what they amount to (folding.py)."""

key_names = Table(
    "key_names", metadata,
    Column("hotkey", Int, ForeignKey("hotkeys.id"), primary_key=True, autoincrement=False),
    blob("nonce"),
    integer("letters"),
    **BY_ROWID,
)  # fmt: skip

successions = Table(
    "successions", metadata,
    Column("before", Int, ForeignKey("hotkeys.id"), primary_key=True, autoincrement=False),
    string("network"),
    blob("after"),
    integer("issued_at_ms"),
    blob("consent"),
    blob("acceptance"),
    **BY_ROWID,
)  # fmt: skip

stream_links = Table(
    "stream_links", metadata,
    named("stream", "stream_names"),
    integer("delay"),
    named("target", "stream_names"),
    integer("standing"),
    PrimaryKeyConstraint("stream", "delay", "target"),
    **CLUSTERED,
)  # fmt: skip

subscriptions = Table(
    "subscriptions", metadata,
    named("subscriber", "stream_names"),
    named("source", "stream_names"),
    integer("standing"),
    PrimaryKeyConstraint("subscriber", "source"),
    **CLUSTERED,
)  # fmt: skip

letters = Table(
    "letters", metadata,
    named("mailbox", "stream_names"),
    integer("incarnation"),
    named("sender", "stream_names"),
    string("text"),
    integer("at_ms"),
    PrimaryKeyConstraint("mailbox", "incarnation", "sender"),
    **BY_ROWID,
)  # fmt: skip

notices = Table(
    "notices", metadata,
    named("hotkey", "hotkeys"),
    integer("at_ms"),
    string("kind"),
    string("operation"),
    string("fields"),
    PrimaryKeyConstraint("hotkey", "at_ms", "kind", "operation", "fields"),
    **CLUSTERED,
)  # fmt: skip

stream_evidence = Table(
    "stream_evidence", metadata,
    blob("sha256"),
    named("hotkey", "hotkeys"),
    integer("received_at_ms"),
    integer("kept_until_ms"),
    blob("raw"),
    PrimaryKeyConstraint("sha256"),
    Index("stream_evidence_by_expiry", "kept_until_ms"),
    **BY_ROWID,
)  # fmt: skip
