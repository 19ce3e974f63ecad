"""What the sharing window holds of one generation, as a value, and as bytes that a store keeps.

Layout, all little-endian: one byte FORMAT; generation (int64), how many anchors and hotkeys (uint32 each) and lags
(uint8); then, as one zlib stream: the anchors (int64 each, ascending), the hotkeys (32 bytes each, ascending), and for
each lag (ascending) its steps (uint32) and four square tables in the order of `LagSums`: one byte w, 0 to 7, then w
planes of hotkeys x hotkeys bytes, row by row, the least significant first: each number in two's complement of w bytes,
the fewest that hold all of its table. Planes, because the high bytes of neighbours are alike and compress to nothing.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.units import HOTKEY_BYTES, Hotkey

LagSums = NDArray[np.int64]
"""Over pairs of rounds compared at one lag, for (i now, j earlier), shape (4, hotkeys, hotkeys): the dot products; the
squared lengths of i over the rounds in which j was there too; those of j; how many pairs of rounds. Below 2**53."""
DOT, NORM_NOW, NORM_EARLIER, ROUNDS = FIGURES = range(4)

FORMAT: Final = 1
HOTKEYS_MOST: Final = 4_096
ANCHORS_MOST: Final = 100_000
_HEAD: Final = struct.Struct("<BqIIB")
_WIDEST: Final = 7
_LEVEL: Final = 1
"""zlib's quickest: what is left after its first pass is noise."""


@dataclass(frozen=True, slots=True, eq=False)
class GenerationSums:  # noqa: PLW1641  nobody hashes megabytes
    """One generation of the window: its rounds, everybody compared in them, and the sums of each lag."""

    generation: int
    anchors_at_ms: tuple[int, ...]
    """Of the rounds that are summed here as the later of a pair, ascending."""
    hotkeys: tuple[Hotkey, ...]
    """Who the places in the sums belong to, ascending."""
    lags: Mapping[int, LagSums]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GenerationSums):
            return NotImplemented
        return (
            (self.generation, self.anchors_at_ms, self.hotkeys, self.lags.keys())
            == (other.generation, other.anchors_at_ms, other.hotkeys, other.lags.keys())
        ) and all(np.array_equal(sums, other.lags[lag]) for lag, sums in self.lags.items())


def encode_sums(sums: GenerationSums) -> bytes:
    """The bytes of a generation's sums. Raises ValueError when there is more than the layout holds (ours)."""
    if len(sums.hotkeys) > HOTKEYS_MOST or len(sums.anchors_at_ms) > ANCHORS_MOST:
        raise ValueError(f"{len(sums.hotkeys)} hotkeys over {len(sums.anchors_at_ms)} rounds are too many to keep")
    head = _HEAD.pack(FORMAT, sums.generation, len(sums.anchors_at_ms), len(sums.hotkeys), len(sums.lags))
    parts = [np.array(sums.anchors_at_ms, dtype="<i8").tobytes(), *sums.hotkeys]
    for lag in sorted(sums.lags):
        parts.append(struct.pack("<I", lag))
        parts += [_planes(table) for table in sums.lags[lag]]
    return head + zlib.compress(b"".join(parts), _LEVEL)


def decode_anchors(stored: bytes) -> tuple[int, ...]:
    """`anchors_at_ms` alone of a generation's bytes: the sums, a hundred times as much, are not unpacked.

    Raises ValueError as decode_sums does, for what it reads.
    """
    _, anchors, _, _ = _head(stored)
    try:
        at = zlib.decompressobj().decompress(stored[_HEAD.size :], 8 * anchors or 1)[: 8 * anchors]
    except zlib.error as error:
        raise ValueError(f"these sums cannot be unpacked: {error}") from error
    if len(at) < 8 * anchors:
        raise ValueError("these sums are cut off")
    return tuple(np.frombuffer(at, dtype="<i8").tolist())


def decode_sums(stored: bytes) -> GenerationSums:
    """A generation's sums from their bytes. Raises ValueError for bytes that `encode_sums` does not write."""
    generation, anchors, hotkeys, lags = _head(stored)
    body = _Body(_inflated(stored[_HEAD.size :], 8 * anchors + 32 * hotkeys + lags * (4 + 4 + 28 * hotkeys**2)))
    at = np.frombuffer(body.take(8 * anchors), dtype="<i8")
    names = tuple(Hotkey(bytes(body.take(HOTKEY_BYTES))) for _ in range(hotkeys))
    found: dict[int, list[memoryview]] = {}
    for _ in range(lags):
        [lag] = struct.unpack("<I", body.take(4))
        found[lag] = [_planes_in(body, hotkeys) for _ in FIGURES]
    body.end()
    return GenerationSums(generation, tuple(at.tolist()), names, _Packed(found, hotkeys))


class _Packed(Mapping[int, LagSums]):
    """Lags whose tables are made when they are asked for, and not kept: all at once are larger than the window."""

    def __init__(self, planes: Mapping[int, Sequence[memoryview]], size: int) -> None:
        self._planes, self._size = planes, size

    def __getitem__(self, lag: int) -> LagSums:
        return np.stack([_table(planes, self._size) for planes in self._planes[lag]])

    def __iter__(self) -> Iterator[int]:
        return iter(self._planes)

    def __len__(self) -> int:
        return len(self._planes)


def _head(stored: bytes) -> tuple[int, int, int, int]:
    """Generation, and how many anchors, hotkeys and lags there are."""
    if len(stored) < _HEAD.size:
        raise ValueError("these are no sums of a sharing window")
    written, generation, anchors, hotkeys, lags = _HEAD.unpack_from(stored)
    if written != FORMAT or anchors > ANCHORS_MOST or hotkeys > HOTKEYS_MOST:
        raise ValueError("these are no sums of a sharing window, or of another release")
    return generation, anchors, hotkeys, lags


def _planes(table: NDArray[np.int64]) -> bytes:
    reach = max(int(table.max(initial=0)), -int(table.min(initial=0)) - 1)
    width = 0 if not table.any() else (reach.bit_length() + 8) // 8
    if width > _WIDEST:
        raise ValueError(f"{reach} is more than a sum of deviations can be")
    as_bytes = np.ascontiguousarray(table, dtype="<i8").view(np.uint8).reshape(-1, 8)
    return bytes([width]) + as_bytes[:, :width].T.tobytes()


def _planes_in(body: _Body, size: int) -> memoryview:
    """The planes of the table that comes next."""
    [width] = body.take(1)
    if width > _WIDEST:
        raise ValueError(f"a number of {width} bytes is no sum of deviations")
    return body.take(width * size * size)


def _table(stored: memoryview, size: int) -> NDArray[np.int64]:
    planes = np.frombuffer(stored, dtype=np.uint8).reshape(-1, size * size) if size else np.zeros((0, 0), np.uint8)
    as_bytes = np.zeros((size * size, 8), dtype=np.uint8)
    as_bytes[:, : len(planes)] = planes.T
    if len(planes):
        as_bytes[:, len(planes) :] = np.where(planes[-1] >= 0x80, 0xFF, 0)[:, np.newaxis]
    return as_bytes.view("<i8").reshape(size, size)


def _inflated(packed: bytes, most: int) -> bytes:
    inflating = zlib.decompressobj()
    try:
        raw = inflating.decompress(packed, most + 1)  # one more, so that its end is seen
    except zlib.error as error:
        raise ValueError(f"these sums cannot be unpacked: {error}") from error
    if not inflating.eof or inflating.unused_data:
        raise ValueError("these sums are cut off, or longer than they say")
    return raw


class _Body:
    """Bytes that are read from the front."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = memoryview(raw), 0

    def take(self, count: int) -> memoryview:
        taken = self._raw[self._at : self._at + count]
        if len(taken) < count:
            raise ValueError("these sums are cut off")
        self._at += count
        return taken

    def end(self) -> None:
        if self._at != len(self._raw):
            raise ValueError("these sums are longer than they say")
