"""JSON as its standard has it, in requests and in answers."""

import json
import math
from typing import Any

from flask import Request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadRequest


class JsonRequest(Request):
    """A request that says what is wrong with its JSON; no body at all is an empty object."""

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Raise BadRequest with the parser's words."""
        if not self.get_data():
            return {}
        raise BadRequest(f"the body is not valid JSON: {e}")


class StrictJson(DefaultJSONProvider):
    """No NaN or Infinity (they are answered as null), and no nesting that exhausts the stack."""

    sort_keys = False

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Write `obj`."""
        try:
            return super().dumps(obj, allow_nan=False, **kwargs)
        except ValueError:
            return super().dumps(_finite(obj), allow_nan=False, **kwargs)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parse `s`. Raises ValueError."""
        try:
            return json.loads(s, parse_constant=_no_constant, **kwargs)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None


def _finite(value: Any) -> Any:
    """`value` with null for every number that JSON has no word for, such as the loss of a run that blew up."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
