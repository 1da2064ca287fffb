"""A column of text as the arrays that kernels read, without copying it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["text_arrays"]


def text_arrays(column: pa.Array[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The bytes, offsets and presence of a column of text.

    Args:
        column: string, large_string, or anything that casts to large_string; sliced or not, with
            nulls or not.

    Returns:
        uint8 ``[bytes]``; int64 ``[documents + 1]``, document i is ``bytes[o[i]:o[i + 1]]``;
        bool ``[documents]``, False where it is null.
    """
    import pyarrow as pa

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = column.cast(pa.large_string())
    wide = pa.types.is_large_string(column.type)
    _, offsets, data = column.buffers()
    size = len(column)
    if size == 0 or offsets is None:
        empty = np.zeros(0, np.uint8)
        return empty, np.zeros(size + 1, np.int64), np.zeros(size, np.bool_)
    width: Any = np.int64 if wide else np.int32
    places = np.frombuffer(_bytes(offsets), width)[column.offset : column.offset + size + 1]
    letters = np.zeros(0, np.uint8) if data is None else np.frombuffer(_bytes(data), np.uint8)
    letters.flags.writeable = False  # whatever it is: kernels are compiled for one kind
    present = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), np.bool_)
    return letters, places.astype(np.int64), present


def _bytes(buffer: pa.Buffer) -> Any:
    return buffer  # has the buffer protocol, which its type stubs do not say
