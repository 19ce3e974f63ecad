"""What a venue's HTTP reply says beside its candles: digest, status, its clock, and how long to leave it alone.

ccxt hands the reply's JSON on and drops the rest, so the response class of our session notes it for the question that
is running, and bounds what is read.
"""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from yarl import URL

from protocol.units import SECOND_MS, UnixMs

LARGEST_REPLY_BYTES: Final = 16_000_000
_LONGEST_WAIT_S: Final = 10**7


class TooLargeReply(aiohttp.ClientPayloadError):
    """A reply that would not end."""


class SentElsewhere(aiohttp.ClientError):
    """A reply that sends whoever asked to another server."""


@dataclass(slots=True)
class Reply:
    """The last reply to one question; nothing is known before the first."""

    status: int | None = None
    sha256: bytes = b""
    """Of the body as received, before it was read as anything."""
    date_ms: UnixMs | None = None
    """The venue's clock when it answered, rounded down to its seconds; None when it did not say."""
    retry_after_ms: int | None = None
    parsed: object = None
    """The body as JSON, as ccxt read it."""


RUNNING: Final[ContextVar[Reply | None]] = ContextVar("reply", default=None)
"""The running question's reply: responses are read in the task that asked, or in one that it started."""


class NotedResponse(aiohttp.ClientResponse):
    """A response that is read up to a limit, so that a venue cannot fill our memory within one deadline."""

    async def read(self) -> bytes:
        if self._body is None:
            note = RUNNING.get() or Reply()
            note.status, note.sha256 = self.status, b""
            note.date_ms = http_date_ms(self.headers.get("Date", ""))
            note.retry_after_ms = wait_ms(self.headers.get("Retry-After", ""), now_ms=note.date_ms)
            chunks = bytearray()
            async for chunk in self.content.iter_any():
                chunks += chunk
                if len(chunks) > LARGEST_REPLY_BYTES:
                    self.close()
                    raise TooLargeReply(f"a reply of more than {LARGEST_REPLY_BYTES} bytes")
            self._body = bytes(chunks)
            note.sha256 = hashlib.sha256(self._body).digest()
        return self._body


def staying() -> aiohttp.TraceConfig:
    """For a session that follows no redirect to another scheme, host or port: a venue must not choose whom we ask,
    and candles of another server are not that venue's. What follows one raises SentElsewhere."""

    async def look(_: aiohttp.ClientSession, __: object, redirect: aiohttp.TraceRequestRedirectParams) -> None:
        headers = redirect.response.headers
        told = headers.get("Location") or headers.get("URI") or ""
        try:
            stays = redirect.url.join(URL(told)).origin() == redirect.url.origin()
        except ValueError:
            stays = False
        if not stays:
            raise SentElsewhere(f"status {redirect.response.status} sends us to another server")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(look)
    return trace


def http_date_ms(text: str) -> UnixMs | None:
    """A `Date` header as UTC epoch ms; None for anything else. Source: RFC 9110, section 5.6.7."""
    try:
        at = parsedate_to_datetime(text)
        return UnixMs(int(at.timestamp()) * SECOND_MS) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def wait_ms(text: str, *, now_ms: int | None) -> int | None:
    """A `Retry-After` header (seconds, or an instant of the venue's clock) as ms from now, >= 0; None for neither.

    Source: RFC 9110, section 10.2.3.
    """
    if text.isascii() and text.isdigit():
        return min(int(text[:20]), _LONGEST_WAIT_S) * SECOND_MS
    until_ms = http_date_ms(text)
    if until_ms is None or now_ms is None:
        return None
    return min(max(0, until_ms - now_ms), _LONGEST_WAIT_S * SECOND_MS)
