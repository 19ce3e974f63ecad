"""A request's fields: what stands in its path, its address and its body, as text, checked one by one.

The clients send forms, with a GET too, and what they put into the address others put into the body: either is taken,
and the body's wins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from protocol.errors import InvalidRequest, Malformed

MAX_BODY_BYTES: Final = 1_000_000
"""250 names and values, or one value of 100,000 bytes with every byte escaped, with room to spare."""
MAX_FIELDS: Final = 64
FORM: Final = "application/x-www-form-urlencoded"
_NO_BODY: Final = ("application/octet-stream", FORM)
_YES: Final = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. subject: what its path names, a stream or a key; empty where it names none."""

    subject: str
    fields: Mapping[str, str]

    def text(self, name: str, default: str | None = None) -> str:
        """A field. Raises Malformed (theirs) for one that is missing and has no default."""
        found = self.fields.get(name, default)
        if found is None:
            raise Malformed(f"the request lacks its field {name}", field=name)
        return found

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number; `70.0` is one too. Raises Malformed (theirs)."""
        number = self.number(name, None if default is None else float(default))
        if number != int(number) or abs(number) > 1e15:
            raise Malformed(f"{name} is a whole number, was {number!r:.40}", field=name)
        return int(number)

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number. Raises Malformed (theirs)."""
        text = self.fields.get(name)
        if text is None and default is not None:
            return default
        return _number(name, self.text(name))

    def numbers(self, name: str) -> list[float]:
        """Numbers with commas between them; none for an empty or missing field. Raises Malformed (theirs)."""
        text = self.fields.get(name, "")
        return [_number(name, one) for one in text.split(",")] if text else []

    def texts(self, name: str) -> list[str]:
        """Texts with commas between them. Raises Malformed (theirs) for a missing field."""
        return [one.strip() for one in self.text(name).split(",")]

    def is_set(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.fields.get(name, "").lower() in _YES


async def read_request(request: web.Request) -> Asked:
    """The fields of a request. Raises Malformed (theirs) for a body that is too large, of another kind or no form."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large() from None
    if body and request.content_type not in _NO_BODY:
        raise Malformed(f"a body is a form ({FORM}), not {request.content_type[:60]}", field="Content-Type")
    try:
        in_body = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Malformed(
            f"a form has at most {MAX_FIELDS} fields of UTF-8 text", field="body", limit=MAX_FIELDS
        ) from None
    return Asked(request.match_info.get("subject", ""), {**request.query, **dict(in_body)})


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise Malformed(f"{name} holds {text[:30]!r}, which is no number", field=name) from None
    if not math.isfinite(number):
        raise InvalidRequest(f"{name} holds {text[:30]!r}: numbers are finite", field=name)
    return number


def _too_large() -> Malformed:
    return Malformed(f"a body has at most {MAX_BODY_BYTES} bytes", field="body", limit=MAX_BODY_BYTES)
