"""The checks of `augury doctor`: each looks at one thing that a node needs, and says what to do where it fails."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from neurons.assembly import venues_of
from neurons.cli.figures import instant
from neurons.client import Reader
from neurons.keystore import read_hotkey
from neurons.market.calendars import calendar_of, newest_close_ms
from neurons.mining.models import model_of
from neurons.peers_file import ListedValidator, read_miners_file, read_validators_file
from neurons.ports import Clock, PriceVenue, VenueUnavailable
from neurons.settings import MinerSettings, NodeSettings, SeriesSettings, ValidatorSettings
from neurons.signers import PRESETS, clock_of, key_of
from neurons.store.sqlite import ReadOnlySqlite
from neurons.telemetry import Event, ModelBroken
from protocol.errors import AuguryError
from protocol.keys import SigningKey
from protocol.params import NetworkParams
from protocol.units import MINUTE_MS, short

LEAST_FREE_BYTES: Final = 2 * 1024**3
"""Two weeks of evidence of a full network, with room beside it: docs/decisions has the sizes."""
SKEW_WARNED_S: Final = 2.0
"""Of the wall: a fast clock shows more, because a call takes it longer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `advice` is what to do about a problem."""

    what: str
    fine: bool
    found: str
    advice: str = ""


async def examine(settings: ValidatorSettings | MinerSettings) -> list[Finding]:
    """Every check of a node with these settings, in the order in which a node would stumble."""
    clock, params = clock_of(settings), PRESETS[settings.params]
    key, findings = _key(settings)
    findings += [_folder(settings.data_dir), *_database(settings), *_ports(settings)]
    for series in settings.series:
        needed = 2 * params.truth.tolerated_liars + 1 if isinstance(settings, ValidatorSettings) else 1
        findings += await _venues(series, clock, params, needed=needed)
    if isinstance(settings, ValidatorSettings):
        return [*findings, *_miners(settings)]
    return [*findings, await _model(settings), *await _validators(settings, key, clock, params)]


def _key(settings: NodeSettings) -> tuple[SigningKey | None, list[Finding]]:
    path = settings.key_path
    try:
        hotkey = read_hotkey(path)
    except AuguryError as error:
        make = f"run: augury keys new --file {path}"
        return None, [Finding("key file", False, str(error), make if not path.exists() else "see docs/errors.md")]
    found = Finding("key file", True, f"{path}, only its owner may read it; hotkey {short(hotkey)}")
    try:
        key = key_of(settings)
    except AuguryError as error:
        return None, [found, Finding("passphrase", False, str(error), "set passphrase_file, or AUGURY_PASSPHRASE")]
    how = "the key is not encrypted, which is allowed" if settings.allow_unencrypted_key else "opens the key"
    return key, [found, Finding("passphrase", True, how)]


def _folder(folder: Path) -> Finding:
    """Whether a node could write there, and for how long. Makes the folder as the node would, and no file."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Finding("data folder", False, f"{folder}: {error.strerror}", "make it writable, or set data_dir")
    free = shutil.disk_usage(folder).free
    told = f"{folder} is writable, {free / 1024**3:.1f} GiB are free"
    return Finding("data folder", free >= LEAST_FREE_BYTES, told, "" if free >= LEAST_FREE_BYTES else "make room")


def _database(settings: NodeSettings) -> list[Finding]:
    """Nothing, when there is no database yet: the node makes one."""
    path = settings.data_dir / "augury.sqlite"
    if settings.store_url is not None or not path.exists():
        return []
    try:
        ReadOnlySqlite.open(path)
    except AuguryError as error:
        return [Finding("database", False, str(error), "see docs/errors.md")]
    return [Finding("database", True, f"{path}, {path.stat().st_size / 1024**2:.1f} MiB")]


def _ports(settings: ValidatorSettings | MinerSettings) -> list[Finding]:
    wanted = [("port", "listen.port", settings.listen.host, settings.listen.port)]
    if settings.metrics.enabled:
        wanted.append(("metrics port", "metrics.port", settings.metrics.host, settings.metrics.port))
    return [_port(*one) for one in wanted]


def _port(what: str, setting: str, host: str, port: int) -> Finding:
    if port == 0:
        return Finding(what, True, "any free one")
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return Finding(what, True, f"{host}:{port} is free")
    except OSError as error:
        advice = f"stop what listens there (is it the node itself?), or set {setting}"
        why = os.strerror(error.errno) if error.errno else str(error)
        return Finding(what, False, f"{host}:{port}: {why}", advice)


async def _venues(series: SeriesSettings, clock: Clock, params: NetworkParams, *, needed: int) -> list[Finding]:
    """needed: how many must answer: enough for a median for a validator, any one for a miner.

    A market that rests is asked for its last closes before; of our clock they say nothing then.
    """
    step_ms, now_ms = series.step_ms, clock.now_ms()
    due_ms = newest_close_ms(calendar_of(series.calendar), now_ms, step_ms=step_ms)
    venues = venues_of(series, clock, params)
    try:
        answers = await asyncio.gather(*(_newest_close(venue, due_ms - 6 * step_ms, step_ms) for venue in venues))
    finally:
        for venue in venues:
            await venue.aclose()
    findings = []
    ages = []
    for venue, newest in zip(venues, answers, strict=True):
        what = f"{series.name} {venue.name}"
        if isinstance(newest, str):
            findings.append(Finding(what, False, newest, "check the network and the series' setting"))
        else:
            ages.append(now_ms - newest)
            findings.append(Finding(what, True, f"newest close {instant(newest)}"))
    if 0 < len(ages) < needed:
        findings.append(
            Finding(
                series.name, False, f"{len(ages)} venues answer, a median needs {needed}", "add venues to the series"
            )
        )
    rests = now_ms - due_ms >= step_ms
    return findings if rests else [*findings, *_clock_by_closes(ages, step_ms)]


async def _newest_close(venue: PriceVenue, since_ms: int, step_ms: int) -> int | str:
    """When its newest closed candle ended, or why it did not say."""
    try:
        candles = (await venue.closed_candles(since_ms=since_ms, limit=8)).candles
    except VenueUnavailable as error:
        return str(error)
    return candles[-1].open_time_ms + step_ms if candles else f"it has no candle from {instant(since_ms)} on"


def _clock_by_closes(ages_ms: Sequence[int], step_ms: int) -> list[Finding]:
    """Our clock against the venues': the newest close of most of them lies in our last two steps."""
    if not ages_ms:
        return []
    age = sorted(ages_ms)[len(ages_ms) // 2]
    if 0 <= age <= 2 * step_ms:
        return [Finding("clock", True, f"agrees with the venues to within {step_ms // MINUTE_MS} min")]
    told = f"is {abs(age) // 1_000} s {'behind' if age < 0 else 'ahead of'} the venues' newest close"
    return [Finding("clock", False, told, "set it, for instance with NTP: 30 s is all that others allow")]


def _miners(settings: ValidatorSettings) -> list[Finding]:
    if settings.miners_file is None:
        return [Finding("miners", True, "whoever proves a key and an endpoint may register")]
    try:
        listed = read_miners_file(settings.miners_file)
    except AuguryError as error:
        return [Finding("miners", False, str(error), "mend miners_file")]
    told = f"{settings.miners_file} lists {len(listed)}"
    return [Finding("miners", bool(listed), told, "" if listed else "list the hotkeys that may register, one a line")]


async def _model(settings: MinerSettings) -> Finding:
    what = f"model {settings.base_model}"
    troubles: list[Event] = []
    try:
        model = await asyncio.to_thread(model_of, settings, troubles.append)
    except AuguryError as error:
        return Finding(what, False, str(error), "see `augury models`; set base_model or weights")
    for trouble in troubles:
        if isinstance(trouble, ModelBroken):
            return Finding(what, False, trouble.reason, f"mend it; until then {trouble.answered_by} answers")
    return Finding(
        what,
        True,
        f"{model.name} loads, its weights (if it has any) match their card; runs on {model.runs_on}, reads "
        f"{model.lookback} candles",
    )


async def _validators(
    settings: MinerSettings, key: SigningKey | None, clock: Clock, params: NetworkParams
) -> list[Finding]:
    if settings.validators_file is None:
        return [Finding("validators", False, "none is listed", "set validators_file: hotkey and host:port, one a line")]
    try:
        listed = read_validators_file(settings.validators_file)
    except AuguryError as error:
        return [Finding("validators", False, str(error), "mend validators_file")]
    if key is None:
        return [Finding("validators", False, "cannot be asked without the key", "mend the key first")]
    return list(await asyncio.gather(*(_validator(one, settings, key, clock, params) for one in listed)))


async def _validator(
    validator: ListedValidator, settings: MinerSettings, key: SigningKey, clock: Clock, params: NetworkParams
) -> Finding:
    """Whether it answers, whether its clock is ours, and whether it has scored us before."""
    what = f"validator {short(validator.hotkey)}"
    try:
        async with Reader(validator, key, params=params, clock=clock) as reader:
            skew_ms = await reader.skew_ms()
            told = [
                await reader.standings(series.name, challenge.name)
                for series in settings.series
                for challenge in params.challenges
            ]
    except AuguryError as error:
        return Finding(what, False, f"{validator.endpoint}: {error}", f"look up `{error.code}` in docs/errors.md")
    rounds = sum(s.rounds for reply in told for s in reply.standings if s.hotkey == key.hotkey)
    known = f"{rounds} of our rounds scored" if rounds else "none of our rounds scored yet"
    fine = clock.wall_seconds(abs(skew_ms)) <= SKEW_WARNED_S
    found = f"{validator.endpoint} answers, {known}; its clock is {skew_ms:+} ms from ours"
    return Finding(what, fine, found, "" if fine else "set the clock that is wrong, for instance with NTP")
