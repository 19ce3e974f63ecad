"""The `augury` command as a whole: what it loads, and how it hands over to the nodes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from neurons.cli import app

HEAVY = ("torch", "pandas", "ccxt", "grpc", "sqlalchemy", "numpy", "cryptography")


@pytest.mark.processes
def test_help_loads_nothing_heavy():
    program = (
        "import sys\n"
        "from neurons.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: code = end.code\n"
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "0 []" == ran.stdout.splitlines()[-1]


@pytest.mark.parametrize("role", ["validator", "miner"])
def test_a_node_gets_everything_that_follows_its_name(role):
    helped = CliRunner().invoke(app, [role, "--help"])
    assert 0 == helped.exit_code
    assert f"usage: {role}" in helped.stdout
    assert "--listen.port" in helped.stdout
    refused = CliRunner().invoke(app, [role, "--lisen.port", "1"])
    assert 2 == refused.exit_code
    assert "did you mean listen.port?" in refused.stderr
