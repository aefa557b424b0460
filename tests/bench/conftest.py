import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Benchmarks are scripts beside one another: they find each other in their own folder."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "bench"))
    before = set(sys.modules)
    yield
    # `common` or `windows` is too plain a name to leave to the tests that follow.
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(Path(__file__).parents[2] / "bench")):
            del sys.modules[name]
