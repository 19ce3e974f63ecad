"""Replays of recorded exchanges through the rule of agreed closes, for `runnable/replay_prices.py`."""
