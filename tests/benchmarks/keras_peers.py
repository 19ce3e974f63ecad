"""Keras as a user would call it, to be measured: run by bench_keras.py with a Python that has tensorflow-cpu.

    python keras_peers.py FEATURES WINDOW UNITS OUTPUTS BATCH

For each line of standard input, `predict`, `function` or `fit`: does so for a while and tells how many windows that
were. An LSTM of UNITS, a dense layer of OUTPUTS, squared error, Adam; TensorFlow takes the threads it likes. Nothing of
this project is imported: it is not installed where Keras is.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

CALLS = 20
SLICE = 4_096


def main() -> None:
    features, window, units, outputs, batch = (int(word) for word in sys.argv[1:])
    layers = [keras.Input((window, features)), keras.layers.LSTM(units), keras.layers.Dense(outputs)]
    model = keras.Sequential(layers)
    model.compile(optimizer="adam", loss="mse")
    chance = np.random.default_rng(1)
    inputs = chance.standard_normal((SLICE, window, features)).astype(np.float32)
    outcomes = chance.standard_normal((SLICE, outputs)).astype(np.float32)
    one, compiled = inputs[:1], tf.function(model)

    def predict() -> int:
        for _ in range(CALLS):
            model.predict(one, verbose=0)
        return CALLS

    def function() -> int:
        for _ in range(CALLS):
            compiled(one).numpy()
        return CALLS

    def fit() -> int:
        model.fit(inputs, outcomes, batch_size=batch, epochs=1, verbose=0)
        return SLICE

    known = {"predict": predict, "function": function, "fit": fit}
    print("> ready", flush=True)
    for line in sys.stdin:
        print(f"> {known[line.strip()]()}", flush=True)


if __name__ == "__main__":
    main()
