"""What can go wrong between the client and a Pianola server, as exceptions that carry the values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pianola_cli.errors import PianolaError


@dataclass(frozen=True)
class FieldProblem:
    """One field the server did not accept, and why."""

    field: str
    message: str


class ApiProblem(PianolaError):
    """The server answered with an error (RFC 9457 problem details, or whatever a proxy in between said)."""

    def __init__(
        self, status: int, code: str, title: str, detail: str = "", errors: tuple[FieldProblem, ...] = ()
    ) -> None:
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = errors
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """One line for a person: the detail, or the title without one, and the fields at fault it does not name."""
        said = self.detail or self.title
        unsaid = [f"{error.field}: {error.message}" for error in self.errors if error.message not in said]
        return f"{said} ({'; '.join(unsaid)})" if unsaid else said

    @classmethod
    def from_document(cls, status: int, reason: str, document: object) -> ApiProblem:
        """Read a problem document; anything that is none (a proxy's page, say) still gives status and reason."""
        if not isinstance(document, Mapping):
            return cls(status, f"http_{status}", f"{status} {reason}".strip())
        raw = document.get("errors")
        errors = tuple(
            FieldProblem(str(item.get("field", "")), str(item.get("message", "")))
            for item in (raw if isinstance(raw, list) else [])
            if isinstance(item, Mapping)
        )
        return cls(
            status,
            str(document.get("code") or f"http_{status}"),
            str(document.get("title") or f"{status} {reason}".strip()),
            str(document.get("detail") or ""),
            errors,
        )


class NoAnswer(PianolaError):
    """Nothing answered at the address, or not any more."""

    def __init__(self, url: str, reason: str, answered_before: bool) -> None:
        self.url = url
        self.reason = reason
        self.answered_before = answered_before
        super().__init__(
            f"Pianola at {url} stopped answering ({reason})"
            if answered_before
            else f"no Pianola answers at {url}; start one with `pianola up`"
        )


class NotPianola(PianolaError):
    """Something answers at the address, but not as Pianola does."""

    def __init__(self, url: str, path: str) -> None:
        self.url = url
        super().__init__(f"what answers at {url} is no Pianola (its answer to {path} cannot be read)")


class StillGoing(PianolaError):
    """What was waited for did not end in the time given."""

    def __init__(self, what: str, state: str, seconds: float) -> None:
        self.what = what
        self.state = state
        self.seconds = seconds
        super().__init__(f"{what} is still {state} after {seconds:g} s")
