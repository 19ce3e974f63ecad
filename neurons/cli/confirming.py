"""A question before what cannot be undone."""

from __future__ import annotations

import sys

import typer

from protocol.errors import InvalidSetting


def make_sure(what: str, *, yes: bool) -> None:
    """Asks whether this is meant, unless `yes` says so. Raises InvalidSetting when not, or when nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidSetting(f"{what}: say --yes")
    if not typer.confirm(f"{what}. Is that meant?"):
        raise InvalidSetting("nothing was done")
