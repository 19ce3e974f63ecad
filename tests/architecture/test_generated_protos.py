"""What the protobuf compiler wrote is what it would write now."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys

from tests.support.sources import ROOT

PROTOS = ROOT / "protocol/proto/augury/v1"


def compiler_arguments() -> list[str]:
    """The arguments of `make proto`, so that there is one place where they stand."""
    [line] = re.findall(
        r"^\t@\$\(BIN\)/python -m grpc_tools\.protoc (.*) \$\(PROTOS\)$", (ROOT / "Makefile").read_text(), re.M
    )
    return shlex.split(line)


def test_writing_the_generated_files_anew_changes_nothing(tmp_path):
    names = sorted(path.relative_to(ROOT).as_posix() for path in PROTOS.glob("*.proto"))
    assert names
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", *compiler_arguments(), *names],
        cwd=tmp_path,
        check=True,
        timeout=100,
    )
    fresh = {path.name: path.read_bytes() for path in (tmp_path / "protocol/proto/augury/v1").glob("*_pb2*.py*")}
    committed = {path.name: path.read_bytes() for path in PROTOS.glob("*_pb2*.py*")}
    assert sorted(fresh) == sorted(committed)
    assert [] == [name for name, content in fresh.items() if content != committed[name]]
