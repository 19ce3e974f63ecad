"""`augury publish`, against a real validator on loopback."""

from __future__ import annotations

import json
import sys

from neurons.keystore import create_key_file

PRINTS = (sys.executable, "-c")


async def values(ask, name: str) -> list[str]:
    told = await ask("near", "lags", name, "--json")
    return [one["value"] for one in json.loads(told.stdout)]


def test_a_value_is_published_once_and_its_place_among_forecasts_is_told(town):
    async def scenario(node, ask):
        told = await ask("ann", "publish", "cop", "--", "-12.5")
        assert 0 == told.exit_code, told.output
        assert "  cop.json  -12.5  fell at 0." in told.stdout
        assert " of 70 s" in told.stdout
        assert "-12.5" == (await values(ask, "cop.json"))[0]
        first = await ask("near", "publish", "rain.json", "0.25", "--budget", "0.5", "--rule", "logpool", "--json")
        assert json.loads(first.stdout)["refused"] == [], first.output
        [rain] = [
            one for one in json.loads((await ask("ann", "streams", "--json")).stdout) if one["name"] == "rain.json"
        ]
        assert ("logpool", 500_000) == (rain["rule"], rain["budget_micros"])

    town(scenario)


def test_what_is_no_number_takes_a_word_more(town):
    async def scenario(node, ask):
        refused = await ask("ann", "publish", "note", '{"a": 1}')
        assert (2, "") == (refused.exit_code, refused.stdout)
        assert refused.stderr == """augury: '{"a": 1}' is no number; --any takes lists, objects and text too\n"""
        taken = await ask("ann", "publish", "note", '{"a": 1}', "--any")
        assert 0 == taken.exit_code, taken.output
        assert ['{"a": 1}'] == await values(ask, "note.json")

    town(scenario)


def test_refusals_and_wrong_words_are_one_sentence(town):
    async def scenario(node, ask):
        foreign = await ask("near", "publish", "cop", "1")
        assert (2, "augury: only its owner may publish cop.json\n") == (foreign.exit_code, foreign.stderr)
        for words in (("1", "2"), ("1", "--count", "3"), ("1", "--aligned")):
            wrong = await ask("ann", "publish", "cop", *words)
            assert (2, True) == (wrong.exit_code, "or say how often to run a command" in wrong.stderr)
        span = await ask("ann", "publish", "cop", "--every", "5", "--", "true")
        assert (2, "augury: --every: '5' is no span: write 90s, 5m, 1h or 2d\n") == (span.exit_code, span.stderr)
        name = await ask("ann", "publish", "a~b", "1")
        assert (2, True) == (name.exit_code, "is no stream name" in name.stderr)

    town(scenario)


def test_a_key_without_a_name_is_told_how_to_find_one_before_anything_is_run(town, tmp_path):
    async def scenario(node, ask):
        create_key_file(tmp_path / "nobody.json", entropy=bytes, passphrase=None)
        for words in (("1",), ("--every", "2s", "--count", "1", "--", "false")):
            told = await ask("nobody", "publish", "cop", *words)
            assert (2, "") == (told.exit_code, told.stdout)
            assert told.stderr.startswith("augury: publishing takes a name of 6 letters, and none lies beside ")
            assert told.stderr.endswith(f"augury keys mine --file {tmp_path / 'nobody.json'} --difficulty 6\n")

    town(scenario)


def test_a_commands_output_is_published_again_and_again(town, tmp_path):
    counter = tmp_path / "count"
    script = f"import pathlib; p = pathlib.Path({str(counter)!r}); n = len(p.read_text()) if p.exists() else 0; "
    script += "p.write_text('x' * (n + 1)); print(n)"

    async def scenario(node, ask):
        told = await ask("ann", "publish", "ticks", "--every", "1100ms", "--count", "3", "--", *PRINTS, script)
        assert 0 == told.exit_code, told.output
        assert ["0", "1", "2"] == [line.split()[-1] for line in told.stdout.splitlines()]
        assert ["2.0", "1.0", "0.0"] == await values(ask, "ticks.json")
        as_json = await ask("ann", "publish", "other", "--every", "2s", "--count", "1", "--json", "--", "echo 7 | cat")
        assert ("published", {"other.json": "7"}) == (
            json.loads(as_json.stdout)["outcome"],
            json.loads(as_json.stdout)["values"],
        )

    town(scenario)


def test_a_command_that_fails_is_told_and_the_rest_goes_on(town):
    async def scenario(node, ask):
        for script, why in (
            ("print('warm')", "'warm' is no number"),
            ("raise SystemExit(3)", "ended with 3"),
            ("print('1' * 200_000)", "printed more than 100000 bytes"),
            ("pass", "quiet: nothing to publish"),
        ):
            told = await ask("ann", "publish", "ticks", "--every", "2s", "--count", "1", "--", *PRINTS, script)
            assert 0 == told.exit_code, told.output
            assert "" == told.stdout
            assert why in told.stderr
        missing = await ask("ann", "publish", "ticks", "--every", "2s", "--count", "1", "--", "no-such-program")
        assert "failed: FileNotFoundError" in missing.stderr
        slow = await ask(
            "ann", "publish", "ticks", "--every", "1s", "--count", "1", "--", *PRINTS, "import time; time.sleep(60)"
        )
        assert "failed: TimeoutError: no reading within 1000 ms" in slow.stderr

    town(scenario)
