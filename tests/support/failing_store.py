"""Stores that fail on purpose, around one that works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neurons.ports import Store, StoreUnavailable
from neurons.records import Change


class PowerCut(BaseException):
    """The process is gone, in the middle of a write."""


class FailingStore:
    """Hands everything to `inner`; `before_apply` and `after_apply` may raise, told how many changes came so far."""

    def __init__(
        self,
        inner: Store,
        *,
        before_apply: Callable[[int], None] = lambda _: None,
        after_apply: Callable[[int], None] = lambda _: None,
        before_read: Callable[[], None] = lambda: None,
    ) -> None:
        self.inner, self.applied = inner, 0
        self._before, self._after, self._before_read = before_apply, after_apply, before_read

    async def apply(self, change: Change) -> None:
        self.applied += 1
        self._before(self.applied)
        await self.inner.apply(change)
        self._after(self.applied)

    def __getattr__(self, name: str) -> Any:
        self._before_read()
        return getattr(self.inner, name)


def power_cut_at(number: int) -> Callable[[int], None]:
    """Cuts the power at the change of this number."""

    def cut(applied: int) -> None:
        if applied == number:
            raise PowerCut

    return cut


def full_while(is_full: Callable[[], bool]) -> Callable[..., None]:
    """No room on the disk while that holds."""

    def refuse(*_: int) -> None:
        if is_full():
            raise StoreUnavailable("no space left on device")

    return refuse
