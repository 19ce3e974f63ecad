"""An explanation's figures put into their formulas, so that whoever reads it can follow, and we have followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from neurons.cli.figures import decimal, money, percent
from protocol.messages import ExplainLine
from protocol.units import NANO

Lines = Mapping[tuple[str, str], int]

LAST_DIGITS: Final = 5
"""How far a result may be off in its last digits, because what goes in was rounded too."""


@dataclass(frozen=True, slots=True)
class Step:
    """One formula with numbers in it, and whether its result is the line's to the last few digits."""

    name: str
    formula: str
    agrees: bool


def worked(lines: Sequence[ExplainLine]) -> list[Step]:
    """Every formula whose figures are all among the lines."""
    values = {(line.section, line.name): line.value for line in lines}
    silent = not values.get(("loss", "your loss"), 0)
    steps = [] if silent else list(_loss(values))
    return [*steps, *_memory(values), *_sharing(values), *_pay(values)]


def _loss(v: Lines) -> Iterator[Step]:
    if ("loss by step", "all steps, yours") in v:
        uncut, cap, mine = v["loss by step", "all steps, yours"], v["loss", "cap"], v["loss", "your loss"]
        yield Step("your loss", f"min({nano(uncut)}, {nano(cap)}) = {nano(mine)}", min(uncut, cap) == mine)
    if ("loss", "gain") in v:
        baseline, mine, gain = v["loss", "baseline loss"], v["loss", "your loss"], v["loss", "gain"]
        share = percent(gain, baseline, sign=True)
        formula = f"{nano(baseline)} - {nano(mine)} = {nano(gain)}, {share} of the baseline's"
        yield Step("gain", formula, baseline - mine == gain)


def _memory(v: Lines) -> Iterator[Step]:
    if ("memory", "blocks") not in v or not v["memory", "mean baseline loss"]:
        return
    mean, error, t = v["memory", "mean gain"], v["memory", "standard error"], v["memory", "t quantile"]
    bound, baseline, skill = v["memory", "lower bound"], v["memory", "mean baseline loss"], v["memory", "proven skill"]
    yield Step(
        "lower bound",
        f"{nano(mean)} - {nano(t)} x {nano(error)} = {nano(bound)}",
        abs(mean * NANO - t * error - bound * NANO) <= LAST_DIGITS * NANO,
    )
    kept = max(0, bound)
    yield Step(
        "proven skill",
        f"{nano(kept)} / {nano(baseline)} = {nano(skill)}",
        _close(kept * NANO, skill * baseline, baseline),
    )


def _sharing(v: Lines) -> Iterator[Step]:
    """Each part, all of them to the last digit, and the skill that is left."""
    if ("sharing", "divisor") not in v:
        return
    skill, divisor, shared = v["memory", "proven skill"], v["sharing", "divisor"], v["sharing", "shared skill"]
    if ("sharing", "the rest") in v:
        named = [name.removesuffix(", part") for section, name in v if section == "shared with" and ", part" in name]
        parts = {name: v["shared with", f"{name}, part"] for name in named}
        for name, part in parts.items():
            rho, its = v["shared with", f"{name}, rho"], min(skill, v["shared with", f"{name}, skill"])
            if its:
                formula = f"{nano(rho)} x {nano(its)} / {nano(skill)} = {nano(part)}"
                yield Step(name, formula, _close(rho * its, part * skill, skill))
        terms = [NANO, *(part for part in parts.values() if part), v["sharing", "the rest"]]
        yield Step("divisor", f"{' + '.join(map(nano, terms))} = {nano(divisor)}", sum(terms) == divisor)
    yield Step(
        "shared skill",
        f"{nano(skill)} / {nano(divisor)} = {nano(shared)}",
        _close(skill * NANO, shared * divisor, divisor),
    )


def _pay(v: Lines) -> Iterator[Step]:
    if ("pay", "for skill") not in v:
        return
    shared = v["sharing", "shared skill"]
    pool, full, everybodys = v["pay", "skill pool"], v["pay", "full pay"], v["sharing", "everybody's"]
    for_skill, part, accrued = v["pay", "for skill"], v["pay", "for taking part"], v["pay", "accrued"]
    whole = max(full, everybodys)
    yield Step(
        "for skill",
        f"{money(pool)} x {nano(shared)} / {nano(whole)} = {money(for_skill)}",
        _close(pool * shared, for_skill * whole, whole),
    )
    yield Step("accrued", f"{money(for_skill)} + {money(part)} = {money(accrued)}", for_skill + part == accrued)


def _close(left: int, right: int, unit: int) -> bool:
    return abs(left - right) <= LAST_DIGITS * unit


def nano(value: int) -> str:
    """With all nine digits."""
    return decimal(value, NANO, 9)
