"""docs/features.md lists what can be chosen, as it is."""

from __future__ import annotations

import re

from mining_objects.candle_features import FEATURES
from tests.support.sources import ROOT


def test_the_features_page_lists_every_feature_as_it_is():
    page = (ROOT / "docs/features.md").read_text(encoding="utf-8")
    rows = [f"| `{f.name}` | {f.meaning} | {f.warm_up} | {f.memory} |" for f in FEATURES.values()]

    assert rows == re.findall(r"^\| `[a-z]\w*` \| .* \| \d+ \| \d+ \|$", page, re.M)
