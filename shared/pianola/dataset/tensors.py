"""Safetensors files made of pieces in one copy, and looked at without any.

The library wants its tensors whole, copies them twice to save them and once to load them: for windows that is as much
work as finding them. What is made here is byte for byte what the library makes, which the tests hold it to.
"""

import json
import math
import struct
from collections.abc import Collection, Mapping, Sequence
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
    return {tensor: _view(data, first, said) for tensor, said in json.loads(data[_SIZE.size : first]).items()}


def tensors_at_head(head: bytes, names: Collection[str]) -> dict[str, npt.NDArray[Any]]:
    """Those of the named tensors that a file has, from its first bytes, which nobody has checked yet.

    Raises ValueError where the bytes are not the beginning of such a file, or end before the tensors do.
    """
    try:
        (size,) = _SIZE.unpack_from(head)
        first = _SIZE.size + size
        listed = json.loads(head[_SIZE.size : first])
        return {tensor: _view(head, first, listed[tensor]) for tensor in names if tensor in listed}
    except (struct.error, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__} {error}") from error


def _view(data: bytes, first: int, said: Mapping[str, Any]) -> npt.NDArray[Any]:
    """One tensor as its entry in the file's list says, the tensors' bytes beginning at `first`."""
    shape, (start, _) = said["shape"], said["data_offsets"]
    return np.frombuffer(data, _KINDS[said["dtype"]], math.prod(shape), first + start).reshape(shape)
