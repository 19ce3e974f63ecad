"""`augury doctor`: looks a node's settings over before the node does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text

from neurons.cli.tables import AsJson, console, show_json, table

if TYPE_CHECKING:
    from neurons.cli.checks import Finding
    from neurons.settings import MinerSettings, ValidatorSettings


class Role(StrEnum):
    """Which node is looked over."""

    VALIDATOR = "validator"
    MINER = "miner"


OK: Final = Text("ok", style="green")
PROBLEM: Final = Text("problem", style="bold red")


def doctor(
    context: typer.Context,
    role: Annotated[Role, typer.Option("--role", help="The node whose settings are looked over.")],
    as_json: AsJson = False,
) -> None:
    """Look a node's settings over: key, port, disk, clock, venues, model, validators. Exit code 1: something is wrong.

    Everything after the role is the node's own settings, as `augury validator --help` and `augury miner --help`
    list them; environment and TOML count as they do for the node.
    """
    from neurons.cli.checks import examine

    findings = asyncio.run(examine(_settings(role, context.args)))
    if as_json:
        show_json(findings)
    else:
        show(role, findings)
    if any(not finding.fine for finding in findings):
        raise typer.Exit(1)


def _settings(role: Role, arguments: Sequence[str]) -> ValidatorSettings | MinerSettings:
    from neurons.config import parse
    from neurons.settings import MinerSettings, ValidatorSettings

    if role is Role.VALIDATOR:
        return parse(ValidatorSettings, arguments, command=role.value)
    return parse(MinerSettings, arguments, command=role.value)


def show(role: Role, findings: Sequence[Finding]) -> None:
    """A line for each check: what was found, and what to do where it is a problem."""
    rows = [(f.what, OK if f.fine else PROBLEM, f.found, f.advice) for f in findings]
    console().print(table(f"A {role.value}, looked over", ("check", "", "found~", "what to do~"), rows))
    wrong = sum(not finding.fine for finding in findings)
    typer.echo(f"{wrong} of {len(findings)} checks found a problem" if wrong else "all is well")
