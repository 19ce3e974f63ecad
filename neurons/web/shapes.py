"""What the validator says, in the shapes that the clients parse: plain values for JSON, and nothing asked of anybody.

Their amounts are points as floats, their times epoch seconds, their newest first. A number is always finite here: where
the original said NaN, there is no value, and the answer is that nothing was found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from neurons.web.door import Refusal
from neurons.web.problems import OWN_FAULT, is_own_fault
from neurons.web.taking_part import word_of
from protocol.errors import AuguryError
from protocol.messages import (
    BoardLine,
    CdfAnswer,
    LagLine,
    LinkLine,
    NoticeLine,
    Percentile,
    PerformanceLine,
    PredictionLine,
    TransactionDay,
    TransactionLine,
)
from protocol.params import NetworkParams
from protocol.rules.points import MIN_BALANCE_MICROS
from protocol.rules.stream_records import Operation
from protocol.rules.stream_values import ValueKind, history_fields, read_value
from protocol.units import DAY_MS, MICRO, SECOND_MS, Micros, UnixMs

Json = Any
"""What `json` writes."""

_SAID_OF_ERRORS: Final = ", error "
"""What stands before the sentence in a line of the error log."""
SHORT: Final = 10
"""Lines of each list on a home page; a stream's summary shows half as many."""


def points(amount: Micros) -> float:
    """Micro-points as the clients' points."""
    return amount / MICRO


def seconds(at_ms: UnixMs) -> float:
    """An instant in epoch seconds."""
    return at_ms / SECOND_MS


def config(params: NetworkParams) -> Json:
    """What a client asks before anything else: how many numbers, which horizons, how difficult a key."""
    limits = params.streams
    return {
        "num_predictions": limits.num_predictions,
        "delays": list(limits.delays),
        "min_len": limits.stream_difficulty,
        "min_balance": points(MIN_BALANCE_MICROS),
        "network": params.network,
    }


def value(line: LagLine) -> float | str:
    """A lag as a number where it is one, else its text."""
    text = line.value.decode()
    found = read_value(text)
    return found.numbers[0] if found.kind is ValueKind.SCALAR else text


def lagged(lines: Iterable[LagLine]) -> Json:
    """(time, value) pairs."""
    return [[seconds(line.at_ms), value(line)] for line in lines]


def history(lines: Iterable[LagLine]) -> Json:
    """(id, fields) of each value that is no number."""
    found = [(line, read_value(line.value.decode())) for line in lines]
    return [
        [f"{line.at_ms}-0", dict(history_fields(read))] for line, read in found if read.kind is not ValueKind.SCALAR
    ]


def cdf(answer: CdfAnswer) -> Json:
    """Two lists, both ascending."""
    return {"x": list(answer.values), "y": list(answer.probabilities)}


def board(places: Iterable[BoardLine]) -> Json:
    """Name -> points, the best first. Two keys of one name are told apart by the digits that the validator adds."""
    return {place.name: points(place.score_micros) for place in places}


def horizons(lines: Iterable[PerformanceLine]) -> Json:
    """`70::cop.json` -> points."""
    return {line.horizon: points(line.amount_micros) for line in lines}


def links(lines: Iterable[LinkLine], name: str, delay: int) -> Json:
    """Target -> weight, which is 1, of the links from a stream at a delay."""
    return {line.target: 1.0 for line in lines if (line.name, line.delay) == (name, delay)}


def backlinks(lines: Iterable[LinkLine], target: str) -> Json:
    """The readings that point at a stream, such as `delayed::70::cop.json` -> weight."""
    return {f"delayed::{line.delay}::{line.name}": 1.0 for line in lines if line.target == target}


def published(name: str, text: str, percentiles: Iterable[Percentile], delays: Sequence[int]) -> Json:
    """The answer to a value: where it fell, by the place of the horizon. The write key is not said back."""
    fell = {str(delays.index(one.delay)): one.percentile for one in percentiles if one.name == name}
    return {"name": name, "value": text, "percentiles": fell}


def done(operation: str, name: str, **more: Json) -> Json:
    """The answer to an act that has no other."""
    return {"operation": str(operation), "name": name, "success": True, **more}


def transactions(lines: Iterable[TransactionLine], days: Iterable[TransactionDay], recipient: str) -> Json:
    """(id, fields) of settlements, then of days in which older ones are summed up; recipient: the key's code.

    A day has no value, no window and nobody close to it; `settlements` says how many it is the sum of.
    """
    return [*_settlements(lines, recipient), *_settled_days(days, recipient)]


def _settled_days(days: Iterable[TransactionDay], recipient: str) -> Iterator[Json]:
    unknown = ("budget", "value", "window", "mass", "density", "average", "submissions_count", "submissions_close")
    for line in days:
        began_ms = UnixMs(line.day * DAY_MS)
        yield [
            f"{began_ms}-0",
            {
                "settlement_time": _moment(began_ms),
                "amount": points(line.amount_micros),
                "stream": line.stream,
                "delay": line.delay,
                **dict.fromkeys(unknown),
                "reliable": 1,
                "stream_owner_code": line.stream_owner,
                "recipient_code": recipient,
                "rule": "",
                "settlements": line.settlements,
            },
        ]


def _settlements(lines: Iterable[TransactionLine], recipient: str) -> Json:
    return [
        [
            f"{line.settlement_time_ms}-0",
            {
                "settlement_time": _moment(line.settlement_time_ms),
                "amount": points(line.amount_micros),
                "budget": points(line.budget_micros),
                "stream": line.stream,
                "delay": line.delay,
                "value": line.value,
                "window": line.window,
                "mass": line.mass,
                "density": line.density,
                "average": line.average,
                "reliable": 1,
                "submissions_count": line.submissions_count,
                "submissions_close": line.submissions_close,
                "stream_owner_code": line.stream_owner,
                "recipient_code": recipient,
                "rule": line.rule,
                "settlements": 1,
            },
        ]
        for line in lines
    ]


def confirms(lines: Iterable[NoticeLine], *, now_ms: int) -> Json:
    """What was taken, each as a text of JSON. A withdrawal has a second one, once it counts."""
    told = [(line.at_ms, _notice(line, "message")) for line in lines]
    for line in lines:
        word = word_of(line)
        if word is not None and line.operation == Operation.WITHDRAW and word.counts_from_ms <= now_ms:
            cancelled = NoticeLine(Operation.CANCEL, word.counts_from_ms, line.about)
            told.append((word.counts_from_ms, _notice(cancelled, "message")))
    return [json.dumps(one) for _, one in sorted(told, key=lambda pair: pair[0], reverse=True)]


def warnings(lines: Iterable[NoticeLine]) -> Json:
    """What happened to the key without its doing."""
    return [_notice(line, "warning") for line in lines]


def errors(lines: Iterable[NoticeLine], refusals: Iterable[Refusal]) -> Json:
    """What was refused, by the validator's log and at this door."""
    told = [(line.at_ms, _notice(line, "error")) for line in lines]
    for one in refusals:
        about = {"operation": one.operation, "name": one.subject, **_times(one.at_ms), **error(one.error)}
        told.append((one.at_ms, about))
    return [one for _, one in sorted(told, key=lambda pair: pair[0], reverse=True)]


def error(problem: AuguryError) -> Json:
    """A refusal, for people and for programs."""
    limits = {name: str(one) for name, one in problem.fields.items() if name in ("field", "limit", "reason")}
    sentence = OWN_FAULT if is_own_fault(problem) else problem.public
    return {"success": False, "error": sentence, "code": problem.code, **limits}


def tickets(lines: Iterable[PredictionLine]) -> Json:
    """Scenarios as `rank::owner` -> value, the rank among the owner's own."""
    return {f"{rank}::{line.owner.hex()}": one for line in lines for rank, one in enumerate(line.values)}


def shortened(shown: Json, most: int = SHORT) -> Json:
    """The first of a list or a table."""
    if isinstance(shown, Mapping):
        return dict(list(shown.items())[:most])
    return shown[:most] if isinstance(shown, list) else shown


def _notice(line: NoticeLine, said: str) -> Json:
    word, sentence = word_of(line), line.about.rpartition(_SAID_OF_ERRORS)[2] if said == "error" else line.about
    about = {} if word is None else {"name": word.name, "delay": word.delay, "delays": [word.delay]}
    return {"operation": str(line.operation), **_times(line.at_ms), **about, said: sentence}


def _times(at_ms: UnixMs) -> dict[str, Json]:
    return {"time": _moment(at_ms), "epoch_time": seconds(at_ms)}


def _moment(at_ms: UnixMs) -> str:
    """The instant as the original wrote it: UTC, to the microsecond."""
    return datetime.fromtimestamp(at_ms / SECOND_MS, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
