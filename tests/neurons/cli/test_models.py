"""`augury models`: what there is to forecast with."""

from __future__ import annotations

import json

from mining_objects.cards import read_any_card
from mining_objects.installed_weights import installed_weights
from tests.neurons.cli.conftest import augury


def test_every_model_is_listed_with_its_sentence_and_the_checksum_of_what_it_has_learnt():
    shown = augury("models")
    told = {row["name"]: row for row in json.loads(augury("models", "--json").stdout)}

    assert 0 == shown.exit_code
    assert "ridge regression" in shown.stdout
    assert "lstm_v1   torch  " + read_any_card(installed_weights("lstm"))["card_sha256"][:8] in shown.stdout
    assert read_any_card(installed_weights("har"))["card_sha256"] == told["har"]["checksum"]
    assert ("ewma", "", "") == tuple(told["ewma"][key] for key in ("pinned", "needs", "checksum"))
