"""Rounds and hotkeys by the first digits of their hex, as tables show them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from neurons.cli.sources import Source
from protocol.errors import InvalidSetting, NotFound, NotYetPublic
from protocol.messages import RoundSummary
from protocol.rules.rounds import SETTLED_STATES
from protocol.units import HOTKEY_BYTES, Hotkey, short

LATEST: Final = "latest"
PAGE: Final = 1_000
PAGES: Final = 20
"""A round is looked for among so many pages of the newest ones: two months of both challenges."""
_HEX: Final = re.compile(r"[0-9a-fA-F]{1,64}")


async def find_round(source: Source, text: str, *, challenge: str = "") -> RoundSummary:
    """The round of this id or unique prefix; `latest`: the newest one that is settled.

    Raises NotFound, InvalidSetting (no hex, or several rounds begin so).
    """
    if text == LATEST:
        return await _latest(source, challenge)
    wanted = _digits(text, "a round")
    found: dict[bytes, RoundSummary] = {}
    before_ms = 0
    for _ in range(PAGES):
        page = await source.rounds(challenge=challenge, before_ms=before_ms, limit=PAGE)
        found |= {r.round_id: r for r in page if r.round_id.hex().startswith(wanted)}
        if len(page) < PAGE or (found and len(wanted) == 64):
            break
        # Rounds of several challenges share an anchor, and a page may end between them.
        before_ms = page[-1].anchor_at_ms + 1
    if not found:
        raise NotFound(f"no round begins with {wanted[:8]} among the newest {PAGES * PAGE}", field="round_id")
    _require_one(found, wanted, "rounds")
    return next(iter(found.values()))


async def find_hotkey(source: Source, round_: RoundSummary, text: str) -> Hotkey:
    """The hotkey of this hex or unique prefix among those who have a standing in the round's challenge.

    Raises NotFound, InvalidSetting, and NotYetPublic before the round is settled: then nobody has anything to see.
    """
    wanted = _digits(text, "a hotkey")
    if len(wanted) == 2 * HOTKEY_BYTES:
        return Hotkey(bytes.fromhex(wanted))
    if round_.state not in SETTLED_STATES:
        raise NotYetPublic(
            f"round {short(round_.round_id)} is {round_.state}; its answers are told once it has resolved",
            state=round_.state,
        )
    told = await source.standings(round_.series, round_.challenge)
    found = [s.hotkey for s in told.standings if s.hotkey.hex().startswith(wanted)]
    if not found:
        raise NotFound(f"no hotkey of {round_.challenge} on {round_.series} begins with {wanted[:8]}", field="hotkey")
    _require_one(found, wanted, "hotkeys")
    return found[0]


async def _latest(source: Source, challenge: str) -> RoundSummary:
    newest = [r for state in SETTLED_STATES for r in await source.rounds(challenge=challenge, state=state, limit=1)]
    if not newest:
        raise NotYetPublic("no round has resolved yet")
    return max(newest, key=lambda r: r.anchor_at_ms)


def _digits(text: str, what: str) -> str:
    if not _HEX.fullmatch(text):
        raise InvalidSetting(f"{what} is named by the first of its 64 hex digits, not by {text[:70]!r}")
    return text.lower()


def _require_one(found: Iterable[bytes], wanted: str, what: str) -> None:
    several = sorted(identity.hex() for identity in found)
    if len(several) > 1:
        shown = ", ".join(identity[:12] for identity in several[:4])
        raise InvalidSetting(f"{len(several)} {what} begin with {wanted}: {shown}; give more digits")
