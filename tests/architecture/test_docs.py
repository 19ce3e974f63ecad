"""Documents name only what there is: commands, scripts, files, settings, error codes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from neurons.config import NODES, OTHER_VARIABLES, PREFIX, settings_of
from runnable.settings_page import render
from tests.support.sources import FOLDERS, ROOT, documents, name_of, python_files, tree

FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.M | re.S)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
TOP_FOLDERS = (*FOLDERS, "tests", "docs", "[.]ci")
DOCUMENTED = re.compile(rf"^(?:{'|'.join(TOP_FOLDERS)})/[\w./-]+$")


def code_in(path: Path) -> list[str]:
    """Every piece of code in a document: what stands between backticks and each line of a block."""
    text = path.read_text(encoding="utf-8")
    blocks = [line.strip() for block in FENCE.findall(text) for line in block.splitlines()]
    return blocks + CODE.findall(FENCE.sub("", text))


def in_documents(pattern: str) -> list[tuple[str, str]]:
    """(document, match) for each piece of code in which the pattern is found."""
    return [(name_of(d), found) for d in documents() for code in code_in(d) for found in re.findall(pattern, code)]


def source_text() -> str:
    paths = [*python_files(*FOLDERS, "tests"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = in_documents(r"(?:^|[\s;&$])make (?:[A-Z]+=\S+ )*([a-z]+)")
    assert named
    assert [] == [(where, target) for where, target in named if target not in targets]


def test_make_help_lists_every_target():
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert declared
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert sorted(declared[1].split()) == sorted(re.findall(r"^  make ([a-z]+) ", shown, re.M))
    assert shown == subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_index_of_decisions_names_each_of_them_once_and_in_order():
    folder = ROOT / "docs" / "decisions"
    named = re.findall(r"^\| \[\d{4}\]\(([^)]+)\) \|", (folder / "README.md").read_text(encoding="utf-8"), re.M)

    assert sorted(path.name for path in folder.glob("[0-9]*.md")) == named


def test_every_script_that_is_named_exists():
    named = in_documents(r"python3? ((?:runnable|neurons|tests)/[\w/]+\.py)")
    assert [] == [(where, script) for where, script in named if not (ROOT / script).exists()]


def test_every_augury_command_that_is_named_exists():
    named = {found for _, found in in_documents(r"(?:^|[\s;&$])augury ([a-z]+(?: [a-z]+)?)\b")}
    for words in sorted({tuple(name.split()[:1]) for name in named}):
        shown = subprocess.run(
            [sys.executable, "-c", "from neurons.cli import main; main()", *words, "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert 0 == shown.returncode, f"`augury {' '.join(words)}` is documented and does not run: {shown.stderr}"


def test_every_path_of_the_project_that_is_named_exists():
    named = [(name_of(d), code.rstrip("/")) for d in documents() for code in code_in(d) if DOCUMENTED.match(code)]
    assert named
    assert [] == [(where, path) for where, path in named if not (ROOT / path).exists()]


def test_every_link_leads_somewhere():
    links = [(d, link) for d in documents() for link in LINK.findall(d.read_text(encoding="utf-8"))]
    broken = [(name_of(d), link) for d, link in links if "://" not in link and not (d.parent / link).exists()]
    assert [] == broken


def test_every_flag_that_is_named_is_known_to_some_program():
    text = source_text()
    settings = {s.flag for model in NODES for s in settings_of(model)}
    unknown = [
        (where, flag)
        for where, flag in in_documents(r"(?<![\w-])(--[a-z][\w.-]*)")
        if flag not in settings
        and f'"{flag}"' not in text
        and not re.search(rf"\b{flag[2:].replace('-', '_')}\b", text)
    ]
    assert [] == unknown


def test_every_variable_that_is_named_is_read():
    settings = {s.variable for model in NODES for s in settings_of(model)}
    known = settings | set(OTHER_VARIABLES) | {f"{PREFIX}CONFIG"}
    assert [] == [(where, name) for where, name in in_documents(rf"\b({PREFIX}[A-Z_]+)\b") if name not in known]


def test_the_settings_page_is_what_the_settings_say():
    assert render() == (ROOT / "docs/settings.md").read_text(encoding="utf-8"), "run: make docs"


@pytest.mark.parametrize("model", NODES)
def test_every_setting_is_on_the_settings_page(model):
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert [] == [s.key for s in settings_of(model) if f"| `{s.key}` | {s.description}" not in page]


def error_codes() -> dict[str, str]:
    """code -> where, from every class that sets one; found in the source, so that nothing need be imported."""
    found = {}
    for path in python_files(*FOLDERS):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                for line in node.body:
                    names = [*getattr(line, "targets", []), getattr(line, "target", None)]
                    value = getattr(line, "value", None)
                    if any(isinstance(n, ast.Name) and n.id == "code" for n in names) and isinstance(
                        value, ast.Constant
                    ):
                        assert value.value not in found, f"{value.value}: {name_of(path)} and {found[value.value]}"
                        found[value.value] = name_of(path)
    return found


def test_every_error_code_has_its_heading_and_every_heading_its_code():
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    assert sorted(error_codes()) == sorted(re.findall(r"^### `([a-z-]+)`$", page, re.M))


def test_every_heading_of_an_error_says_whose_fault_it_is_and_what_to_do():
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    sections = re.split(r"^### `([a-z-]+)`$", page, flags=re.M)[1:]
    for code, text in zip(sections[::2], sections[1::2], strict=True):
        assert re.search(r"\*\*Whose fault:\*\* \S", text), code
        assert re.search(r"\*\*What to do:\*\* \S", text), code
