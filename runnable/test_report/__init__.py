"""The parts of `runnable/miner_testing.py`: who is tested, the rounds they play, what they are paid, and the report."""
