"""Everything two strangers must agree on: bytes and rules. Nothing here waits, reads a clock or draws chance."""
