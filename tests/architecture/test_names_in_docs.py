"""Where a document names a function beside its file (`file.py: name` or `file.py: Class.method`), it is there."""

from __future__ import annotations

import ast
import re

from tests.support.sources import ROOT, documents, name_of

NAMED = re.compile(r"`([\w/]+\.py): ([\w.]+)`")


def defined_in(path: str) -> set[str]:
    """Functions, classes, methods and constants of a file."""
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = (one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{one.name}" for one in inner}
    return found


def test_every_function_that_is_named_beside_its_file_is_there():
    named = [(name_of(d), *pair) for d in documents() for pair in NAMED.findall(d.read_text(encoding="utf-8"))]
    assert len(named) > 40
    assert [] == [(d, path) for d, path, _ in named if not (ROOT / path).is_file()]
    assert [] == [(d, path, name) for d, path, name in named if name not in defined_in(path)]
