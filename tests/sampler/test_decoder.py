"""The batching thread: what shares a batch, who waits, who is refused, who is given up."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pianola.models.generator import Generator
from pianola.models.registry import load_generator
from pianola_sampler.admission import Admission, Deadline, DeadlinePassed, Stopping, TooManyRequests
from pianola_sampler.decoder import Batching, Decoder, DecoderStuck
from pianola_sampler.measures import Measures
from pianola_sampler.tasks import Labels, Positions, Rolls, Task, Work

from .playing import Stage, context_of, generator


class Held:
    """A generator that decodes when it is let, and remembers its batches. A window is lit by its own position."""

    family, lowest_pitch, threshold = "held", 17, 0.5
    temperature = None

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.begun = threading.Semaphore(0)
        self.let = threading.Event()

    def positions(self, seed: int, indices: Sequence[int], labels: Labels | None = None) -> Positions:
        return np.array([[seed + index] for index in indices], np.float32)

    def moved(self, amounts: Mapping[str, float]) -> Positions:
        assert not amounts
        return np.zeros(1, np.float32)

    def windows(self, z: Positions, threshold: float, labels: Labels | None = None) -> Rolls:
        self.batches.append(z[:, 0].tolist())
        self.begun.release()
        assert self.let.wait(20)
        assert (z >= 0).all(), "a position that cannot be decoded"
        return np.broadcast_to(z[:, 0, None, None] % 256, (len(z), 96, 96)).astype(np.uint8)


@pytest.fixture
def held() -> Iterator[Held]:
    generator = Held()
    yield generator
    generator.let.set()


def decoder(windows: int = 64, seconds: float = 0.0, threads: int = 1) -> Decoder:
    return Decoder(threads, Batching(windows, seconds), Measures())


def task(generator: Held, *positions: float, threshold: float = 0.5) -> Task:
    return Task(cast(Generator, generator), "waltz", np.array(positions, np.float32)[:, None], threshold)


def asking(decoder: Decoder, tasks: list[Task], seconds: float = 20) -> list[Future[Rolls]]:
    """The tasks, asked for one after another by requests of their own."""
    pool = ThreadPoolExecutor(len(tasks))
    futures = []
    for number, each in enumerate(tasks):
        futures.append(pool.submit(decoder.decode, each, Deadline(seconds)))
        wait_for(partial(_waiting, decoder, number + 1))
    return futures


def _waiting(decoder: Decoder, requests: int) -> bool:
    return len(decoder._jobs) == requests


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


def busy(decoder: Decoder, held: Held) -> Future[Rolls]:
    """Something that is being decoded, so that all else waits."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(decoder.decode, task(held, 100), Deadline(20))
    assert held.begun.acquire(timeout=20)
    return future


def test_what_waits_is_decoded_together_and_given_to_who_asked(held: Held) -> None:
    thread = decoder()
    first = busy(thread, held)
    others = asking(thread, [task(held, 1, 2), task(held, 3), task(held, 4, 5, 6)])
    held.let.set()
    assert [future.result()[:, 0, 0].tolist() for future in [first, *others]] == [[100], [1, 2], [3], [4, 5, 6]]
    assert held.batches == [[100], [1, 2, 3, 4, 5, 6]]


def test_a_batch_has_a_size_and_one_threshold(held: Held) -> None:
    thread = decoder(windows=3)
    busy(thread, held)
    tasks = [task(held, 1, 2), task(held, 3, 4), task(held, 5), task(held, 6, threshold=0.9), task(held, *range(7, 12))]
    others = asking(thread, tasks)
    held.let.set()
    for future in others:
        future.result()
    # The oldest is always in the next batch, what fits is with it, and one larger than a batch is alone.
    assert held.batches[1:] == [[1, 2, 5], [3, 4], [6], [7, 8, 9, 10, 11]]


def test_other_generators_have_batches_of_their_own(held: Held) -> None:
    thread, other = decoder(), Held()
    other.let.set()
    busy(thread, held)
    futures = asking(thread, [task(held, 1), task(other, 2), task(held, 3)])
    held.let.set()
    assert [future.result()[0, 0, 0] for future in futures] == [1, 2, 3]
    assert (held.batches[1:], other.batches) == ([[1, 3]], [[2]])


def test_who_is_alone_does_not_wait_for_others(held: Held) -> None:
    thread = decoder(seconds=1.0)
    held.let.set()
    thread.decode(task(held, 1), Deadline(20))
    begun = time.monotonic()
    for position in range(2, 6):
        thread.decode(task(held, position), Deadline(20))
    assert time.monotonic() - begun < 0.9, "four times a second would be four"
    assert len(held.batches) == 5


def test_where_others_are_likely_to_come_they_are_waited_for(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pianola_sampler.decoder._IDLE_SECONDS", 60)
    thread = decoder(seconds=1.0)
    busy(thread, held)
    others = asking(thread, [task(held, 1), task(held, 2)])
    held.let.set()
    for future in others:
        future.result()
    # The last batch had two requests: when one comes back, the other is not far.
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(thread.decode, task(held, 3), Deadline(20))
        time.sleep(0.05)
        second = pool.submit(thread.decode, task(held, 4), Deadline(20))
        first.result()
        second.result()
    assert held.batches[2:] == [[3, 4]]


def test_what_nobody_waits_for_any_more_is_not_decoded(held: Held) -> None:
    thread = decoder()
    first = busy(thread, held)
    with pytest.raises(DeadlinePassed, match=r"within 0\.01 s"):
        thread.decode(task(held, 1), Deadline(0.01))
    held.let.set()
    first.result()
    assert thread.decode(task(held, 2), Deadline(20))[0, 0, 0] == 2
    assert held.batches == [[100], [2]]


def test_a_batch_that_fails_is_told_and_the_thread_goes_on(held: Held) -> None:
    thread = decoder()
    held.let.set()
    with pytest.raises(AssertionError, match="cannot be decoded"):
        thread.decode(task(held, -1), Deadline(20))
    assert thread.decode(task(held, 2), Deadline(20))[0, 0, 0] == 2
    with pytest.raises(ValueError, match="not a saved generator"):
        thread.load(b"nothing")
    assert thread.decode(task(held, 3), Deadline(20))[0, 0, 0] == 3


def test_threads_share_a_batch(held: Held) -> None:
    thread = decoder(threads=3)
    asked = busy(thread, held)
    others = asking(thread, [task(held, 1, 2), task(held, 3, 4, 5, 6), task(held, 7)])
    held.let.set()
    parts = [future.result()[:, 0, 0].tolist() for future in [asked, *others]]
    assert parts == [[100], [1, 2], [3, 4, 5, 6], [7]]
    assert sorted(held.batches[1:]) == [[1, 2], [3, 4], [5, 6, 7]]


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_windows_are_the_same_whatever_else_is_in_their_batch(family: str) -> None:
    plays = load_generator(generator(3, family))
    z = np.stack([plays.draw(seed, 0) for seed in range(24)])
    alone = np.concatenate([plays.windows(z[place : place + 1], plays.threshold) for place in range(24)])
    thread = decoder(threads=2)
    parts = np.split(np.arange(24), [1, 2, 4, 9, 10, 16])
    with ThreadPoolExecutor(len(parts)) as pool:
        tasks = [Task(plays, "waltz", z[part], plays.threshold) for part in parts]
        windows = list(pool.map(lambda each: thread.decode(each, Deadline(20)), tasks))
    np.testing.assert_array_equal(np.concatenate(windows), alone)


def test_so_many_are_let_in_and_none_while_stopping() -> None:
    admission = Admission(2, 5)
    with admission.admitted(), admission.admitted():
        with pytest.raises(TooManyRequests, match="2 samples"), admission.admitted():
            pass
        assert admission.inside == 2
    with admission.admitted():
        admission.stop()
        with pytest.raises(Stopping), admission.admitted():
            pass
        waiter = threading.Thread(target=admission.drained)
        waiter.start()
        waiter.join(0.05)
        assert waiter.is_alive(), "one is still inside"
    waiter.join(5)
    assert not waiter.is_alive()


def slow(stage: Stage, first: bytes, held: Held, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> FlaskClient:
    """A sampler whose model decodes when it is let."""
    stage.checkpoint(first, "waltz")
    client = stage.client(**settings)
    monkeypatch.setattr(context_of(client).generators, "get", lambda *_: held)
    return client


def test_beyond_the_queue_requests_are_refused(
    stage: Stage, first: bytes, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = slow(stage, first, held, monkeypatch, queue=2)
    app = client.application

    def ask(seed: int) -> TestResponse:
        answer: TestResponse = app.test_client().post("/v1/models/waltz/samples", json={"seed": seed})
        return answer

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(ask, seed) for seed in (1, 2)]
        wait_for(lambda: context_of(client).admission.inside == 2)
        refused = ask(3)
        assert (refused.status_code, refused.get_json()["code"]) == (429, "too-many-requests")
        assert refused.headers["Retry-After"] == "1"
        assert "pianola_sampler_drawing 2.0" in client.get("/metrics").text
        held.let.set()
        assert [future.result().status_code for future in waiting] == [201, 201]
    assert ask(4).status_code == 201


def test_past_the_deadline_a_request_is_told_so(
    stage: Stage, first: bytes, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = slow(stage, first, held, monkeypatch, deadline_seconds=0.05)
    late = client.post("/v1/models/waltz/samples", json={})
    assert (late.status_code, late.get_json()["code"]) == (504, "deadline-passed")
    assert "within 0.05 s" in late.get_json()["detail"]
    assert late.mimetype == "application/problem+json"


def test_a_stopping_sampler_refuses_and_is_not_ready_to_draw(client: FlaskClient) -> None:
    context_of(client).admission.stop()
    refused = client.post("/v1/models/waltz/samples", json={})
    assert (refused.status_code, refused.get_json()["code"]) == (503, "stopping")
    assert int(refused.headers["Retry-After"]) > 0


def test_a_thread_that_hangs_or_has_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made, let = decoder(), threading.Event()
    made.check()
    assert made.work(Work("waltz", lambda: 7), Deadline(20)) == 7
    made.check()
    monkeypatch.setattr("pianola_sampler.decoder.STUCK_SECONDS", 0.05)
    with pytest.raises(DeadlinePassed):
        made.work(Work("waltz", lambda: let.wait(20)), Deadline(0.2))
    with pytest.raises(DecoderStuck, match="at one batch"):
        made.check()
    let.set()
    assert made.work(Work("waltz", lambda: 8), Deadline(20)) == 8
    monkeypatch.setattr("threading.excepthook", lambda _: None)

    def end() -> None:
        raise SystemExit

    with pytest.raises(DeadlinePassed):
        made.work(Work("waltz", end), Deadline(0.2))
    with pytest.raises(DecoderStuck, match="has ended"):
        made.check()
