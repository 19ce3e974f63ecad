"""Prints docs/params.md, written from the network's parameters themselves: `make docs`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from inspect import getsource
from typing import Any

import protocol.params
from protocol.params import DEMO, MAIN

INTRODUCTION = """# Parameters

Written by `make docs` from `protocol/params.py`; change the sentences there. [rules.md](rules.md) says what they do.

`main` is what a node runs under unless told otherwise; `demo` (`--params demo`) is for clocks that run too fast: wide
windows, a short dispute window, short epochs and a bootstrap share. Nodes compare digests in every envelope: one that
runs under other figures is refused with `upgrade-needed`.
"""


def meanings() -> dict[tuple[str, str], str]:
    """(class, field) -> the sentence under the field in protocol/params.py."""
    found = {}
    for node in ast.parse(getsource(protocol.params)).body:
        if isinstance(node, ast.ClassDef):
            for line, below in zip(node.body, node.body[1:], strict=False):
                if (
                    isinstance(line, ast.AnnAssign)
                    and isinstance(line.target, ast.Name)
                    and isinstance(below, ast.Expr)
                ):
                    found[node.name, line.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    return found


def rows() -> Iterator[tuple[str, str, str, str]]:
    """(name, main, demo, meaning) of every figure, sections in the order of NetworkParams."""
    told = meanings()
    for section in fields(MAIN):
        main, demo = getattr(MAIN, section.name), getattr(DEMO, section.name)
        if section.name == "challenges":
            for one, other in zip(main, demo, strict=True):
                yield from _section(one.name, one, other, told)
        elif is_dataclass(main):
            yield from _section(section.name, main, demo, told)
        else:
            yield section.name, _text(main), _text(demo), told[type(MAIN).__name__, section.name]


def _section(name: str, main: Any, demo: Any, told: dict[tuple[str, str], str]) -> Iterator[tuple[str, str, str, str]]:
    for field in fields(main):
        if field.name != "name":
            values = _text(getattr(main, field.name)), _text(getattr(demo, field.name))
            yield f"{name}.{field.name}", *values, told[type(main).__name__, field.name]


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else ", ".join(map(str, value)) if isinstance(value, tuple) else value


def render() -> str:
    """The whole page."""
    digests = f"Digests: main `{MAIN.digest.hex()}`, demo `{DEMO.digest.hex()}`.\n"
    units = "Units end the names: ms milliseconds, ppm millionths, nano 10⁻⁹, micros 10⁻⁶ aug, bp 10⁻⁴.\n"
    lines = ["| figure | main | demo | meaning |", "| --- | ---: | ---: | --- |"]
    for name, main, demo, meaning in rows():
        differs = f"**{demo}**" if demo != main else demo
        lines.append(f"| `{name}` | {main} | {differs} | {meaning} |")
    return "\n".join([INTRODUCTION, digests, units, *lines, ""])


if __name__ == "__main__":
    print(render(), end="")
