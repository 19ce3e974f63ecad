"""One sample database for all tests of the commands that read one, and one town for those on open streams."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from neurons.cli import app
from neurons.signers import PRESETS
from neurons.validating.node import ValidatorNode
from tests.support.sample_database import write_sample_database
from tests.support.stream_town import PARAMS, Ask, Town, play_town, serve_town, write_keys


@dataclass(frozen=True)
class Sample:
    """The database, and when the world that it came from ended."""

    path: Path
    ends_at_ms: int

    def run(self, *arguments: str) -> Result:
        """A command on the database, in 100 columns."""
        return augury(*arguments, "--db", str(self.path))

    def json(self, *arguments: str) -> Any:
        """What a command says to machines."""
        ran = self.run(*arguments, "--json")
        assert 0 == ran.exit_code, ran.output
        return json.loads(ran.stdout)


def augury(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "100"})


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    path = tmp_path_factory.mktemp("sample") / "augury.sqlite"
    return Sample(path, write_sample_database(path))


@pytest.fixture(scope="session")
def played_town() -> Town:
    return play_town()


@pytest.fixture
def town(
    played_town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[ValidatorNode, Ask], Awaitable[None]]], None]:
    """Runs a scenario with (node, ask) in a town of its own; everybody's key is in the test's folder."""
    monkeypatch.setitem(PRESETS, "main", PARAMS)
    write_keys(tmp_path)
    own = Town(copy.deepcopy(played_town.store), played_town.ends_at_ms)
    return lambda scenario: asyncio.run(serve_town(own, tmp_path, augury, scenario))
