"""Answers as arrays: between the bytes that travel and the numbers that models make and rules read."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from protocol.messages import Answer, DType

_LITTLE_ENDIAN: Final[dict[str, np.dtype[Any]]] = {"float32": np.dtype("<f4"), "float64": np.dtype("<f8")}
_WORDS: Final[dict[type, DType]] = {np.float32: "float32", np.float64: "float64"}


def answer_array(answer: Answer) -> NDArray[np.floating[Any]]:
    """The answer's numbers, read-only, in its shape: a view of the bytes, not a copy.

    They may be infinite or no number at all: whoever reads them checks that first.
    """
    return np.frombuffer(answer.values, dtype=_LITTLE_ENDIAN[answer.dtype]).reshape(answer.shape)


def answer_of(array: NDArray[Any]) -> Answer:
    """The answer that carries these numbers, row after row.

    array: float32 or float64, 1 to 3 dimensions. Raises ValueError (ours) for any other dtype, and Malformed
    for a shape that no answer can have. Nothing is converted: what was not rounded to float32 is not rounded here.
    """
    dtype = _WORDS.get(array.dtype.type)
    if dtype is None:
        raise ValueError(f"an answer holds float32 or float64, not {array.dtype}")
    return Answer(array.shape, dtype, array.astype(_LITTLE_ENDIAN[dtype], order="C", copy=False).tobytes())
