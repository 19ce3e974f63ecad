"""The project's own files, as the architecture tests read them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("protocol", "neurons", "mining_objects", "runnable")
GENERATED = "protocol/proto/"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_files(*folders: str, generated: bool = False) -> Iterator[Path]:
    """Python files of these top folders, by name; what the protobuf compiler wrote only when asked for."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if generated or not name_of(path).startswith(GENERATED):
                yield path


def text_files() -> Iterator[Path]:
    """Every file that a person of this project wrote: code, docs, settings, scripts."""
    yield from (ROOT / name for name in ("Makefile", ".ci/run", "pyproject.toml", "README.md", ".gitignore"))
    for folder in (*FOLDERS, "tests", "docs"):
        for suffix in ("*.py", "*.md", "*.proto", "*.toml", "*.sql", "*.mako", "*.txt"):
            yield from (p for p in sorted((ROOT / folder).rglob(suffix)) if "_pb2" not in p.name)


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=name_of(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import in a file, also inside functions; `from a import b` gives `a.b`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: imports are absolute here"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
