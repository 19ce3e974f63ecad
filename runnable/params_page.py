"""Prints docs/params.md, written from the network's parameters themselves: `make docs`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from inspect import getsource
from typing import Any

import protocol.params
from protocol.params import DAY, DEMO, MAIN

INTRODUCTION = """# Parameters

Written by `make docs` from `protocol/params.py`; change the sentences there. [rules.md](rules.md) says what they do.

`main` is what a node runs under unless told otherwise; `demo` (`--params demo`) is for clocks that run too fast: wide
windows, a short dispute window, short epochs and a bootstrap share. `day` (`--params day`) asks for ensembles of a day,
289 steps, in a network of its own. Nodes compare digests in every envelope: one that runs under other figures is
refused with `upgrade-needed`.
"""


COLUMNS = {"main": MAIN, "day": DAY, "demo": DEMO}
NOTHING = "–"
"""Of a challenge that these rules do not have."""


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


def rows() -> Iterator[tuple[str, list[str], str]]:
    """(name, values by column, meaning) of every figure, sections in the order of NetworkParams."""
    told = meanings()
    for section in fields(MAIN):
        values = [getattr(params, section.name) for params in COLUMNS.values()]
        if section.name == "challenges":
            for one in MAIN.challenges:
                same = [next((other for other in known if other.name == one.name), None) for known in values]
                yield from _section(one.name, same, told)
        elif is_dataclass(values[0]):
            yield from _section(section.name, values, told)
        else:
            yield section.name, [_text(value) for value in values], told[type(MAIN).__name__, section.name]


def _section(name: str, sections: list[Any], told: dict[tuple[str, str], str]) -> Iterator[tuple[str, list[str], str]]:
    main = sections[0]
    for field in fields(main):
        if field.name != "name":
            values = [NOTHING if one is None else _text(getattr(one, field.name)) for one in sections]
            yield f"{name}.{field.name}", values, told[type(main).__name__, field.name]


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else ", ".join(map(str, value)) if isinstance(value, tuple) else value


def render() -> str:
    """The whole page."""
    digests = "Digests: " + ", ".join(f"{name} `{one.digest.hex()}`" for name, one in COLUMNS.items()) + ".\n"
    units = "Units end the names: ms milliseconds, ppm millionths, nano 10⁻⁹, micros 10⁻⁶ aug, bp 10⁻⁴.\n"
    lines = [f"| figure | {' | '.join(COLUMNS)} | meaning |", f"| --- |{' ---: |' * len(COLUMNS)} --- |"]
    for name, (main, *others), meaning in rows():
        shown = [main, *(f"**{other}**" if other != main else other for other in others)]
        lines.append(f"| `{name}` | {' | '.join(shown)} | {meaning} |")
    return "\n".join([INTRODUCTION, digests, units, *lines, ""])


if __name__ == "__main__":
    print(render(), end="")
