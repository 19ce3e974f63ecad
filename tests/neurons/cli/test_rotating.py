"""`augury keys rotate`, against a real validator on loopback."""

from __future__ import annotations

import json

import pytest

from neurons.cli.rotating import read_statement
from neurons.keystore import create_key_file
from protocol.errors import AuguryError
from tests.support.world import signing_key

ANN = signing_key("ann").hotkey.hex()


async def rotated(ask, who: str, *words: str):
    return await ask(who, "keys", "rotate", *words)


def test_a_new_key_has_the_streams_the_name_and_the_points_of_the_old_one(town, tmp_path):
    async def scenario(node, ask):
        before = json.loads((await ask("ann", "balance", "--json")).stdout)
        new = ("--to", str(tmp_path / "new.json"), "--unencrypted", "--yes")
        told = await rotated(ask, "ann", *new)
        assert 0 == told.exit_code, told.output
        assert "taken" in told.stdout
        assert f"From now on sign with {tmp_path / 'new.json'}" in told.stdout
        assert before == json.loads((await ask("new", "balance", "--json")).stdout)
        assert 0 == (await ask("new", "publish", "cop", "12.5")).exit_code
        old = await ask("ann", "publish", "cop", "12.5")
        assert (2, f"augury: key {ANN[:8]} was handed over or revoked\n") == (old.exit_code, old.stderr)
        again = await rotated(ask, "ann", *new)
        assert (0, True) == (again.exit_code, "taken" in again.stdout)
        other = await rotated(ask, "ann", "--to", str(tmp_path / "other.json"), "--unencrypted", "--yes")
        assert (2, True) == (other.exit_code, "a key is handed over once" in other.stderr)

    town(scenario)


def test_a_name_that_the_validator_does_not_know_is_told_before_the_key_ends(town, tmp_path):
    async def scenario(node, ask):
        node.keeper.book.state.letters.pop(ANN)
        node.keeper.nonces.pop(signing_key("ann").hotkey)
        await rotated(ask, "ann", "--to", str(tmp_path / "new.json"), "--unencrypted", "--yes")
        assert 0 == (await ask("new", "publish", "cop", "12.5")).exit_code

    town(scenario)


def test_a_revoked_key_is_refused_at_once(town):
    async def scenario(node, ask):
        told = json.loads((await rotated(ask, "ann", "--revoke", "--yes", "--json")).stdout)
        assert [""] == [one["why"] for one in told["validators"]]
        assert "00" * 32 == told["succession"]["after"]
        refused = await ask("ann", "streams")
        assert (2, f"augury: key {ANN[:8]} was handed over or revoked\n") == (refused.exit_code, refused.stderr)

    town(scenario)


def test_a_validator_that_is_away_is_named_and_the_statement_kept_for_it(town, tmp_path):
    async def scenario(node, ask):
        listed = tmp_path / "validators.txt"
        listed.write_text(listed.read_text() + f"{signing_key('away').hotkey.hex()} 127.0.0.1:9\n")
        told = await rotated(ask, "ann", "--revoke", "--yes", "--json")
        assert 1 == told.exit_code, told.output
        reached, away = json.loads(told.stdout)["validators"]
        assert "" == reached["why"]
        assert "127.0.0.1:9" in away["why"]
        assert ANN == read_statement(tmp_path / "ann.succession.json").before.hex()

    town(scenario)


def test_nothing_happens_unless_it_is_meant(town, tmp_path):
    async def scenario(node, ask):
        for words, why in (
            ((), "say what follows the key"),
            (("--to", "a.json", "--revoke"), "say what follows the key"),
            (("--revoke",), "ends for ever, with all that it has: say --yes"),
            (("--to", str(tmp_path / "new.json"), "--unencrypted"), "which signs nothing more: say --yes"),
        ):
            told = await rotated(ask, "ann", *words)
            assert (2, True) == (told.exit_code, why in told.stderr), told.output
        assert not (tmp_path / "new.json").exists()
        assert not (tmp_path / "ann.succession.json").exists()
        assert 0 == (await ask("ann", "balance")).exit_code

    town(scenario)


def test_a_statement_that_was_altered_is_not_believed(town, tmp_path):
    path = tmp_path / "ann.succession.json"

    async def scenario(node, ask):
        await rotated(ask, "ann", "--revoke", "--yes")
        told = json.loads(path.read_text())
        other = create_key_file(tmp_path / "other.json", entropy=bytes, passphrase=None)
        for change in ({"after": other.hotkey.hex()}, {"format": "else/1"}, {"consent": "00"}, {"network": 7}):
            path.write_text(json.dumps(told | change))
            with pytest.raises(AuguryError):
                read_statement(path)
        path.write_text("{")
        broken = await rotated(ask, "ann", "--revoke", "--yes")
        assert (2, True) == (broken.exit_code, "is no whole statement of a succession" in broken.stderr)

    town(scenario)
