"""Findings: what is kept, what is only counted, and what the digest covers."""

from __future__ import annotations

from neurons.validating.replay.findings import DIFFERENCES_KEPT, Findings
from protocol.units import Hotkey


def test_only_the_fields_that_differ_are_noted_with_both_values():
    findings = Findings()
    findings.compare("scores", "a round", {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5}, miner=Hotkey(b"\xab" * 32))
    noted = [(d.table, d.miner, d.field, d.stored, d.recomputed) for d in findings.differences]
    assert [("scores", "abababab", "b", "2", "5"), ("scores", "abababab", "c", "3", "none")] == noted
    assert 2 == findings.total


def test_a_database_that_is_wrong_everywhere_does_not_fill_the_memory():
    findings = Findings()
    for number in range(DIFFERENCES_KEPT + 7):
        findings.differ("closes", str(number), "close_e8", number, 0)
    assert DIFFERENCES_KEPT == len(findings.differences)
    assert DIFFERENCES_KEPT + 7 == findings.total == findings.found["closes.close_e8"]


def test_long_values_are_told_apart_by_their_digest():
    findings = Findings()
    findings.differ("submissions", "a round", "answer", b"a" * 400, b"a" * 399 + b"b")
    [difference] = findings.differences
    assert difference.stored.startswith("400 bytes, SHA-256 ")
    assert difference.stored != difference.recomputed


def test_what_is_not_checked_is_counted_with_its_first_and_its_last():
    findings = Findings()
    for where in ("monday", "tuesday", "wednesday"):
        findings.leave("days", where)
    left = findings.unchecked["days"]
    assert (3, "monday", "wednesday") == (left.count, left.first, left.last)


def test_the_digest_changes_with_every_number_and_with_the_order_of_rounds():
    def digest_of(*told: object) -> str:
        findings = Findings()
        for one in told:
            findings.tell(one)
        return findings.digest

    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert 4 == len({digest_of({"a": 1}), digest_of({"a": 2}), digest_of({"a": 1}, {"a": 2}), digest_of()})
