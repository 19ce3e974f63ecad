"""News of all open streams without end: a watch that breaks is opened again, after a pause that grows to a minute."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Final

from neurons.client.crawler.events import LONGEST_REASON, WatchBroken
from neurons.client.news import Told
from neurons.client.stream_reader import StreamReader
from neurons.ports import Clock
from protocol.errors import AuguryError
from protocol.messages import ALL_STREAMS
from protocol.units import MINUTE_MS, SECOND_MS

FIRST_PAUSE_MS: Final = SECOND_MS
LONGEST_PAUSE_MS: Final = MINUTE_MS


async def follow(
    reader: StreamReader,
    *,
    clock: Clock,
    silence_ms: int,
    opening: Callable[[], None],
    opened: Callable[[], None],
    hear: Callable[[Told], None],
    broken: Callable[[WatchBroken], None],
) -> None:
    """Hears until cancelled. silence_ms: after so long without news the watch is opened again.

    opening: called when a watch is asked for.  opened: called before the first news of it is heard, which shows that
    nothing is missed from there on.
    """
    pause_ms = FIRST_PAUSE_MS
    while True:
        is_first = True
        opening()
        news = reader.watch(ALL_STREAMS, silence_ms=silence_ms)
        try:
            async for told in news:
                if is_first:
                    is_first, pause_ms = False, FIRST_PAUSE_MS
                    opened()
                hear(told.message)
            reason = "the validator ended it"
        except AuguryError as error:
            reason = f"{error.code}: {error}"[:LONGEST_REASON]
        finally:
            if isinstance(news, AsyncGenerator):
                await news.aclose()
        broken(WatchBroken(reason=reason, pause_ms=pause_ms))
        await clock.sleep_until(clock.now_ms() + pause_ms)
        pause_ms = min(2 * pause_ms, LONGEST_PAUSE_MS)
