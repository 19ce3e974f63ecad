"""`augury backup`: a whole copy of a node's database, also while the node runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurons.cli.refusals import Db
from neurons.cli.tables import AsJson, show_json


def backup(
    db: Db,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The copy to make; it must not exist yet.")],
    as_json: AsJson = False,
) -> None:
    """Copy a node's database as it is at this instant, also while the node runs. Never overwrites."""
    from neurons.store.sqlite import back_up

    target = to.expanduser()
    back_up(db.expanduser(), target)
    size = target.stat().st_size
    if as_json:
        show_json({"file": str(target), "bytes": size})
    else:
        typer.echo(f"{target}: {size:,} bytes. To use it, stop the node and put it in its database's place.")
