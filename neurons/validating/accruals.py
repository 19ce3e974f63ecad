"""The arithmetic of an accrual as a row: written when a round settles, read to explain it and to compute it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from neurons.records import PayRow, RoundRow
from protocol.rules.divisions import Division, Part
from protocol.rules.settlement import Settlement
from protocol.units import Hotkey, Nano

UNREADABLE: Final = (ValueError, KeyError, TypeError)
"""What reading a detail raises that no validator wrote."""


def pay_rows(row: RoundRow, epoch: int, settlement: Settlement) -> list[PayRow]:
    """One row a claimant with every figure that its accrual follows from, so that it can be explained line by line."""
    pay = settlement.pay
    rows = []
    for miner in pay.miners:
        division = settlement.divisions[miner.hotkey]
        detail = {
            "proof": asdict(settlement.proofs[miner.hotkey]),
            "parts": [[p.hotkey.hex(), p.rho_nano, p.skill_nano, p.part_nano] for p in division.parts],
            "rest_count": division.rest_count,
            "rest_nano": division.rest_nano,
            "slice_micros": pay.slice_micros,
            "skill_pool_micros": pay.skill_pool_micros,
            "bootstrap_pool_micros": pay.bootstrap_pool_micros,
            "full_pay_skill_nano": pay.full_pay_skill_nano,
            "total_shared_skill_nano": pay.total_shared_skill_nano,
            "skill_part_micros": miner.skill_part_micros,
            "bootstrap_part_micros": miner.bootstrap_part_micros,
        }
        rows.append(
            PayRow(
                row.round_id,
                miner.hotkey,
                row.series,
                row.challenge,
                row.anchor_at_ms,
                epoch,
                miner.skill_nano,
                miner.divisor_nano,
                miner.shared_skill_nano,
                miner.accrued_micros,
                json.dumps(detail, sort_keys=True, separators=(",", ":")),
            )
        )
    return rows


def division_in(detail: Mapping[str, Any]) -> Division:
    """Whom an accrual was divided with, from its detail. Raises one of UNREADABLE."""
    parts = [
        Part(Hotkey(bytes.fromhex(hotkey)), _nano(rho), _nano(skill), _nano(part))
        for hotkey, rho, skill, part in detail["parts"]
    ]
    return Division(tuple(parts), _nano(detail["rest_count"]), _nano(detail["rest_nano"]))


def _nano(value: object) -> Nano:
    if type(value) is not int or value < 0:
        raise ValueError(f"want a whole number of at least 0, was {value!r}")
    return Nano(value)
