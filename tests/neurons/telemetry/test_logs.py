"""The log: its form, its trace ids, and what must never be in it."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging

import pytest

from neurons.keystore import MIN_LOG_N, WrongPassphrase, create_key_file, load_key_file
from neurons.settings import LogSettings
from neurons.telemetry import (
    AnswerTaken,
    CallRefused,
    Metrics,
    RoundEntered,
    StoreFailed,
    Telemetry,
    adopt_standard_logging,
    current_trace,
    open_log,
    tracing,
)
from protocol.keys import SigningKey
from protocol.units import Hotkey, RoundId

SEED = bytes(range(100, 132))
MINER = Hotkey(b"\xab" * 32)
ROUND = RoundId(b"\xcd" * 32)


def opened(**settings: str):
    stream = io.StringIO()
    log = open_log(LogSettings.model_validate(settings), stream, role="validator", node="abcd1234")
    return Telemetry(log=log, metrics=Metrics(now_ms=lambda: 0)), stream


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_fields_and_its_node():
    telemetry, stream = opened()
    telemetry.record(
        RoundEntered(round_id=ROUND, series="BTC-USD", challenge="closes.point", anchor_at_ms=5, state="open")
    )
    [line] = lines(stream)
    assert line.pop("at").endswith("Z")
    assert {
        "event": "round_entered",
        "level": "info",
        "role": "validator",
        "node": "abcd1234",
        "round_id": "cd" * 32,
        "series": "BTC-USD",
        "challenge": "closes.point",
        "anchor_at_ms": 5,
        "state": "open",
        "previous": "",
    } == line


def test_the_console_form_is_for_people_and_says_the_same():
    telemetry, stream = opened(format="console")
    telemetry.record(StoreFailed(reason="disk full"))
    assert "store_failed" in stream.getvalue()
    assert "disk full" in stream.getvalue()
    assert "{" not in stream.getvalue()


def test_events_below_the_level_are_counted_and_not_logged():
    telemetry, stream = opened(level="info")
    telemetry.record(AnswerTaken(round_id=ROUND, challenge="closes.point", miner=MINER, status="valid"))
    assert "" == stream.getvalue()
    assert b'augury_answers_total{challenge="closes.point",status="valid"} 1.0' in telemetry.metrics.render()


def test_the_nonce_of_an_envelope_is_the_trace_of_everything_done_for_it():
    telemetry, stream = opened(level="debug")
    refused = CallRefused(purpose="COMMIT", code="expired", reason="late", peer="127.0.0.1")

    async def handle(nonce: bytes) -> None:
        with tracing(nonce):
            await asyncio.sleep(0)
            telemetry.record(refused)
            await asyncio.create_task(store(nonce))

    async def store(nonce: bytes) -> None:
        assert nonce.hex() == current_trace()
        telemetry.record(StoreFailed(reason=nonce.hex()))

    async def two_at_once() -> None:
        await asyncio.gather(handle(b"\x01" * 16), handle(b"\x02" * 16))

    asyncio.run(two_at_once())
    telemetry.record(refused)
    told = lines(stream)
    assert ["01" * 16, "02" * 16, "01" * 16, "02" * 16, None] == [line.get("trace") for line in told]
    assert all(line["trace"] == line["reason"] for line in told if line["event"] == "store_failed")
    assert "" == current_trace()


def test_a_trace_ends_with_its_block_also_when_the_block_fails():
    with tracing(b"\x01" * 16):
        with pytest.raises(ValueError, match="inner"), tracing(b"\x02" * 16):
            raise ValueError("inner")
        assert "01" * 16 == current_trace()
    assert "" == current_trace()


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_is_ever_logged(form, tmp_path, capfd):
    telemetry, stream = opened(format=form, level="debug")
    passphrase = b"correct horse battery staple"
    path = tmp_path / "hotkey.json"
    create_key_file(path, entropy=lambda count: SEED[:count], passphrase=passphrase, log_n=MIN_LOG_N)
    key = load_key_file(path, passphrase=passphrase)

    telemetry.log.info("key_loaded", key=key, passphrase=passphrase, seed=SEED, salt=SEED, anything=SEED)
    telemetry.log.info("nested", keys=[key], by_name={"key": key})
    for reason in (lambda: load_key_file(path, passphrase=b"wrong"), lambda: SigningKey.from_seed(SEED[:-1])):
        with pytest.raises((WrongPassphrase, ValueError)) as failed:
            reason()
        telemetry.log.error("failed", exc_info=failed.value)

    out, err = capfd.readouterr()
    told = stream.getvalue() + out + err
    assert "key_loaded" in told
    for secret in (SEED, SEED[:16], passphrase):
        for form_of_it in (secret.hex(), base64.b64encode(secret).decode().rstrip("="), repr(secret)[2:-1]):
            assert form_of_it not in told


def test_bytes_under_an_unlisted_name_are_only_counted():
    telemetry, stream = opened()
    telemetry.log.info("revealed", answer=b"\x00" * 400, miner=MINER)
    [line] = lines(stream)
    assert "(400 bytes)" == line["answer"]
    assert MINER.hex() == line["miner"]


def test_what_libraries_log_comes_out_in_the_same_form():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    telemetry, stream = opened()
    try:
        adopt_standard_logging(telemetry.log, LogSettings())
        logging.getLogger("asyncio").error("task %s failed", "seven")
        logging.getLogger("asyncio").info("too little to say")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    [line] = lines(stream)
    assert ("library", "asyncio", "task seven failed", "error") == tuple(
        line[name] for name in ("event", "library", "message", "level")
    )
