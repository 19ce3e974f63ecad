"""What a crawler does next, decided from what it knows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from neurons.client.crawler.horizons import Horizon, Key, spacing_ms


def due_at_ms(
    horizon: Horizon, *, heard: int, received_ms: int, now_ms: int, window_ms: tuple[int, int], every: int
) -> int | None:
    """When a forecast from a stream's newest value is to be made, at `now_ms` or later; None when there is to be none.

    heard: how many values of the stream were.  received_ms: when the newest was.  window_ms: the earliest and the
    latest time after it.  every: after how many values a forecast is renewed.
    The first forecast is made at the first value; two are so far apart that quarantine has room for both.
    """
    at_ms = max(now_ms, received_ms + window_ms[0])
    if horizon.submitted_at_ms is not None:
        if heard - horizon.submitted < every:
            return None
        at_ms = max(at_ms, horizon.submitted_at_ms + spacing_ms(horizon.delay))
    return at_ms if at_ms <= received_ms + window_ms[1] else None


def in_order(importance: Mapping[str, float], chance: np.random.Generator) -> list[str]:
    """Names, the most important first; equal ones by chance."""
    names = sorted(importance)
    drawn = dict(zip(names, chance.random(len(names)).tolist(), strict=True))
    return sorted(names, key=lambda name: (-importance[name], drawn[name]))


def turns(due: Sequence[Key], most: int) -> list[Key]:
    """Whose turn it is, the shortest delays first; the turn of those left over comes next."""
    return sorted(due, key=lambda key: (key[1], key[0]))[:most]
