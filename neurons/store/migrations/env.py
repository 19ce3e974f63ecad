"""Alembic's way in. The connection is handed over by neurons/store/upgrade.py, inside its transaction."""

from __future__ import annotations

from alembic import context

from neurons.store.columns import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
