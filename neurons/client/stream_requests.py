"""What a `StreamWriter` sends, made of what people have: values of numbers, lists and objects, batches of forecasts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocol.answers import answer_of
from protocol.errors import InvalidAnswer, InvalidRequest
from protocol.messages import MAX_ROWS, SAMPLES, NamedValue, SubmitRequest
from protocol.params import WireParams
from protocol.rules.scenarios import MAX_SCENARIOS, sorted_scenarios
from protocol.rules.stream_names import horizon_name
from protocol.rules.stream_values import read_value
from protocol.units import MICRO, Micros

BATCH_OVERHEAD_BYTES: Final = 1_024
"""What a batch takes beside its rows: kind, shape, sequence and lengths."""
ROW_OVERHEAD_BYTES: Final = 8
"""What a row takes beside its numbers and its horizon's name."""

Publishable = float | str | Sequence[float] | NDArray[Any] | Mapping[str, object]
"""What can be published: a number, text, a list of numbers, an object."""


def value_text(value: Publishable) -> str:
    """The text of a value: of a number the shortest that reads back as the same float, JSON of a list or an object.

    Raises InvalidRequest (the publisher's fault) for a number that is not finite, alone or within, and for what is too
    large or no value at all: before anything is sent.
    """
    if isinstance(value, str):
        return read_value(value).text
    try:
        if isinstance(value, Mapping):
            text = json.dumps(value)
        elif isinstance(value, Sequence | np.ndarray) and np.ndim(value):
            text = json.dumps([float(one) for one in value])
        else:
            text = repr(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidRequest(
            f"a value is a number, text, a list of numbers or an object, not {value!r:.60}", field="value"
        ) from error
    return read_value(text).text


def budget_micros(budget: float) -> Micros:
    """A budget in micros. Raises InvalidRequest (the publisher's fault) unless it is a positive number."""
    if not 0.0 < budget < float("inf"):
        raise InvalidRequest(f"a budget is a positive number, was {budget!r:.40}", field="budget")
    return Micros(round(budget * MICRO))


def named_value(name: str, value: Publishable, *, budget: float = 1.0, rule: str = "") -> NamedValue:
    """A value for a stream. Raises InvalidRequest and Malformed (the publisher's fault) as its parts do."""
    return NamedValue(name, value_text(value).encode(), budget_micros(budget), rule)


@dataclass(slots=True)
class Batch:
    """Horizons whose scenarios travel together: as many as fit a body, all of one count."""

    horizons: list[str] = field(default_factory=list)
    rows: list[NDArray[np.float64]] = field(default_factory=list)
    size_bytes: int = BATCH_OVERHEAD_BYTES

    def takes(self, row_bytes: int, scenarios: int, wire: WireParams) -> bool:
        is_alike = not self.rows or self.rows[0].size == scenarios
        return is_alike and len(self.rows) < MAX_ROWS and self.size_bytes + row_bytes <= wire.max_body_bytes

    def request(self, sequence: int) -> SubmitRequest:
        answer = answer_of(np.stack(self.rows))
        return SubmitRequest(SAMPLES, "", b"", answer, tuple(self.horizons), sequence)


def batches(forecasts: Mapping[tuple[str, int], ArrayLike], wire: WireParams) -> list[Batch]:
    """Forecasts by (name, delay), in as few batches as the wire takes, each row sorted as it is kept.

    Raises InvalidAnswer (the forecaster's fault) for numbers that are not finite or too many, fields horizon and those
    of `sorted_scenarios`: before anything is sent.
    """
    made: list[Batch] = []
    for horizon, row in _rows(forecasts):
        row_bytes = row.nbytes + len(horizon.encode()) + ROW_OVERHEAD_BYTES
        if not made or not made[-1].takes(row_bytes, row.size, wire):
            made.append(Batch())
        made[-1].horizons.append(horizon)
        made[-1].rows.append(row)
        made[-1].size_bytes += row_bytes
    return made


def _rows(forecasts: Mapping[tuple[str, int], ArrayLike]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """(horizon, sorted scenarios), those of one count together."""
    rows = []
    for (name, delay), values in forecasts.items():
        horizon = horizon_name(name, delay)
        count = int(np.size(values))
        if not 1 <= count <= MAX_SCENARIOS:
            raise InvalidAnswer(f"{horizon}: want 1 to {MAX_SCENARIOS} scenarios, were {count}", limit=MAX_SCENARIOS)
        try:
            rows.append((horizon, sorted_scenarios(values, count=count)))
        except InvalidAnswer as error:
            raise InvalidAnswer(f"{horizon}: {error}", horizon=horizon, **error.fields) from error
    return iter(sorted(rows, key=lambda row: row[1].size))
