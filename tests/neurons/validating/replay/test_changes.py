"""Whatever is changed in a copy of a true database is found, and only that."""

from __future__ import annotations

from collections import Counter

from neurons.validating.replay.rounds import SHARING_GONE
from protocol import codec
from protocol.rules.window_sums import GenerationSums, encode_sums
from protocol.units import Pico
from tests.support.eventful import NOON, execute, findings_of


def one(offset: int) -> str:
    """A valid answer that earned something: another round for each offset."""
    round_ = f"(SELECT round FROM scores WHERE status = 'valid' GROUP BY round ORDER BY round LIMIT 1 OFFSET {offset})"
    return f"round = {round_} AND hotkey = (SELECT hotkey FROM pays WHERE round = {round_} ORDER BY skill_nano LIMIT 1)"


def one_round(offset: int) -> str:
    return one(offset).split(" AND hotkey")[0]


def one_close(offset: int) -> str:
    agreed = f"(SELECT close_at_ms FROM closes WHERE close_e8 IS NOT NULL ORDER BY close_at_ms LIMIT 1 OFFSET {offset})"
    return f"close_at_ms = {agreed}"


def one_sum(offset: int) -> str:
    """A round through which the sums of one generation alone are kept."""
    return (
        "(SELECT through_ms FROM sharing GROUP BY through_ms HAVING count(*) = 1 "
        f"ORDER BY through_ms LIMIT 1 OFFSET {20 + offset})"
    )


PLANTED = f"x'{encode_sums(GenerationSums(1, (), (), {})).hex()}'"


# Every statement changes a round or close of its own, so that the differences cannot meet.
ONE_CHANGE_EACH = [
    (f"UPDATE scores SET loss_nano = loss_nano - 1 WHERE {one(1)}", "scores.loss_nano"),
    (f"UPDATE scores SET gain_nano = gain_nano + 1 WHERE {one(2)}", "scores.gain_nano"),
    (f"UPDATE scores SET status = 'silent' WHERE {one(3)}", "scores.status"),
    (f"DELETE FROM scores WHERE {one(4)}", "scores.row"),
    (f"UPDATE pays SET accrued_micros = accrued_micros + 1 WHERE {one(5)}", "pays.accrued_micros"),
    (f"UPDATE pays SET skill_nano = skill_nano + 1 WHERE {one(6)}", "pays.skill_nano"),
    (f"UPDATE pays SET detail = json_set(detail, '$.rest_nano', 7) WHERE {one(7)}", "pays.detail.rest_nano"),
    (f"UPDATE pays SET detail = json_set(detail, '$.parts[0][1]', 7) WHERE {one(31)}", "pays.detail.parts"),
    (f"UPDATE pays SET divisor_nano = divisor_nano + 1 WHERE {one(30)}", "pays.divisor_nano"),
    (f"UPDATE pays SET detail = '' WHERE {one(8)}", "pays.detail"),
    (f"DELETE FROM pays WHERE {one(9)}", "pays.row"),
    (f"UPDATE closes SET close_e8 = close_e8 + 1 WHERE {one_close(330)}", "closes.close_e8"),
    (f"UPDATE closes SET reason = 'all-within' WHERE {one_close(331)} AND reason = 'median'", "closes.reason"),
    (
        "UPDATE closes SET evidence = CAST(replace(CAST(evidence AS TEXT), '}]}', '}] }') AS BLOB) "
        f"WHERE {one_close(332)}",
        "closes.evidence",
    ),
    (f"UPDATE submissions SET status = 'invalid-answer' WHERE {one(10)}", "submissions.status"),
    (f"UPDATE submissions SET reason = 'liked it' WHERE {one(11)}", "submissions.reason"),
    (f"UPDATE commitments SET commitment = zeroblob(32) WHERE {one(12)}", "commitments.evidence"),
    (f"UPDATE rounds SET baseline_loss_nano = 1 WHERE {one_round(13)}", "rounds.baseline_loss_nano"),
    (f"UPDATE rounds SET truth_digest = zeroblob(32) WHERE {one_round(14)}", "rounds.truth_digest"),
    (f"UPDATE rounds SET anchor_close_e8 = 1 WHERE {one_round(15)}", "rounds.anchor_close_e8"),
    (f"UPDATE rounds SET sigma_pico = sigma_pico + 1 WHERE {one_round(16)}", "rounds.sigma_pico"),
    (f"UPDATE rounds SET opening = x'00' WHERE {one_round(17)}", "rounds.opening"),
    (f"UPDATE rounds SET due_at_ms = 1 WHERE {one_round(18)}", "rounds.due_at_ms"),
    (f"UPDATE rounds SET reason = 'late' WHERE {one_round(19)}", "rounds.reason"),
    ("UPDATE epochs SET paid_micros = paid_micros + 1 WHERE (epoch, question) = "
     "(SELECT epoch, question FROM epochs ORDER BY epoch, question LIMIT 1)", "epochs.paid_micros"),
    ("UPDATE accounts SET balance_micros = balance_micros + 1 WHERE account = 'reserve'", "accounts.balance_micros"),
    ("UPDATE transactions SET memo = 'mine' WHERE id = 9", "postings.memo"),
    ("INSERT INTO transactions (transaction_id, at_ms, kind, memo) VALUES ('gift', 1, 'accrual', '')",
     "transactions.gift"),
    (f"UPDATE sharing SET sums = {PLANTED} WHERE through_ms = {one_sum(0)}", "sharing.sums"),
    (f"UPDATE sharing SET sums = x'00' WHERE through_ms = {one_sum(1)}", "sharing.sums"),
    (f"UPDATE sharing SET generation = generation - 1 WHERE through_ms = {one_sum(2)}", "sharing.row"),
    (f"UPDATE sharing SET through_ms = through_ms + 1 WHERE through_ms = {one_sum(3)}", "sharing.rows"),
    ("INSERT INTO pays SELECT 999999, hotkey, question, anchor_at_ms, epoch, 1, 1, 1, 1, '{}' FROM pays LIMIT 1",
     "pays.rows"),
]  # fmt: skip


def test_every_change_is_one_difference_and_there_are_no_others(copy):
    for statement, _ in ONE_CHANGE_EACH:
        execute(copy, statement)
    findings = findings_of(copy)
    assert Counter(field for _, field in ONE_CHANGE_EACH) == findings.found
    assert {} == findings.unchecked


UNPROVED = [
    (f"UPDATE submissions SET answer = zeroblob(length(answer)) WHERE {one(20)}", "submissions.evidence"),
    (f"UPDATE submissions SET answer = zeroblob(8) WHERE {one(21)}", "submissions.answer"),
    (f"UPDATE submissions SET salt = zeroblob(32) WHERE {one(22)}", "submissions.evidence"),
    (f"UPDATE submissions SET evidence = zeroblob(length(evidence)) WHERE {one(23)}", "submissions.evidence"),
    (f"UPDATE submissions SET evidence = x'', form = NULL, answer = NULL WHERE {one(24)}", "submissions.evidence"),
    (f"UPDATE submissions SET received_at_ms = received_at_ms + 60000 WHERE {one(25)}", "submissions.evidence"),
    (f"UPDATE commitments SET received_at_ms = received_at_ms + 60000 WHERE {one(26)}", "commitments.evidence"),
]


def test_an_answer_that_does_not_verify_leaves_its_miner_as_stored_and_the_sharing_unchecked(copy, true_findings):
    for statement, _ in UNPROVED[:6]:
        execute(copy, statement)
    findings = findings_of(copy)
    assert Counter(field for _, field in UNPROVED[:6]) == findings.found
    assert 6 <= findings.unchecked[SHARING_GONE].count
    assert true_findings.checked["scores"] > findings.checked["scores"]
    assert true_findings.digest == findings.digest


def test_a_commitment_out_of_its_window_is_found(copy):
    execute(copy, UNPROVED[6][0])
    assert {UNPROVED[6][1]: 1} == findings_of(copy).found


def test_a_close_without_readable_reports_is_found_with_all_that_rests_on_it(copy):
    execute(copy, f"UPDATE closes SET evidence = x'7b7d' WHERE {one_close(340)}")
    assert 1 == findings_of(copy).found["closes.evidence"]


def test_a_close_whose_verdict_was_changed_is_found(copy):
    changed = "CAST(replace(CAST(evidence AS TEXT), 'counted', 'outlier') AS BLOB)"
    execute(copy, f"UPDATE closes SET evidence = {changed} WHERE {one_close(340)}")
    assert {"closes.verdict 1", "closes.verdict 2", "closes.verdict 3"} >= findings_of(copy).found.keys() != set()


def test_a_posting_that_was_changed_is_named_by_its_account(copy):
    [(account, amount)] = execute(
        copy,
        "SELECT accounts.account, amount_micros FROM postings JOIN accounts ON accounts.id = postings.account "
        "WHERE accounts.account LIKE 'accrued/%' AND amount_micros > 0 LIMIT 1",
    )
    execute(
        copy,
        "UPDATE postings SET amount_micros = amount_micros + 5 WHERE amount_micros > 0 AND "
        "account = (SELECT id FROM accounts WHERE account = ?)",
        account,
    )
    findings = findings_of(copy)
    assert {f"postings.{account}"} == findings.found.keys()
    assert (str(amount + 5), str(amount)) == (findings.differences[0].stored, findings.differences[0].recomputed)


def test_an_opening_with_another_sigma_is_found_and_everything_goes_on_with_the_true_one(copy):
    [(round_, raw)] = execute(copy, f"SELECT round, opening FROM rounds WHERE round = {one_round(5)[8:]}")
    opening = codec.decode_opening(raw)
    object.__setattr__(opening, "sigma_pico", Pico(opening.sigma_pico + 1))
    execute(copy, "UPDATE rounds SET opening = ? WHERE round = ?", codec.encode_opening(opening), round_)
    assert {"rounds.opening.sigma_pico": 1} == findings_of(copy).found


def test_a_miner_that_is_hidden_from_the_registry_does_not_hide_its_silence(copy):
    execute(copy, "UPDATE miners SET registered_at_ms = ?", NOON)
    findings = findings_of(copy)
    assert "scores.row" in findings.found


def test_a_round_cannot_be_made_void_afterwards(copy):
    execute(
        copy,
        "UPDATE rounds SET state = 'void', anchor_close_e8 = NULL, resolved_at_ms = NULL, truth_digest = NULL, "
        f"baseline_loss_nano = NULL, due_at_ms = NULL WHERE round = {one_round(5)[8:]}",
    )
    findings = findings_of(copy)
    assert 1 == findings.found["rounds.state"]
    assert findings.found["scores.row"]


def test_an_epoch_that_was_never_paid_is_a_difference(copy):
    [(epoch,)] = execute(copy, "SELECT min(epoch) + 2 FROM epochs")
    for statement in (
        "DELETE FROM epochs WHERE epoch = ?",
        'DELETE FROM postings WHERE "transaction" IN (SELECT id FROM transactions WHERE transaction_id LIKE '
        "'epoch_close/%/' || ?)",
        "DELETE FROM transactions WHERE transaction_id LIKE 'epoch_close/%/' || ?",
    ):
        execute(copy, statement, epoch)
    findings = findings_of(copy)
    assert 1 <= findings.found["epochs.closed_at_ms"]
