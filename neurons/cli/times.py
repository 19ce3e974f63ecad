"""Instants as people type them (`2025-06-15`, `2025-06-15T12:05Z`, epoch ms as `--json` has them), and spans (`5m`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from protocol.errors import InvalidSetting
from protocol.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, UnixMs

_DURATION: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNIT_MS: Final = {"ms": 1, "s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}


def read_instant(text: str, *, setting: str) -> UnixMs:
    """The instant, in UTC unless it names another zone. setting: the option it was given to.

    Raises InvalidSetting for anything else.
    """
    if text.isdecimal() and len(text) > 8:
        return UnixMs(int(text))
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidSetting(
            f"--{setting}: {text[:40]!r} is no instant: write 2025-06-15, 2025-06-15T12:05Z or epoch milliseconds",
            setting=setting,
        ) from error
    return UnixMs(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000))


def read_duration(text: str, *, setting: str) -> int:
    """Milliseconds of 500ms, 90s, 5m, 1h or 2d. setting: the option it was given to. Raises InvalidSetting."""
    found = _DURATION.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise InvalidSetting(f"--{setting}: {text[:40]!r} is no span: write 90s, 5m, 1h or 2d", setting=setting)
    return int(found[1]) * _UNIT_MS[found[2]]
