"""Libraries find their defaults before they load, and what a person set instead stays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.sources import ROOT, tree

ASK = """
import sys
import neurons.library_defaults
assert not {"numpy", "grpc"} & set(sys.modules), "too late"
import neurons.%s
from os import environ
print(environ["OPENBLAS_NUM_THREADS"], environ["OMP_NUM_THREADS"])
"""


@pytest.mark.parametrize(("given", "found"), [({}, "1 1"), ({"OPENBLAS_NUM_THREADS": "4"}, "4 1")])
@pytest.mark.parametrize("node", ["validator", "miner"])
def test_a_nodes_products_take_one_thread_unless_somebody_wants_more(node, given, found):
    bare = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", ASK % node]
    done = subprocess.run(command, env=bare | given, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert found == done.stdout.strip()


@pytest.mark.parametrize("node", ["validator", "miner"])
def test_a_node_imports_them_before_everything_else(node):
    imports = [line for line in tree(ROOT / "neurons" / f"{node}.py").body if type(line).__name__.startswith("Import")]
    assert "neurons.library_defaults" == imports[1].names[0].name


@pytest.mark.parametrize("node", ["validator", "miner"])
def test_a_node_loads_no_rich_and_leaves_it_to_whoever_wants_it(node):
    program = f"import sys, neurons.{node}; print('rich' in sys.modules); import rich; print(rich.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert ["False", "rich"] == done.stdout.split()
