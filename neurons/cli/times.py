"""Instants as people type them: `2025-06-15`, `2025-06-15T12:05Z`, or epoch milliseconds as `--json` shows them."""

from __future__ import annotations

from datetime import UTC, datetime

from protocol.errors import InvalidSetting
from protocol.units import UnixMs


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
