"""Everything that learns: features, datasets, models and their checkpoints."""
