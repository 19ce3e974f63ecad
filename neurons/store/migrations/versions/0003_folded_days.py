"""Days of open streams say what was folded into them and are found by owner, settlements by time and horizon."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for name in ("folded", "folded_micros"):
        number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
        op.add_column("stream_days", sa.Column(name, number, nullable=False, server_default=sa.text("0")))
    op.create_index("stream_days_by_owner", "stream_days", ["owner", "day"])
    op.drop_index("settlements_by_time")
    op.create_index("settlements_by_time", "settlements", ["at_ms", "stream", "delay"])
