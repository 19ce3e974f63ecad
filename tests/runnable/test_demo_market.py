"""The demo's market: which recorded files it takes, and which exchanges its venues speak like."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurons.market.dialects.known import DIALECTS
from neurons.settings import VenueSettings
from protocol.errors import InvalidSetting
from runnable.demo.market import generated, recorded
from runnable.price_venue import parse


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (["a", "b"], "2 files of 2 names"),
        (["a", "b", "b"], "3 files of 2 names"),
        (["a", "b", "c", "c"], "4 files of 3"),
    ],
)
def test_two_files_of_one_name_are_not_two_venues(names, given):
    with pytest.raises(InvalidSetting, match=given):
        recorded([Path(f"{name}.parquet") for name in names], before_ms=0)


def test_the_three_venues_speak_like_three_exchanges():
    venues = generated(5).venues
    spoken = [parse(venue.flags).dialect for venue in venues.values()]
    assert 3 == len(set(spoken) & set(DIALECTS))
    told = [VenueSettings(**venue.settings(name, "http://127.0.0.1:1")) for name, venue in venues.items()]
    assert spoken == [one.exchange for one in told]
    assert list(venues) == [one.label for one in told]
