"""One sample database for all tests of the commands that read one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from neurons.cli import app
from tests.support.sample_database import write_sample_database


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
