"""An answer's numbers, as arrays: little-endian bytes on the wire, numpy in the rules."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.messages import Answer, DType

_LAYOUTS: Final[dict[str, np.dtype[np.floating]]] = {"float32": np.dtype("<f4"), "float64": np.dtype("<f8")}


def answer_array(answer: Answer) -> NDArray[np.floating]:
    """The numbers of an answer in its shape: a read-only view of its bytes, nothing is copied or checked."""
    return np.frombuffer(answer.values, dtype=_LAYOUTS[answer.dtype]).reshape(answer.shape)


def answer_of(numbers: NDArray[np.floating]) -> Answer:
    """An answer from a float32 or float64 array. Raises TypeError (ours) for any other dtype."""
    if numbers.dtype not in (np.float32, np.float64):
        raise TypeError(f"answers are float32 or float64, not {numbers.dtype}")
    dtype: DType = "float32" if numbers.dtype == np.float32 else "float64"
    return Answer(tuple(numbers.shape), dtype, np.ascontiguousarray(numbers, dtype=_LAYOUTS[dtype]).tobytes())
