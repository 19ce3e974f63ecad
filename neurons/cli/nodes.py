"""`augury validator` and `augury miner`: the nodes, with everything that follows handed to them as it stands."""

from __future__ import annotations

from typing import Any, Final

import typer

EVERYTHING_AFTER: Final[dict[str, Any]] = {"allow_extra_args": True, "ignore_unknown_options": True}


def validator(context: typer.Context) -> None:
    """Run a validator. `augury validator --help` lists its settings."""
    from neurons.validator import main

    raise typer.Exit(main(context.args))


def miner(context: typer.Context) -> None:
    """Run a miner. `augury miner --help` lists its settings."""
    from neurons.miner import main

    raise typer.Exit(main(context.args))
