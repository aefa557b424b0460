"""Shapes of the health checks."""

from pianola_api.schemas.common import Resource


class Alive(Resource):
    """The process answers."""

    status: str


class Ready(Resource):
    """Everything it depends on answers; `checks` names each."""

    status: str
    checks: dict[str, str]
