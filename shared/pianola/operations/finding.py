"""What the doctor says of one thing."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do where it is not well."""

    name: str
    level: Level
    found: str
    todo: str = ""

    @property
    def line(self) -> str:
        """As a person reads it."""
        mark = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}[self.level]
        return f"{mark}  {self.name}: {self.found}" + (f"\n         -> {self.todo}" if self.todo else "")
