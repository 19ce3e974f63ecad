"""When rounds open, close, score and resolve (rules.md 2): tables of instants, no clock.

Everything hangs on the anchor T, an instant of the step grid counted from 1970-01-01 00:00 UTC, so that all
validators ask the same rounds. Intervals are half open: from the first instant, up to but not at the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.params import ChallengeParams, SkillParams, TimeParams
from protocol.units import UnixMs


@dataclass(frozen=True, slots=True)
class RoundTimes:
    """One round's instants, UTC epoch ms, in the order they come (commit may close before reveal opens)."""

    anchor_at_ms: UnixMs
    opens_at_ms: UnixMs
    commit_opens_ms: UnixMs
    commit_closes_ms: UnixMs
    reveal_opens_ms: UnixMs
    reveal_closes_ms: UnixMs
    last_step_ms: UnixMs
    """The close of the last step's candle."""
    resolvable_from_ms: UnixMs
    """The last close is final no earlier; it also needs a later candle as witness, which no calendar knows."""
    void_at_ms: UnixMs


def round_times(anchor_at_ms: UnixMs, time: TimeParams) -> RoundTimes:
    """The instants of the round anchored there. Raises ValueError (ours) when the anchor is off the step grid."""
    _require_on_grid(anchor_at_ms, time.step_ms)
    last_step_ms = anchor_at_ms + time.steps * time.step_ms
    return RoundTimes(
        anchor_at_ms=anchor_at_ms,
        opens_at_ms=UnixMs(anchor_at_ms - time.opens_before_ms),
        commit_opens_ms=UnixMs(anchor_at_ms - time.commit_opens_before_ms),
        commit_closes_ms=anchor_at_ms,
        reveal_opens_ms=UnixMs(anchor_at_ms + time.reveal_opens_after_ms),
        reveal_closes_ms=UnixMs(anchor_at_ms + time.reveal_closes_after_ms),
        last_step_ms=UnixMs(last_step_ms),
        resolvable_from_ms=UnixMs(last_step_ms + time.settle_delay_ms),
        void_at_ms=UnixMs(last_step_ms + time.void_after_ms),
    )


def step_closes_ms(anchor_at_ms: UnixMs, time: TimeParams) -> tuple[UnixMs, ...]:
    """The instants whose closes score steps 1..steps: T + k * step. Raises ValueError (ours) off the grid."""
    _require_on_grid(anchor_at_ms, time.step_ms)
    return tuple(UnixMs(anchor_at_ms + k * time.step_ms) for k in range(1, time.steps + 1))


def pack_steps(in_session: Sequence[bool]) -> bytes:
    """Which of the steps 1.. lie in session, as an opening record has it; nothing where all do."""
    if all(in_session):
        return b""
    told = sum(1 << index for index, is_in in enumerate(in_session) if is_in)
    return told.to_bytes((len(in_session) + 7) // 8, "little")


def steps_in_session(session_steps: bytes, steps: int) -> tuple[bool, ...]:
    """What `pack_steps` packed: for each of the steps 1..`steps` whether it lies in session."""
    if not session_steps:
        return (True,) * steps
    told = int.from_bytes(session_steps, "little")
    return tuple(bool(told >> index & 1) for index in range(steps))


def enough_in_session(in_session: Sequence[bool], time: TimeParams) -> bool:
    """Whether so many steps lie in session that a round is asked: at least `session_quorum_ppm` of them."""
    return sum(in_session) * 1_000_000 >= time.session_quorum_ppm * len(in_session)


def is_anchor(at_ms: UnixMs, challenge: ChallengeParams, time: TimeParams) -> bool:
    """Whether the challenge asks a round anchored at that instant."""
    return at_ms % _checked_cadence(challenge, time) == 0


def next_anchor_ms(after_ms: UnixMs, challenge: ChallengeParams, time: TimeParams) -> UnixMs:
    """The challenge's first anchor strictly after that instant."""
    cadence_ms = _checked_cadence(challenge, time)
    return UnixMs((after_ms // cadence_ms + 1) * cadence_ms)


def anchors_between(
    from_ms: UnixMs, before_ms: UnixMs, challenge: ChallengeParams, time: TimeParams
) -> tuple[UnixMs, ...]:
    """The challenge's anchors in [from, before), oldest first."""
    cadence_ms = _checked_cadence(challenge, time)
    first = -(-from_ms // cadence_ms) * cadence_ms
    return tuple(UnixMs(at_ms) for at_ms in range(first, before_ms, cadence_ms))


def epoch_of(anchor_at_ms: UnixMs, time: TimeParams) -> int:
    """The epoch that pays for the round anchored there, counted from 1970. Raises ValueError (ours) off the grid."""
    _require_on_grid(anchor_at_ms, time.step_ms)
    return anchor_at_ms // _checked_epoch(time)


def epoch_bounds_ms(epoch: int, time: TimeParams) -> tuple[UnixMs, UnixMs]:
    """The epoch's rounds are those anchored in [first, second)."""
    epoch_ms = _checked_epoch(time)
    return UnixMs(epoch * epoch_ms), UnixMs((epoch + 1) * epoch_ms)


def epoch_payable_from_ms(epoch: int, time: TimeParams) -> UnixMs:
    """When an epoch may be paid: its last possible round is resolved or void, and every dispute window is over.

    A round resolves before its void deadline, so that of the epoch's last grid instant, plus the dispute window, is
    an upper bound for all its rounds and the same for every validator.
    """
    last_anchor_ms = UnixMs(epoch_bounds_ms(epoch, time)[1] - time.step_ms)
    return UnixMs(round_times(last_anchor_ms, time).void_at_ms + time.dispute_window_ms)


def block_of(anchor_at_ms: UnixMs, skill: SkillParams, time: TimeParams) -> int:
    """Which span of `block_steps` steps the anchor falls in, counted from 1970: rounds of one block are averaged.

    Raises ValueError (ours) off the grid.
    """
    _require_on_grid(anchor_at_ms, time.step_ms)
    return anchor_at_ms // (skill.block_steps * time.step_ms)


def _require_on_grid(at_ms: UnixMs, step_ms: int) -> None:
    if at_ms % step_ms != 0:
        raise ValueError(f"{at_ms} ms is not on the grid of {step_ms} ms")


def _checked_cadence(challenge: ChallengeParams, time: TimeParams) -> int:
    if challenge.cadence_ms <= 0 or challenge.cadence_ms % time.step_ms != 0:
        raise ValueError(
            f"{challenge.name}: a cadence of {challenge.cadence_ms} ms is not whole {time.step_ms} ms steps"
        )
    return challenge.cadence_ms


def _checked_epoch(time: TimeParams) -> int:
    if time.epoch_ms <= 0 or time.epoch_ms % time.step_ms != 0:
        raise ValueError(f"an epoch of {time.epoch_ms} ms is not whole {time.step_ms} ms steps")
    return time.epoch_ms
