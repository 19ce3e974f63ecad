"""History on demand: candles of many venues downloaded into one folder that any number of runs agree on.

    request --> one task a venue (download) --> month files (blocks) --> checks --> report.json, manifest.json
                                                     └── agreed closes (agreed) ──┘

The month files are the only memory: each says which venue and period it covers, and is replaced whole.
"""
