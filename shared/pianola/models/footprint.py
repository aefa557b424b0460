"""How much memory a generator takes: more than its file, where it computes in double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


def held_bytes(thing: object) -> int:
    """Bytes of the arrays and tensors in the attributes of `thing`, and in theirs; what is shared counts once."""
    return sum(dict(_blocks(thing, set())).values())


def _blocks(thing: object, seen: set[int]) -> Iterator[tuple[int, int]]:
    """Address and bytes of each block of memory."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        storage = thing.untyped_storage()
        yield storage.data_ptr(), storage.nbytes()
    elif isinstance(thing, np.ndarray):
        whole = thing
        while isinstance(whole.base, np.ndarray):
            whole = whole.base
        yield whole.ctypes.data, whole.nbytes
    else:
        for part in _parts(thing):
            yield from _blocks(part, seen)


def _parts(thing: Any) -> list[Any]:
    if isinstance(thing, dict):
        return list(thing.values())
    if isinstance(thing, list | tuple | set):
        return list(thing)
    slots = [getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ())]
    module = getattr(type(thing), "__module__", "")
    # Of libraries, networks alone hold any.
    known = isinstance(thing, torch.nn.Module) or module.startswith("pianola.")
    return [*slots, *vars(thing).values()] if known and hasattr(thing, "__dict__") else slots if known else []
