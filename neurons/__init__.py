"""Everything that runs: the validator and miner nodes, their transport, store and view of the market."""
