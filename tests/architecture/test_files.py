"""Files: their size, their docstrings, and what has no place in them."""

from __future__ import annotations

import ast
import re

from tests.support.sources import FOLDERS, ROOT, name_of, python_files, text_files, tree

MAX_LINES = 400
# Spelled apart, so that this file is no offence against itself.
LEFT_UNDONE = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")))
MACHINE_PATHS = re.compile(r"(?<![\w./-])/(?:work|root|home|Users|tmp/[a-z])\b")
SWALLOWED = re.compile(r"except( Exception)?( as \w+)?:\s*\n\s*pass\b")
MOCKS = re.compile(r"unittest\.moc" + r"k|Magic" + r"Mock")


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name_of(path)}:{number}: {line.strip()[:100]}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_is_longer_than_a_reader_can_hold():
    lengths = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(*FOLDERS, "tests")
    }
    assert {} == {name: length for name, length in lengths.items() if length > MAX_LINES}


def test_nothing_is_marked_as_left_undone():
    assert [] == lines_with(LEFT_UNDONE)


def test_no_file_knows_the_machine_it_was_written_on():
    assert [] == lines_with(MACHINE_PATHS)


def test_nothing_is_mocked():
    assert [] == lines_with(MOCKS)


def test_no_error_is_swallowed_whole():
    found = [name_of(p) for p in python_files(*FOLDERS) if SWALLOWED.search(p.read_text(encoding="utf-8"))]
    assert [] == found


def test_every_package_says_it_is_typed():
    assert [] == [folder for folder in FOLDERS if not (ROOT / folder / "py.typed").exists()]


def test_every_module_says_what_it_is_for():
    silent = [name_of(p) for p in python_files(*FOLDERS) if tree(p).body and not ast.get_docstring(tree(p))]
    assert [] == silent


def public_definitions(body, prefix: str = ""):
    """Public functions and classes of a module, and the public methods of its classes that say more than their name."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, f"{prefix}{node.name}.")


def is_plain(node) -> bool:
    """A property or a method of at most three lines reads as its own explanation."""
    return isinstance(node, ast.FunctionDef) and len(node.body) == 1 and node.end_lineno - node.body[0].lineno <= 2


def test_what_protocol_offers_explains_itself():
    silent = [
        f"{name_of(path)}: {name}"
        for path in python_files("protocol")
        for name, node in public_definitions(tree(path).body)
        if not ast.get_docstring(node) and not is_plain(node)
    ]
    assert [] == silent
