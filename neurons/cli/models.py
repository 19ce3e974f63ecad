"""`augury models`: what a miner can forecast with."""

from __future__ import annotations

import typer

from neurons.cli.tables import AsJson, console, show_json, table


def models(as_json: AsJson = False) -> None:
    """List the models that `augury miner --base_model NAME` can run."""
    from neurons.mining.models import describe_models

    described = describe_models()
    if as_json:
        show_json(described)
        return
    console().print(table("Models", ("name", "what it does~"), described.items()))
    typer.echo("Run one: augury miner --base_model NAME. Models that learn need augury[miner].")
