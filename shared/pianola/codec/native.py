"""The compiled half of the codec, where it is.

`pianola.codec._native` is made from the C sources in shared/native/codec when Pianola is installed with a compiler at
hand. It does what walk.py does, and pairing.py with drawing.py, and gives the same results; what is not in order it
hands back to them, so that they say what is wrong. Without it, or with PIANOLA_PURE_READER=1 in the environment, they
do everything.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def _load() -> "ModuleType | None":
    if os.environ.get("PIANOLA_PURE_READER") == "1":
        return None
    try:
        from pianola.codec import _native
    except ImportError:
        return None
    return _native


module = _load()
"""The functions in C (their types: _native.pyi), or None."""
