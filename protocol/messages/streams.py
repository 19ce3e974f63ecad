"""What anyone does to open streams: signed acts, each with the sender's own number, and the receipt for one.

Scenarios travel as a `SubmitRequest` of many horizons, everything else as one act of a `StreamActRequest`. Here sizes
and ranges are checked; what a name, a value or a delay may be, and whose it is, `protocol/rules` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from protocol.errors import Malformed
from protocol.messages.checks import SIGNATURE_BYTES, positive, rows, sized, some_rows, text
from protocol.messages.header import Purpose
from protocol.messages.parts import Receipt, RefusedPart
from protocol.units import HOTKEY_BYTES, Hotkey, Micros, UnixMs

MAX_VALUE_BYTES: Final = 100_000
NAME_NONCE_BYTES: Final = 8
"""The nonce of a memorable name, big-endian, as it is hashed."""


def value_text(name: str, value: bytes) -> None:
    """Raises Malformed unless these are the UTF-8 bytes of a text of 1 to 99,999 bytes."""
    if not 0 < len(value) < MAX_VALUE_BYTES:
        raise Malformed(f"{name} must be 1 to {MAX_VALUE_BYTES - 1} bytes, were {len(value)}", field=name)
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"{name} must be UTF-8: {error.reason}", field=name) from error


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A value for a stream. value: the UTF-8 bytes of its text.  budget_micros: what its settlements multiply by.

    rule: by which its pots are settled, chosen with the first value; empty for the stream's own.
    """

    name: str
    value: bytes
    budget_micros: Micros
    rule: str = ""

    def __post_init__(self) -> None:
        text("name", self.name)
        if self.rule:
            text("rule", self.rule, limit=64)
        value_text("value", self.value)
        positive("budget_micros", self.budget_micros)


@dataclass(frozen=True, slots=True)
class Publish:
    """A value for each of these streams, all in one instant; a name that is free becomes the sender's.

    with_percentiles: derived streams of one dimension are published too; with_copulas: of two and three dimensions.
    """

    values: tuple[NamedValue, ...]
    with_percentiles: bool = False
    with_copulas: bool = False

    def __post_init__(self) -> None:
        some_rows("values", self.values)
        if len({value.name for value in self.values}) < len(self.values):
            raise Malformed("a stream takes one value of a set, and one is named twice", field="values")


@dataclass(frozen=True, slots=True)
class Touch:
    """These streams live on, though no value comes."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        _texts("names", self.names)


@dataclass(frozen=True, slots=True)
class Delete:
    """A stream ends, with its links, subscriptions and submissions; its name is free."""

    name: str

    def __post_init__(self) -> None:
        text("name", self.name)


@dataclass(frozen=True, slots=True)
class Cancel:
    """The sender's scenarios are withdrawn from these horizons, such as "70::cop.json"."""

    horizons: tuple[str, ...]

    def __post_init__(self) -> None:
        _texts("horizons", self.horizons)


@dataclass(frozen=True, slots=True)
class AddLink:
    """The delayed values of a stream may explain a target. delay: seconds."""

    name: str
    delay: int
    target: str

    def __post_init__(self) -> None:
        _check_link(self)


@dataclass(frozen=True, slots=True)
class RemoveLink:
    """Takes that back: either side's owner may. delay: seconds."""

    name: str
    delay: int
    target: str

    def __post_init__(self) -> None:
        _check_link(self)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Each value of the source goes into the subscriber's mailbox."""

    subscriber: str
    source: str

    def __post_init__(self) -> None:
        _check_subscription(self)


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """No further value does; what lies in the mailbox stays."""

    subscriber: str
    source: str

    def __post_init__(self) -> None:
        _check_subscription(self)


@dataclass(frozen=True, slots=True)
class TransferPoints:
    """Points for a key in debt. amount_micros: 0 for all that can be given."""

    recipient: Hotkey
    amount_micros: Micros

    def __post_init__(self) -> None:
        sized("recipient", self.recipient, HOTKEY_BYTES)
        if self.amount_micros < 0:
            raise Malformed(f"amount_micros must not be negative, was {self.amount_micros}", field="amount_micros")


@dataclass(frozen=True, slots=True)
class TakeName:
    """The nonce with which the sender's hotkey has its memorable name (`rules/memorable.py`)."""

    nonce: bytes

    def __post_init__(self) -> None:
        sized("nonce", self.nonce, NAME_NONCE_BYTES)


@dataclass(frozen=True, slots=True)
class EndKey:
    """A statement of `rules/succession.py`: `after` follows `before`, or nobody does when it is 32 zero bytes.

    It is signed by the keys it names, for the envelope's network; whoever sends it only brings it.
    """

    before: Hotkey
    after: Hotkey
    issued_at_ms: UnixMs
    consent: bytes
    acceptance: bytes

    def __post_init__(self) -> None:
        sized("before", self.before, HOTKEY_BYTES)
        sized("after", self.after, HOTKEY_BYTES)
        sized("consent", self.consent, SIGNATURE_BYTES)
        sized("acceptance", self.acceptance, SIGNATURE_BYTES)


StreamAct = (
    Publish | Touch | Delete | Cancel | AddLink | RemoveLink | Subscribe | Unsubscribe | TransferPoints | TakeName
    | EndKey
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StreamActRequest:
    """One act. sequence: the sender's own number, by convention its clock in ms; a later act has a higher one.

    It makes two equal acts two, and a retry the same: what an act books is named by it.
    """

    PURPOSE: ClassVar = Purpose.STREAM_ACT
    sequence: int
    act: StreamAct

    def __post_init__(self) -> None:
        positive("sequence", self.sequence)


@dataclass(frozen=True, slots=True)
class Percentile:
    """Where a value fell among the scenarios that met it: 0 to 1. delay: seconds."""

    name: str
    delay: int
    percentile: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.percentile <= 1.0:
            raise Malformed("a percentile lies within 0 and 1", field="percentile")


@dataclass(frozen=True, slots=True)
class StreamActReply:
    """The receipt, with NO_ROUND for its round; of values, where they fell; of a set, what was not taken."""

    PURPOSE: ClassVar = Purpose.STREAM_ACT_REPLY
    receipt: Receipt
    percentiles: tuple[Percentile, ...] = ()
    refused: tuple[RefusedPart, ...] = ()

    def __post_init__(self) -> None:
        rows("percentiles", self.percentiles)
        rows("refused", self.refused)


def _texts(name: str, values: tuple[str, ...]) -> None:
    some_rows(name, values)
    for value in values:
        text(name, value)


def _check_link(link: AddLink | RemoveLink) -> None:
    text("name", link.name)
    positive("delay", link.delay)
    text("target", link.target)


def _check_subscription(subscription: Subscribe | Unsubscribe) -> None:
    text("subscriber", subscription.subscriber)
    text("source", subscription.source)
