"""A round's opening record, and from which closes its sigma comes: alike for who opens a round and who replays it."""

from __future__ import annotations

from protocol.messages import Opening
from protocol.params import NetworkParams, TimeParams, TruthParams
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


def opening_record(
    params: NetworkParams,
    series: str,
    challenge: str,
    anchor_at_ms: UnixMs,
    *,
    sigma_pico: Pico,
    history_digest: Digest,
    opened_at_ms: UnixMs,
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
    )
