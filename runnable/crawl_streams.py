"""A crawler of your own: `python runnable/crawl_streams.py --validator HOTKEY@HOST:PORT --key-file hotkey.json`.

Copy this file and change `sample`; every other decision of a crawler is a method too (docs/crawling.md). It predicts
open streams until Ctrl-C, under the memorable name that lies beside the key file (`augury keys mine`).
"""

from __future__ import annotations

import sys
from typing import Annotated

import numpy as np
import typer

from mining_objects.samplers import Floats, default_sampler
from neurons.cli.where import Asking, with_options
from neurons.client import StreamWriter
from neurons.client.crawler import Crawler, CrawlSettings
from neurons.name_files import name_path, read_name_file
from neurons.signers import PRESETS, clock_of, key_of
from protocol.units import HOUR_MS, MINUTE_MS
from runnable.plain_errors import run_plainly


class Mine(Crawler):
    """Half of the scenarios are the default's; the others are spread twice as far about the same middle."""

    def sample(self, lagged_values: Floats, lagged_times: Floats, name: str, delay: int) -> Floats:
        # Newest first. Any 225 numbers will do: for the first value that comes `delay` seconds from now or later.
        usual = default_sampler(lagged_values, lagged_times, delay)
        wide = np.median(usual) + 2 * (usual - np.median(usual))
        return np.concatenate([usual[::2], wide[1::2]])

    def exclude_stream(self, name: str) -> bool:
        return "~" in name  # derived streams: z1~cop~70.json and the like


@with_options(Asking)
def crawl(
    asking: Asking,
    *,
    minutes: Annotated[float, typer.Option(help="End after so long; 0 for never.")] = 0.0,
    horizons: Annotated[int, typer.Option(min=1, help="How many to play at once: four to a stream.")] = 40,
    withdraw: Annotated[bool, typer.Option(help="Withdraw all forecasts at the end.")] = False,
) -> None:
    """Predict the open streams of a validator."""
    settings = asking.settings()
    key = key_of(settings)
    name = read_name_file(name_path(settings.key_path), key.hotkey).best
    writer = StreamWriter(
        asking.peer(settings),
        key,
        params=PRESETS[settings.params],
        clock=clock_of(settings),
        name_nonce=name.nonce if name else None,
    )
    crawler = Mine(writer, CrawlSettings(most_horizons=horizons, first_rest_ms=2 * HOUR_MS))
    sys.exit(crawler.run(for_ms=round(minutes * MINUTE_MS) or None, withdraw_at_end=withdraw))


if __name__ == "__main__":
    run_plainly(lambda: typer.run(crawl))
