"""What a reply's headers say, and what of a venue's words reaches a log."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurons.market.problems import VenueProblem, retry_after_ms_of, unavailable, without_secrets
from neurons.market.replies import http_date_ms, wait_ms

AT_MS = 784_111_777_000
"""Sun, 06 Nov 1994 08:49:37 GMT: the example of RFC 9110, section 5.6.7."""


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", AT_MS),
        ("Sun, 06 Nov 1994 09:49:37 +0100", AT_MS),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("", None),
        ("tomorrow", None),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 99999999999 08:49:37 GMT", None),
    ],
)
def test_a_date_is_an_instant_or_nothing(text, at_ms):
    assert at_ms == http_date_ms(text)


@pytest.mark.parametrize(
    ("text", "now_ms", "wait"),
    [
        ("0", None, 0),
        ("120", None, 120_000),
        ("Sun, 06 Nov 1994 08:50:37 GMT", AT_MS, 60_000),
        ("Sun, 06 Nov 1994 08:48:37 GMT", AT_MS, 0),
        ("Sun, 06 Nov 1994 08:50:37 GMT", None, None),
        ("-5", AT_MS, None),
        ("1.5", AT_MS, None),
        ("soon", AT_MS, None),
        ("9" * 5_000, AT_MS, 10**10),
        ("٣", AT_MS, None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_retry_after_is_seconds_or_an_instant_of_the_venues_clock(text, now_ms, wait):
    assert wait == wait_ms(text, now_ms=now_ms)


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_header_whatever_it_holds_breaks_the_reading_of_it(text):
    assert wait_ms(text, now_ms=AT_MS) is None or wait_ms(text, now_ms=AT_MS) >= 0


@pytest.mark.parametrize(
    "text",
    [
        "GET https://someone:hunter2@api.example.com/klines",
        "GET https://hunter2@api.example.com/klines",
        "GET https://api.example.com/klines?symbol=X&apiKey=hunter2&limit=5",
        'body {"api_secret": "hunter2"}',
        "Authorization: Basic hunter2",
        "X-MBX-APIKEY=1&signature=hunter2",
        "passphrase=hunter2; token=hunter2",
    ],
)
def test_no_login_key_or_token_is_told(text):
    assert "hunter2" not in without_secrets(text)
    assert "hunter2" not in str(unavailable("v", VenueProblem.REFUSED, text))


def test_what_is_no_secret_stays():
    told = "binance GET https://api.example.com/api/v3/klines?symbol=BTCUSDT&limit=5 429 Too Many Requests"
    assert told == without_secrets(told)


def test_a_wish_for_rest_travels_with_the_error():
    assert 5_000 == retry_after_ms_of(unavailable("v", VenueProblem.RATE_LIMITED, "", retry_after_ms=5_000))
    assert retry_after_ms_of(unavailable("v", VenueProblem.RATE_LIMITED, "")) is None
