"""What every node computes alike: same inputs, same bits, on every machine."""
