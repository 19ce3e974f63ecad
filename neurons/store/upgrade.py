"""The schema a database has, and bringing it to this release's: all of it in one transaction, or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from neurons.ports import StoreUnavailable
from neurons.store.errors import StoreTooNew
from neurons.store.schema import REVISION

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def revision_of(connection: sqlite3.Connection) -> str:
    """The revision a database has, "" when it is empty. Raises StoreUnavailable for one that is not a node's."""
    tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not tables:
        return ""
    if "alembic_version" not in tables:
        raise StoreUnavailable(f"not a node's database: it holds the tables {', '.join(sorted(tables)[:5])}")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return "" if row is None else str(row[0])


def upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Brings a database to REVISION. Killed half-way, it is as it was before.

    Raises StoreTooNew when its revision is none of this release's, StoreUnavailable when it is not a node's database.
    """
    found = revision_of(connection)
    if found == REVISION:
        return
    # Alembic and an engine cost 40 MB and half a second: only a database that needs them pays for them.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    if found and found not in {revision.revision for revision in script.walk_revisions()}:
        raise StoreTooNew(path=str(path), found=found, known=REVISION)
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as bound, bound.begin():
        connection.execute("BEGIN EXCLUSIVE")  # the driver commits or rolls it back when the block ends
        config.attributes["connection"] = bound
        with EnvironmentContext(config, script, fn=lambda revision, _: script._upgrade_revs("head", revision)):
            script.run_env()
