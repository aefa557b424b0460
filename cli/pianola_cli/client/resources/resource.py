"""What all resources are."""

from pydantic import BaseModel, ConfigDict

ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""The states of a run, an evaluation or an import that never change again."""


class Resource(BaseModel):
    """A resource as the server gave it."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())
