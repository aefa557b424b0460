"""What the records refuse, each with the values that explain it."""


class NotFound(LookupError):
    """Nothing has this id or name."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"no {kind} {name!r}")
        self.kind, self.name = kind, name


class NameTaken(ValueError):
    """Another dataset has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a dataset named {name!r} exists already: choose another name or add to that one")
        self.name = name


class DatasetClosed(RuntimeError):
    """The dataset's state does not allow this."""

    def __init__(self, dataset: str, state: str, wanted: str) -> None:
        super().__init__(f"dataset {dataset!r} is {state}: {wanted}")
        self.dataset, self.state = dataset, state


class FileConflict(ValueError):
    """The dataset holds another file under this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the dataset holds another file named {name!r}: rename one of them")
        self.name = name


class StaleAttempt(RuntimeError):
    """Another attempt holds the run, or none does: whoever asked must stop and write nothing more."""

    def __init__(self, run_id: str, attempt: int) -> None:
        super().__init__(f"attempt {attempt} of run {run_id} no longer holds it")
        self.run_id, self.attempt = run_id, attempt


class IdempotencyKeyReused(ValueError):
    """The same Idempotency-Key came with another request."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {key!r} was used for another request: send a new key with a new request")
        self.key = key
