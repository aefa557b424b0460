"""What keeps an operation from being done; each says what to do."""

from collections.abc import Sequence


class OperationFailed(RuntimeError):
    """The operation was not done, or not to its end."""


class Busy(OperationFailed):
    """Another backup or garbage collection of the same records is under way."""

    def __init__(self) -> None:
        super().__init__(
            "another backup or garbage collection of these records is under way: try again when it is over"
        )


class TargetTaken(OperationFailed):
    """A backup would be written over something."""

    def __init__(self, target: object) -> None:
        super().__init__(f"{target} is there already: give the backup a name of its own")


class BadBackup(OperationFailed):
    """What is to be restored is no whole backup."""

    def __init__(self, source: object, reason: str) -> None:
        super().__init__(f"{source} cannot be restored: {reason}; nothing of it is in the records")


class NotEmpty(OperationFailed):
    """What is restored would be mixed with what is there."""

    def __init__(self, what: str, found: Sequence[str]) -> None:
        shown = ", ".join(found[:3]) + (" ..." if len(found) > 3 else "")
        super().__init__(
            f"a backup is restored only into an empty system, and {what} ({shown}): give it a database and a bucket or "
            "folder of its own"
        )
