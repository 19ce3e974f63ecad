"""The parts of `runnable/local_network.py`: who plays, the weeks before, the processes, the view, the report."""
