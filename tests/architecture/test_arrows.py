"""The arrows of the architecture: who may import whom, held by import contracts and by what is loaded in fact."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sources import FOLDERS, ROOT, imports, name_of, python_files, tree

UNWANTED_IN_A_VALIDATOR = ("torch", "pandas", "mining_objects", "matplotlib", "pyarrow")


def offences(paths, is_wrong) -> list[str]:
    return [
        f"{name_of(path)}:{line} imports {module}"
        for path in paths
        for line, module in imports(path)
        if is_wrong(name_of(path), module)
    ]


def test_the_import_contracts_hold():
    checked = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert 0 == checked.returncode, checked.stdout + checked.stderr
    assert "5 kept, 0 broken" in checked.stdout


def test_nothing_imports_the_tests_and_nothing_but_tests_imports_runnable():
    assert [] == offences(python_files(*FOLDERS), lambda _, module: module.split(".")[0] == "tests")
    inner = ("protocol", "neurons", "mining_objects")
    assert [] == offences(python_files(*inner), lambda _, module: module.split(".")[0] == "runnable")


def test_generated_messages_are_read_by_the_codec_and_stubs_by_the_transport():
    def is_wrong(name: str, module: str) -> bool:
        if not module.startswith("protocol.proto"):
            return False
        return (
            not name.startswith("neurons/transport/")
            if "_pb2_grpc" in module
            else name not in ("protocol/codec.py", "protocol/wire_types.py", "neurons/transport/turns.py")
        )

    assert [] == offences(python_files(*FOLDERS), is_wrong)


def test_protocol_draws_no_random_number_and_reads_no_clock_through_another_library():
    forbidden = {"random", "default_rng", "urandom", "token_bytes", "now", "datetime64"}
    found = [
        f"{name_of(path)}:{node.lineno} uses .{node.attr}"
        for path in python_files("protocol")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in forbidden
    ]
    assert [] == found


def modules_of(*folders: str) -> list[str]:
    paths = (path for folder in folders for path in python_files(folder))
    return [name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths]


@pytest.mark.processes
def test_everything_a_validator_loads_leaves_torch_and_pandas_out():
    """In a process of its own, and of the modules as they are: also imports within functions at import time count."""
    not_loaded = ("neurons.mining", "neurons.client", "neurons.miner", "neurons.cli", "neurons.store.migrations")
    wanted = [name for name in modules_of("protocol", "neurons") if not name.startswith(not_loaded)]
    program = (
        "import importlib, sys\n"
        f"for name in {wanted!r}: importlib.import_module(name)\n"
        f"print([name for name in {UNWANTED_IN_A_VALIDATOR!r} if name in sys.modules])\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert ("[]\n", 0) == (loaded.stdout, loaded.returncode), loaded.stderr
