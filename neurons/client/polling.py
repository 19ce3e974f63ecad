"""Polls: a function of yours becomes a stream, or several.

    async with StreamWriter(validator, key, name_nonce=nonce) as writer:
        await MicroPoll(read_thermometer, 5 * MINUTE_MS, name="thermometer.json", writer=writer).run()

MicroPoll        what the function returns
ChangePoll       how much that changed since the last reading
MultiPoll        several numbers of one instant, each to its stream
MultiChangePoll  their changes
PandasLoop       the rows of a table, one after another, for ever

All take the options of `Poll` besides their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from neurons.client.changes import SCALAR_THRESHOLD, VECTOR_THRESHOLD, Feed, Reading
from neurons.client.poll_loop import Poll, Publisher
from neurons.client.stream_requests import Publishable
from neurons.clock import SystemClock
from neurons.ports import Clock
from protocol.errors import InvalidRequest
from protocol.messages import StreamActReply
from protocol.rules.stream_names import check_plain_name, full_name

MIN_ROWS: Final = 10_000
"""A table that repeats itself sooner can be learnt by heart."""
MAX_COLUMNS: Final = 10


class MicroPoll(Poll):
    """Publishes what a function returns: a number, text, a list of numbers or an object; None touches the stream."""

    def __init__(
        self,
        func: Callable[[], Any],
        interval_ms: int,
        *,
        name: str,
        writer: Publisher,
        budget: float = 1.0,
        rule: str = "",
        with_percentiles: bool = False,
        **options: Any,
    ) -> None:
        """func, interval_ms, options: of `Poll`.  name, budget, rule, with_percentiles: of `StreamWriter.publish`."""
        self.name = check_plain_name(full_name(name))
        self._budget, self._rule, self._with_percentiles = budget, rule, with_percentiles
        super().__init__(func, interval_ms, names=[self.name], writer=writer, **options)

    def decide(self, reading: Any) -> Mapping[str, Publishable] | None:
        return None if reading is None else {self.name: reading}

    async def publish(self, values: Mapping[str, Publishable]) -> StreamActReply:
        return await self._writer.publish(
            self.name,
            values[self.name],
            budget=self._budget,
            rule=self._rule,
            with_percentiles=self._with_percentiles,
        )


class ChangePoll(MicroPoll):
    """Publishes by how much a number changed, while it changes: see `Feed`."""

    def __init__(
        self, func: Callable[[], Any], interval_ms: int, *, threshold: float = SCALAR_THRESHOLD, **options: Any
    ) -> None:
        """threshold: a smaller change is none.  options: of `MicroPoll`."""
        super().__init__(func, interval_ms, **options)
        self._feed = Feed(threshold)

    def decide(self, reading: Any) -> Mapping[str, Publishable] | None:
        self._feed, changes = self._feed.after(_numbers([reading], 1))
        return None if changes is None else {self.name: changes[0]}

    def forget(self) -> None:
        self._feed, _ = self._feed.after(None)


class MultiPoll(Poll):
    """Publishes several numbers of one instant, one to each stream; if any of them is None, all are touched."""

    def __init__(
        self,
        func: Callable[[], Any],
        interval_ms: int,
        *,
        names: Sequence[str],
        writer: Publisher,
        budgets: Mapping[str, float] | None = None,
        with_percentiles: bool = False,
        with_copulas: bool = False,
        **options: Any,
    ) -> None:
        """func: returns as many numbers as there are names, or None.  The others: of `StreamWriter.publish_set`."""
        whole = [check_plain_name(full_name(name)) for name in names]
        if not whole or len(set(whole)) < len(whole):
            raise InvalidRequest("want names, all of them different", field="names")
        self._budgets = None if budgets is None else {full_name(name): budget for name, budget in budgets.items()}
        self._with_percentiles, self._with_copulas = with_percentiles, with_copulas
        super().__init__(func, interval_ms, names=whole, writer=writer, **options)

    def decide(self, reading: Any) -> Mapping[str, Publishable] | None:
        numbers = _numbers(reading, len(self.names))
        return None if numbers is None else dict(zip(self.names, numbers, strict=True))

    async def publish(self, values: Mapping[str, Publishable]) -> StreamActReply:
        return await self._writer.publish_set(
            values,
            budgets=self._budgets,
            with_percentiles=self._with_percentiles,
            with_copulas=self._with_copulas,
        )


class MultiChangePoll(MultiPoll):
    """Publishes by how much several numbers changed, while at least `moving` of them do: see `Feed`."""

    def __init__(
        self,
        func: Callable[[], Any],
        interval_ms: int,
        *,
        numbers: int | None = None,
        threshold: float = VECTOR_THRESHOLD,
        moving: int = 1,
        change_func: Callable[[Reading], Sequence[float]] | None = None,
        **options: Any,
    ) -> None:
        """numbers: how many the function returns; as many as there are names unless given.

        change_func: makes of the changes what is published, a number for each name.  options: of `MultiPoll`.
        """
        super().__init__(func, interval_ms, **options)
        self._numbers = len(self.names) if numbers is None else numbers
        self._change_func = change_func
        self._feed = Feed(threshold, moving)

    def decide(self, reading: Any) -> Mapping[str, Publishable] | None:
        self._feed, changes = self._feed.after(_numbers(reading, self._numbers))
        if changes is None:
            return None
        return super().decide(changes if self._change_func is None else self._change_func(changes))

    def forget(self) -> None:
        self._feed, _ = self._feed.after(None)


class Table(Protocol):
    """What `PandasLoop` needs of a `pandas.DataFrame`."""

    @property
    def columns(self) -> Any: ...

    def to_numpy(self) -> Any: ...


class PandasLoop(MultiPoll):
    """Publishes the rows of a table by the clock, and begins again at its end: a column is a stream.

    Which row an instant has depends on nothing but the clock, so a loop that was stopped goes on where it would be.
    """

    def __init__(
        self, table: Table, interval_ms: int, *, clock: Clock | None = None, origin_ms: int = 0, **options: Any
    ) -> None:
        """table: more than 10,000 rows, 1 to 10 columns named like streams.  origin_ms: when its first row is due.

        options: of `MultiPoll`, but its names.
        """
        names = [str(name) for name in table.columns]
        self._rows = table.to_numpy()
        if len(self._rows) <= MIN_ROWS:
            raise InvalidRequest(
                f"want more than {MIN_ROWS} rows, were {len(self._rows)}", field="rows", limit=MIN_ROWS
            )
        if not 1 <= len(names) <= MAX_COLUMNS:
            raise InvalidRequest(
                f"want 1 to {MAX_COLUMNS} columns, were {len(names)}", field="columns", limit=MAX_COLUMNS
            )
        self._row_ms, self._row_origin_ms = interval_ms, origin_ms
        ticking = SystemClock() if clock is None else clock
        super().__init__(self.row, interval_ms, names=names, clock=ticking, origin_ms=origin_ms, **options)

    async def row(self) -> list[float | None]:
        """The row that is due now; None where a number is missing."""
        place = (self._clock.now_ms() - self._row_origin_ms) // self._row_ms % len(self._rows)
        return [None if number is None or math.isnan(number) else float(number) for number in self._rows[place]]


def _numbers(reading: Any, count: int) -> Reading | None:
    """The numbers of a reading; None when one is missing. Raises InvalidRequest (the function's fault) otherwise."""
    if reading is None:
        return None
    numbers = list(reading)
    if len(numbers) != count:
        raise InvalidRequest(f"want {count} numbers, were {len(numbers)}", field="values", limit=count)
    if any(number is None for number in numbers):
        return None
    found = tuple(float(number) for number in numbers)
    if not all(map(math.isfinite, found)):
        raise InvalidRequest(f"want finite numbers, were {numbers!r:.60}", field="values")
    return found
