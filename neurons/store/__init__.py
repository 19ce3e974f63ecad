"""Everything a node remembers: the Store port over SQLite for life, over dicts for tests and fast-forward."""
