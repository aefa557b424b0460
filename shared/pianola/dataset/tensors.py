"""Safetensors files made of pieces in one copy, and looked at without any.

The library wants its tensors whole, copies them twice to save them and once to load them: for windows that is as much
work as finding them. What is made here is byte for byte what the library makes, which the tests hold it to.
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

# By the names that files have for them, in the library's order of the tensors in a file.
_KINDS: Final = {"I64": "<i8", "F32": "<f4", "I32": "<i4", "I16": "<i2", "U8": "|u1"}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_SIZE: Final = struct.Struct("<Q")


def tensor_bytes(tensors: Mapping[str, Sequence[npt.NDArray[Any]]]) -> bytes:
    """A file of tensors, each made of one or more pieces [n, ...] of a kind, joined along the first axis.

    Raises ValueError for pieces that cannot be joined, KeyError for a kind that is not among float32, uint8, int16,
    int32 and int64.
    """
    names = {tensor: _NAMES[pieces[0].dtype.newbyteorder("<").str] for tensor, pieces in tensors.items()}
    order = list(_KINDS)
    head: dict[str, dict[str, object]] = {}
    contents: list[memoryview] = []
    end = 0
    for tensor in sorted(tensors, key=lambda tensor: (order.index(names[tensor]), tensor)):
        if len(kinds := {(piece.dtype.str, piece.shape[1:]) for piece in tensors[tensor]}) > 1:
            raise ValueError(f"the pieces of {tensor} are of different kinds or shapes: {sorted(kinds)}")
        pieces = [np.ascontiguousarray(piece, _KINDS[names[tensor]]) for piece in tensors[tensor]]
        start, end = end, end + sum(piece.nbytes for piece in pieces)
        shape = [sum(map(len, pieces)), *pieces[0].shape[1:]]
        head[tensor] = {"dtype": names[tensor], "shape": shape, "data_offsets": [start, end]}
        contents += [piece.data for piece in pieces]
    written = json.dumps(head, separators=(",", ":")).encode()
    written += b" " * (-len(written) % 8)
    return b"".join([_SIZE.pack(len(written)), written, *contents])


def tensor_views(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a file as read-only views of its bytes, which must be those that `tensor_bytes` made.

    Nothing is checked: for what was just made, or has the digest of what was.
    """
    (size,) = _SIZE.unpack_from(data)
    first = _SIZE.size + size
    found = {}
    for tensor, said in json.loads(data[_SIZE.size : first]).items():
        shape, (start, _) = said["shape"], said["data_offsets"]
        found[tensor] = np.frombuffer(data, _KINDS[said["dtype"]], math.prod(shape), first + start).reshape(shape)
    return found
