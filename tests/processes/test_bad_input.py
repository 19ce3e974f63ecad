"""Bad input to real processes: one sentence, exit code 2, and nothing of what was there is changed."""

from __future__ import annotations

import shutil
import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mining_objects.installed_weights import installed_weights
from neurons.keystore import create_key_file
from protocol.rules.challenges import SILENT, VALID
from protocol.units import HOUR_MS, MINUTE_MS
from runnable.demo.cast import SERIES
from tests.support.processes import FAST, ROOT, Program, Town

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


def contents(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def refused(program: Program) -> str:
    """The one sentence with which it would not start."""
    assert 2 == program.process.wait(60), program.errors()
    [sentence] = program.errors().splitlines()
    return sentence


def without_torch(folder: Path) -> str:
    """A PYTHONPATH on which torch is not to be found."""
    stub = folder / "torch"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text('raise ModuleNotFoundError("No module named \'torch\'", name="torch")\n')
    return f"{folder}:{ROOT}"


def test_what_cannot_work_is_refused_before_anything_is_touched(found_town, tmp_path):
    town: Town = found_town(scale=FAST, start_in_s=60)
    sealed, exposed, passphrase = tmp_path / "sealed.json", tmp_path / "exposed.json", tmp_path / "passphrase"
    create_key_file(sealed, entropy=lambda count: b"\x07" * count, passphrase=b"correct horse")
    shutil.copy(sealed, exposed)
    exposed.chmod(0o644)
    passphrase.write_text("wrong horse\n")
    passphrase.chmod(0o600)
    damaged = tmp_path / "damaged"
    shutil.copytree(installed_weights("lstm"), damaged)
    with (damaged / "weights.safetensors").open("ab") as weights:
        weights.write(b"x")
    (tmp_path / "typo.toml").write_text("[listen]\nprot = 8090\n")
    before = contents(town.cast.database)

    def as_validator(*flags: str, **environment: str) -> Program:
        name = f"refused-{len(town.programs)}"
        return town.start(name, town.validator_command("--listen.port", "0", *flags), **environment)

    def as_miner(*flags: str, **environment: str) -> Program:
        return town.start(f"refused-{len(town.programs)}", town.miner_command("flat", *flags), **environment)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        wrong = {
            "mode 0644 lets others read it; run: chmod 600": as_validator("--key_file", str(exposed)),
            "the passphrase does not open this file": as_validator(
                "--key_file", str(sealed), "--passphrase_file", str(passphrase)
            ),
            "give passphrase_file or AUGURY_PASSPHRASE": as_validator("--key_file", str(sealed)),
            "made for network augury-demo, this node runs augury-main": as_validator("--params", "main"),
            "listen.prot is no setting; did you mean listen.port?": as_validator(
                "--config", str(tmp_path / "typo.toml")
            ),
            "AUGURY_LISTEN__PROT is no setting; did you mean AUGURY_LISTEN__PORT?": as_validator(
                AUGURY_LISTEN__PROT="1"
            ),
            "--listen.prot is no setting; did you mean listen.port?": as_validator("--listen.prot", "1"),
            "no model is called 'lstmm'; there are flat": as_miner("--base_model", "lstmm"),
            "is damaged or exchanged: SHA-256": as_miner("--base_model", "lstm", "--weights", str(damaged)),
            "needs torch, which is not installed: pip install 'augury[miner]'": as_miner(
                "--base_model", "lstm", PYTHONPATH=without_torch(tmp_path / "stub")
            ),
            f"127.0.0.1:{port} is taken by another process": as_miner("--listen.port", port),
        }
        sentences = {wanted: refused(program) for wanted, program in wrong.items()}
    assert {} == {wanted: said for wanted, said in sentences.items() if wanted not in said}
    assert before == contents(town.cast.database)


def test_a_second_validator_and_an_older_release_leave_a_database_alone(found_town):
    town: Town = found_town(scale=FAST, start_in_s=60)
    first = town.start_validator()
    first.ready()
    second = town.start("second", town.validator_command("--listen.port", "0"))
    assert f"is in use by process {first.process.pid}: two nodes on one database" in refused(second)
    assert 0 == first.end(signal.SIGTERM)

    with closing(sqlite3.connect(town.cast.database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    before = contents(town.cast.database)
    older = town.start("older", town.validator_command())
    assert "has schema revision 0999, this release knows up to" in refused(older)
    assert before == contents(town.cast.database)


def test_lying_and_hanging_venues_and_a_miner_that_falls_silent_cost_nobody_else_anything(found_town):
    town: Town = found_town(scale=FAST)
    town.start_everybody()
    validator, liar = town.validator, next(iter(town.venue_ports))

    def reasons() -> set[str]:
        lines = town.programs["validator"].lines()
        return {line["reason"] for line in lines if line["event"] == "venue_failed" and line["venue"] == liar}

    def newest_close():
        now = town.now_ms()
        return max(validator.ask(lambda store: store.closes(SERIES, from_ms=now - 9 * HOUR_MS, to_ms=now)), key=_at)

    honest = town.until(newest_close, "there is a close")
    town.spoil(liar, lie_bp=300)
    town.until(lambda: any("did not count: outlier" in reason for reason in reasons()), "the lie is told")
    lied_to = newest_close()
    assert abs(lied_to.close_e8 - honest.close_e8) * 50 < honest.close_e8, "a lie of 3% moves no close by 2%"
    town.spoil(liar, hang=True)
    town.until(lambda: any("timeout" in reason for reason in reasons()), "the silence is told")
    town.until(lambda: newest_close().close_at_ms > lied_to.close_at_ms + HOUR_MS, "closes go on without it")
    town.spoil(liar)

    town.programs["flat"].signal(signal.SIGSTOP)
    stopped_ms = town.now_ms()

    def round_of_one():
        for row in validator.rounds(state="scoring", from_ms=stopped_ms + 31 * MINUTE_MS):
            answers = validator.submissions(row.round_id)
            if {town.hotkey("ewma"): VALID} == {hotkey: answer.status for hotkey, answer in answers.items()}:
                return row.round_id
        return None

    alone = town.until(round_of_one, "a round goes on with the other miner")
    assert {town.hotkey("ewma")} == validator.commitments(alone).keys()
    town.programs["flat"].signal(signal.SIGCONT)
    back_ms = town.now_ms()
    town.until(
        lambda: any(
            len(validator.submissions(row.round_id)) == 2
            for row in validator.rounds(state="scoring", from_ms=back_ms + 31 * MINUTE_MS)
        ),
        "it answers again",
    )
    assert all(row.offences == 0 for row in validator.ask(lambda store: store.miners()))
    assert SILENT not in {row.status for row in validator.submissions(alone).values()}


def _at(row) -> int:
    return row.close_at_ms
