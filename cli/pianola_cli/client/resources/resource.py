"""What all resources are."""

from pydantic import BaseModel, ConfigDict

_ENDED = frozenset({"succeeded", "failed", "cancelled"})


class Resource(BaseModel):
    """A resource as the server gave it."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Work(Resource):
    """A run, an evaluation or an import: what a worker does, until it has come to an end."""

    id: str
    state: str

    @property
    def ended(self) -> bool:
        """Whether it is in a state that never changes again."""
        return self.state in _ENDED
