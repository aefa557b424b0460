"""The worker's pool, beside what tests of whole trainers show."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kombu.asynchronous import Hub, get_event_loop, set_event_loop

from pianola_trainer.worker import WakingPool


class Loop(Hub):
    """A worker's loop that tells when it is woken."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.woken = threading.Event()

    def call_soon(self, callback: Any, *args: Any) -> Any:
        self.woken.set()
        return super().call_soon(callback, *args)  # type: ignore[no-untyped-call]


@pytest.fixture
def loop() -> Iterator[Loop]:
    before, loop = get_event_loop(), Loop()
    set_event_loop(loop)
    yield loop
    set_event_loop(before)
    loop.close()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("fails", [False, True])
def test_the_end_of_a_task_wakes_the_loop_that_asks_for_the_next(loop: Loop, fails: bool) -> None:
    pool, may_end = WakingPool(1), threading.Event()

    def task() -> None:
        may_end.wait(30)
        if fails:
            raise KeyError

    pool.on_apply(task, (), {}, lambda _: None, lambda *_: None)
    assert not loop.woken.is_set()
    may_end.set()
    assert loop.woken.wait(30)
    pool.on_stop()
