"""The log: one JSON object a line for machines, or coloured lines for people, never a secret.

Bytes are shown in hex only under the names that PUBLIC_BYTES lists; under any other name only their number
is shown. So a seed, a salt or an answer that slips into an event is not written down.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from neurons.settings import LogSettings
from neurons.telemetry.trace import current_trace

PUBLIC_BYTES: Final = frozenset({"hotkey", "miner", "validator", "sender", "round_id", "digest", "request"})
SECRET_NAMES: Final = frozenset({"passphrase", "seed", "salt", "secret", "password", "private_key", "mac_key"})
LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def open_log(settings: LogSettings, stream: TextIO, **about: str) -> FilteringBoundLogger:
    """A log that writes to stream. about: what every line says of its node, such as role and hotkey."""
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _with_trace,
        _without_secrets,
    ]
    if settings.format == "json":
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    else:
        processors.append(_for_people(stream))
    log = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.level]),
    )
    bound: FilteringBoundLogger = log.bind(**about)
    return bound


def _for_people(stream: TextIO) -> Processor:
    """Coloured lines on a terminal. Tracebacks are plain: the richer kind shows local variables, and so secrets."""
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), timestamp_key="at", exception_formatter=structlog.dev.plain_traceback
    )


def adopt_standard_logging(log: FilteringBoundLogger, settings: LogSettings) -> None:
    """Writes what libraries say through `logging` into log, in the same form. For a process of its own, once."""
    root = logging.getLogger()
    root.handlers[:] = [_Adopted(log)]
    root.setLevel(max(LEVELS[settings.level], logging.WARNING))


class _Adopted(logging.Handler):
    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(
            record.levelno, "library", library=record.name, message=record.getMessage(), exc_info=record.exc_info
        )


def _with_trace(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if trace := current_trace():
        line["trace"] = trace
    return line


def _without_secrets(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in line.items():
        if name in SECRET_NAMES:
            line[name] = "(secret)"
        elif isinstance(value, bytes | bytearray | memoryview):
            line[name] = bytes(value).hex() if name in PUBLIC_BYTES else f"({len(value)} bytes)"
    return line
