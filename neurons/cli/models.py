"""`augury models`: what a miner can forecast with, by name."""

from __future__ import annotations

import typer

from neurons.cli.tables import AsJson, console, show_json, table

app = typer.Typer(invoke_without_command=True)


@app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models that a miner can run, with the checksum of what they have learnt."""
    if context.invoked_subcommand is not None:
        return
    from neurons.mining.models import describe_models

    described = describe_models()
    if as_json:
        show_json(described)
        return
    rows = [(one.name, one.pinned if one.checksum else "", one.needs, one.checksum[:8], one.what) for one in described]
    console().print(table("Models", ("name", "weights", "needs", "checksum", "what it does~"), rows))
    typer.echo("Run one: augury miner --base_model NAME. A name under `weights` means those for ever.")
