"""Replay: a validator's database recomputed from the evidence in it, row by row, and every difference named."""
