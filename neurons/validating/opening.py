"""A round's opening record, and from which closes its sigma comes: alike for who opens a round and who replays it."""

from __future__ import annotations

from neurons.market.calendars import TradingCalendar, newest_close_ms
from neurons.validating.history import CloseHistory
from protocol.errors import TooLittleHistory
from protocol.messages import Opening
from protocol.params import NetworkParams, TimeParams, TruthParams
from protocol.rules.calendar import enough_in_session, pack_steps, step_closes_ms, steps_in_session
from protocol.rules.rounds import round_id
from protocol.units import Digest, Pico, UnixMs


def history_until_ms(anchor_at_ms: UnixMs, time: TimeParams) -> UnixMs:
    """The newest grid instant whose close is final when the round anchored there opens."""
    until = anchor_at_ms - time.opens_before_ms - time.settle_delay_ms
    return UnixMs(until - until % time.step_ms)


def first_start_reach_ms(time: TimeParams, truth: TruthParams) -> int:
    """How far before its first start a validator reads the venues' past: the history that a round needs, with one
    window more, by which the venues are known before the first close that counts. So validators that start on
    different days agree on every close in it, if they heard the same."""
    return (time.min_history_steps + time.steps + 2 * truth.basis_window_steps) * time.step_ms


def first_start_ms(calendar: TradingCalendar, now_ms: UnixMs, time: TimeParams, truth: TruthParams) -> int:
    """After which instant closes are learnt at a first start: `first_start_reach_ms` ago, and where the market rests,
    there or a window before, from its latest close before that rest on."""
    windows_ms = 2 * truth.basis_window_steps * time.step_ms
    begins = now_ms - first_start_reach_ms(time, truth) + windows_ms
    for earlier_ms in (windows_ms, 0):
        if not calendar.is_open(begins - begins % time.step_ms + time.step_ms):
            begins = newest_close_ms(calendar, begins, step_ms=time.step_ms) - time.step_ms
        begins -= earlier_ms
    return begins


def steps_open(calendar: TradingCalendar, anchor_at_ms: UnixMs, time: TimeParams) -> tuple[bool, ...]:
    """For each step of the round anchored there whether it lies in session. Known long before the round opens."""
    return tuple(calendar.is_open(at) for at in step_closes_ms(anchor_at_ms, time))


def is_asked(calendar: TradingCalendar, anchor_at_ms: UnixMs, time: TimeParams) -> bool:
    """Whether a round is asked at an anchor: a close is to be expected there, and at enough of its steps."""
    return calendar.is_open(anchor_at_ms) and enough_in_session(steps_open(calendar, anchor_at_ms, time), time)


def history_in_session(calendar: TradingCalendar, until_ms: UnixMs, time: TimeParams) -> int:
    """How many of the `min_history_steps` up to that instant lay in session."""
    since_ms = until_ms - time.min_history_steps * time.step_ms
    return len(calendar.closes_between(since_ms + 1, until_ms, step_ms=time.step_ms))


def new_opening(
    params: NetworkParams,
    history: CloseHistory,
    calendar: TradingCalendar,
    challenge: str,
    anchor_at_ms: UnixMs,
    *,
    opened_at_ms: UnixMs,
) -> Opening:
    """The opening record of a round that is asked. Raises TooLittleHistory while the history it needs is not there."""
    time = params.time
    until = history_until_ms(anchor_at_ms, time)
    due = newest_close_ms(calendar, until, step_ms=time.step_ms)
    if history.newest_ms is None or history.newest_ms < due:
        raise TooLittleHistory(f"{history.series}: the close at {due} is not known yet", series=history.series)
    in_session = history_in_session(calendar, until, time)
    if not in_session:
        raise TooLittleHistory(f"{history.series}: no session in the history before {until}", series=history.series)
    held = 0 if in_session == time.min_history_steps else in_session
    sigma, digest = history.sigma(until, history_steps=held)
    return opening_record(
        params, history.series, challenge, anchor_at_ms,
        sigma_pico=sigma, history_digest=digest, opened_at_ms=opened_at_ms,
        session_steps=pack_steps(steps_open(calendar, anchor_at_ms, time)), history_steps=held,
    )  # fmt: skip


def last_scored_ms(opening: Opening, time: TimeParams) -> UnixMs:
    """When the last step in session of a round ends."""
    in_session = steps_in_session(opening.session_steps, opening.steps)
    return max(at for at, is_in in zip(step_closes_ms(opening.anchor_at_ms, time), in_session, strict=True) if is_in)


def opening_record(
    params: NetworkParams,
    series: str,
    challenge: str,
    anchor_at_ms: UnixMs,
    *,
    sigma_pico: Pico,
    history_digest: Digest,
    opened_at_ms: UnixMs,
    session_steps: bytes = b"",
    history_steps: int = 0,
) -> Opening:
    """The record that is stored and sent. Raises KeyError for a challenge that the params lack (ours)."""
    asked = params.challenge(challenge)
    return Opening(
        round_id=round_id(params, series, asked, anchor_at_ms),
        series=series,
        challenge=challenge,
        anchor_at_ms=anchor_at_ms,
        params_version=params.version,
        step_ms=params.time.step_ms,
        steps=params.time.steps,
        min_paths=asked.min_paths,
        max_paths=asked.max_paths,
        asked_paths=asked.asked_paths,
        sigma_pico=sigma_pico,
        history_digest=history_digest,
        opened_at_ms=opened_at_ms,
        session_steps=session_steps,
        history_steps=history_steps,
    )
