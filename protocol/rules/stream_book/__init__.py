"""The open streams of one validator as one aggregate: an action in, effects out, and one way to apply them."""
