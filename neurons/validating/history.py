"""The agreed closes of one series, as the validator holds them in memory: what sigma, anchors and truth are read from.

The store has them all; this is the bounded window that open and opening rounds need. A grid instant is agreed (it has
a price), missing (looked for and not agreed) or unknown (not looked for yet); the last two are never the same thing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from neurons.market.calendars import LONGEST_REST_MS
from protocol.errors import TooLittleHistory
from protocol.params import NetworkParams
from protocol.rules.baselines import ewma_sigma_pico
from protocol.rules.exact import log_return_nano
from protocol.units import Digest, Nano, Pico, PriceE8, UnixMs


class CloseHistory:
    """A gapless grid of closes, oldest first; `add` extends it at the newer end and lets the oldest go."""

    def __init__(self, series: str, params: NetworkParams) -> None:
        self.series = series
        self._params = params
        self._step_ms = params.time.step_ms
        span = max(params.loss.sigma_window_steps, params.time.min_history_steps)
        self._keep = span + 2 * params.time.steps + 2 * params.time.void_after_ms // self._step_ms
        self._first_ms = 0
        self._closes: list[PriceE8 | None] = []
        self._returns: list[Nano | None] = []
        self._sigmas: dict[tuple[int, int], tuple[Pico, Digest]] = {}

    @property
    def reach_ms(self) -> int:
        """How far back the window reaches: no older close is needed at a start."""
        return self._keep * self._step_ms

    @property
    def newest_ms(self) -> UnixMs | None:
        """The newest instant that is agreed or missing; None before the first."""
        return UnixMs(self._first_ms + (len(self._closes) - 1) * self._step_ms) if self._closes else None

    def add(self, close_at_ms: int, close_e8: PriceE8 | None) -> None:
        """Takes the next instant's close, None when it is missing. Instants that were skipped are missing.

        An instant already held is replaced (a close agreed late). Raises ValueError (ours) off the grid.
        """
        if close_at_ms % self._step_ms:
            raise ValueError(f"{close_at_ms} is not on the {self._step_ms} ms grid")
        self._sigmas.clear()
        if not self._closes:
            self._first_ms = close_at_ms
        at = (close_at_ms - self._first_ms) // self._step_ms
        if at < 0:
            return
        while len(self._closes) < at:
            self._push(None)
        if at == len(self._closes):
            self._push(close_e8)
        else:
            self._closes[at] = close_e8
            self._recompute(at)
            self._recompute(at + 1)
        if len(self._closes) > self._keep + 512:
            surplus = len(self._closes) - self._keep
            del self._closes[:surplus], self._returns[:surplus]
            self._first_ms += surplus * self._step_ms

    def close(self, at_ms: int) -> PriceE8 | None:
        """The agreed close at an instant; None when it is missing or unknown."""
        at, off = divmod(at_ms - self._first_ms, self._step_ms)
        return self._closes[at] if off == 0 and 0 <= at < len(self._closes) else None

    def closes(self, instants_ms: Sequence[int]) -> list[PriceE8 | None]:
        """`close` for each instant."""
        return [self.close(at) for at in instants_ms]

    def sigma(self, until_ms: int, *, history_steps: int = 0) -> tuple[Pico, Digest]:
        """Sigma from the closes up to and including `until_ms`, and the digest of exactly those closes.

        history_steps: how many of the `min_history_steps` before it lay in session, 0 for all of them. Where some did
        not, instants after the newest one held are taken to be out of session: see `opening.sigma_of`.
        Raises TooLittleHistory when `until_ms` is not known yet, when fewer than `min_history_steps` lie behind it, or
        when under nine tenths of those in session are agreed.
        """
        key = until_ms, history_steps
        if key not in self._sigmas:
            self._sigmas[key] = self._computed_sigma(until_ms, history_steps)
        return self._sigmas[key]

    def _computed_sigma(self, until_ms: int, history_steps: int) -> tuple[Pico, Digest]:
        params = self._params
        end, off = divmod(until_ms - self._first_ms, self._step_ms)
        beyond = end + 1 - len(self._closes)
        if off or not self._closes or beyond > (LONGEST_REST_MS // self._step_ms if history_steps else 0):
            raise TooLittleHistory(f"{self.series}: the close at {until_ms} is not known yet", series=self.series)
        steps = params.time.min_history_steps
        want = history_steps or steps
        window = self._closes[max(0, end - steps) : end + 1]
        agreed = len(window) - window.count(None)
        if end < steps or agreed * 1_000_000 < params.time.resolve_quorum_ppm * want:
            raise TooLittleHistory(
                f"{self.series}: {agreed} agreed closes in the {steps} steps before {until_ms}; a round needs "
                f"{params.time.resolve_quorum_ppm / 10_000:g}% of the {want} that {steps} steps of history hold",
                series=self.series,
                agreed=agreed,
                wanted=want,
            )
        start = max(0, end + 1 - params.loss.sigma_window_steps)
        rest: list[None] = [None] * beyond
        returns = [*self._returns[start : end + 1], *rest]
        sigma = ewma_sigma_pico(returns, half_life_steps=params.loss.sigma_half_life_steps)
        return sigma, self._digest(start, end, rest)

    def _digest(self, start: int, end: int, rest: Sequence[None]) -> Digest:
        """SHA-256 over the first instant and eight little-endian bytes a close, zero for a missing one."""
        first = max(0, start - 1)
        told = [*self._closes[first : end + 1], *rest]
        text = np.array([close or 0 for close in told], dtype="<i8").tobytes()
        at = (self._first_ms + first * self._step_ms).to_bytes(8, "little")
        return Digest(hashlib.sha256(b"augury/history/1\0" + self.series.encode() + b"\0" + at + text).digest())

    def _push(self, close_e8: PriceE8 | None) -> None:
        self._closes.append(close_e8)
        self._returns.append(None)
        self._recompute(len(self._closes) - 1)

    def _recompute(self, at: int) -> None:
        if 0 < at < len(self._closes):
            now, before = self._closes[at], self._closes[at - 1]
            self._returns[at] = None if now is None or before is None else log_return_nano(now, before)
