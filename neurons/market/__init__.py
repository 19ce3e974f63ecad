"""The market as a node sees it: venues, recordings, a generated market, and the watcher that agrees closes."""
