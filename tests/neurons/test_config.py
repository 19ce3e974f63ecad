"""Settings: which source wins, and what a person reads who mistyped one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from neurons.config import PREFIX, parse, passphrase_from_environment, settings_of
from neurons.settings import MinerSettings, SeriesSettings, ValidatorSettings, VenueSettings
from protocol.errors import InvalidSetting

ROOT = Path(__file__).parents[2]
KRAKEN = '{ exchange = "kraken", symbol = "BTC/USD" }'


def validator(*flags: str, **variables: str) -> ValidatorSettings:
    return parse(ValidatorSettings, ("--admit", "open", *flags), command="augury validator", environment=variables)


def refusal(*flags: str, **variables: str) -> str:
    with pytest.raises(InvalidSetting) as refused:
        validator(*flags, **variables)
    return str(refused.value)


@pytest.fixture
def toml(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "augury.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(toml):
    file = toml('params = "demo"\n[listen]\nport = 1\nhost = "h1"\n[log]\nlevel = "error"\n')
    settings = validator(
        "--config", file, "--listen.port", "3", AUGURY_LISTEN__PORT="2", AUGURY_LISTEN__HOST="h2", AUGURY_PARAMS="main"
    )
    assert 3 == settings.listen.port
    assert "h2" == settings.listen.host
    assert "main" == settings.params
    assert "error" == settings.log.level
    assert "json" == settings.log.format


def test_one_key_of_a_section_leaves_the_others_at_the_nodes_own_default(toml):
    assert 8090 == validator("--listen.host", "0.0.0.0").listen.port
    miner = parse(MinerSettings, ["--config", toml('[listen]\nhost = "h"')], command="augury miner", environment={})
    assert 8091 == miner.listen.port
    assert "h:8091" == miner.advertised


def test_the_file_may_be_named_by_the_environment(toml):
    assert 77 == validator(AUGURY_CONFIG=toml("[listen]\nport = 77")).listen.port


def test_a_switch_has_a_flag_for_each_side():
    assert validator("--allow_private_endpoints").allow_private_endpoints
    assert not validator("--no-metrics.enabled").metrics.enabled
    assert not validator(AUGURY_METRICS__ENABLED="false").metrics.enabled


def test_a_list_is_a_table_in_the_file_and_json_elsewhere(toml):
    by_file = validator("--config", toml(f'[[series]]\nname = "BTC-USD"\nvenues = [{KRAKEN}]'))
    json = '[{"name": "BTC-USD", "venues": [{"exchange": "kraken", "symbol": "BTC/USD"}]}]'
    assert by_file == validator("--series", json)
    assert by_file == validator(AUGURY_SERIES=json)
    assert "kraken" == by_file.series[0].venues[0].label


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[listen]\nprt = 1", "augury.toml: listen.prt is no setting; did you mean listen.port?"),
        ("[lisen]\nport = 1", "augury.toml: lisen is no setting; did you mean listen?"),
        ("data-dir = 'x'", "augury.toml: data-dir is no setting; did you mean data_dir?"),
        ("port = 1", "augury.toml: port is no setting; did you mean listen.port?"),
        ("[listen]\nport = 'http'", "augury.toml: listen.port = 'http': input should be a valid integer"),
        ("[listen]\nport = 70000", "augury.toml: listen.port = 70000: input should be less than or equal to 65535"),
        ("params = 'mian'", "augury.toml: params = 'mian': input should be 'main', 'day' or 'demo'"),
        ("listen = 3", "augury.toml: listen = 3: input should be a valid dictionary"),
        ("admit = open", "augury.toml: is no TOML: Invalid value (at line 1, column 9)"),
        ("[clock]\nscale = 600", "clock: a scale other than 1 needs sim_origin_ms and wall_origin_ms"),
        ("[clock]\nscale = 0", "augury.toml: clock.scale = 0: input should be greater than or equal to 1"),
        ("series = []", "augury.toml: series = []: tuple should have at least 1 item"),
        (
            f"[[series]]\nname = 'BTC-USD'\nvenues = [{KRAKEN}, {KRAKEN}]",
            "series.0: two venues of BTC-USD have the same name",
        ),
        (
            "[[series]]\nname = 'BTC-USD'\nvenues = [{exchange = 'kraken', symbl = 'BTC/USD'}]",
            "augury.toml: series.0.venues.0.symbl is no setting; did you mean series.0.venues.0.symbol?",
        ),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence_with_file_key_and_remedy(toml, text, sentence):
    said = refusal("--config", toml(text))
    assert sentence in said
    assert "\n" not in said


def test_the_login_of_an_address_is_not_repeated_to_whoever_made_a_mistake_in_it(toml):
    text = "venues = [{ exchange = 'kraken', symbol = 'BTC/USD', base_url = 'ftp://me:hunter2@host' }]"
    said = refusal("--config", toml(f"[[series]]\nname = 'BTC-USD'\n{text}"))
    assert "base_url = 'ftp://host': string should match" in said


def test_mistakes_on_the_command_line_and_in_the_environment_say_where_they_stand():
    assert "the command line: --listen.prot is no setting; did you mean listen.port?" == refusal("--listen.prot", "1")
    assert "the command line: argument --params: expected one argument" == refusal("--params")
    assert "the environment: AUGURY_LISTEN__PORT = 'x': input should be a valid integer" in refusal(
        AUGURY_LISTEN__PORT="x"
    )
    assert "the environment: AUGURY_LISTEN__PROT is no setting; did you mean AUGURY_LISTEN__PORT?" == refusal(
        AUGURY_LISTEN__PROT="1"
    )
    assert "--series must be JSON" in refusal("--series", "[{")
    assert "cannot be read: No such file" in refusal("--config", "/nowhere/augury.toml")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "augury.toml"
    path.write_bytes(b"\xff\xfe")
    assert "is no TOML" in refusal("--config", str(path))


def test_variables_of_another_node_and_of_other_programs_are_left_alone():
    assert validator(AUGURY_BASE_MODEL="lstm", PATH="/bin", AUGURY_RECORDINGS="x", AUGURY_PASSPHRASE="p")


def test_admitting_by_list_needs_the_list():
    with pytest.raises(InvalidSetting, match="miners_file is needed"):
        parse(ValidatorSettings, [], command="augury validator", environment={})


def test_settings_cannot_be_changed_after_they_are_read():
    settings = validator()
    with pytest.raises(ValidationError):
        settings.params = "demo"  # type: ignore[misc]


def test_the_passphrase_comes_from_the_environment_and_is_in_no_settings():
    variables = {"AUGURY_PASSPHRASE": "correct horse"}
    assert b"correct horse" == passphrase_from_environment(variables)
    assert passphrase_from_environment({}) is None
    assert "correct horse" not in repr(validator(**variables))


def test_paths_default_into_the_data_folder():
    settings = validator("--data_dir", "/data")
    assert Path("/data/hotkey.json") == settings.key_path
    assert "sqlite+aiosqlite:////data/augury.sqlite" == settings.database_url


@pytest.mark.parametrize("model", [ValidatorSettings, MinerSettings])
def test_every_setting_is_described_in_help_and_can_be_given_as_a_flag(model, capsys):
    with pytest.raises(SystemExit):
        parse(model, ["--help"], command="augury", environment={})
    shown = " ".join(capsys.readouterr().out.split())
    for setting in settings_of(model):
        assert setting.flag in shown
        assert setting.description.endswith((".", "comment.")), setting.key
        assert " ".join(setting.description.split()[:3]) in shown


@pytest.mark.parametrize("model", [SeriesSettings, VenueSettings])
def test_every_key_of_a_list_element_is_described(model):
    assert all(field.description for field in model.model_fields.values())


def test_nothing_else_reads_the_environment():
    readers = {
        str(path.relative_to(ROOT))
        for folder in ("protocol", "neurons", "mining_objects")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
        or (isinstance(node, ast.ImportFrom) and any(name.name in {"environ", "getenv"} for name in node.names))
    }
    assert {"neurons/config.py"} == readers


def test_variables_are_spelled_as_documented():
    by_key = {setting.key: setting.variable for setting in settings_of(ValidatorSettings)}
    assert f"{PREFIX}LISTEN__PORT" == by_key["listen.port"]
    assert f"{PREFIX}ALLOW_PRIVATE_ENDPOINTS" == by_key["allow_private_endpoints"]
