"""Where tensors are made."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch


@contextmanager
def on_cpu() -> Iterator[None]:
    """Make tensors on the CPU, whichever device learners use: what plays is the same everywhere, bit for bit."""
    # torch looks at every call while a device is set: on the CPU there is none to set.
    with nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu"):
        yield
