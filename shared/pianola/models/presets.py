"""All families there are, their presets, and the options of a run. No torch, so that submission can check a run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pianola.models.families import found
from pianola.models.family import SAID_HERE, Family, Preset, RunOptions


class BadRunOptions(ValueError):
    """A run that cannot be submitted; `errors` holds one {"field", "message"} for each thing that is wrong."""

    def __init__(self, errors: Sequence[dict[str, str]]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(error["message"] for error in self.errors))


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(found())
PRESETS: Final[Mapping[str, Mapping[str, Preset]]] = MappingProxyType(
    {family.name: MappingProxyType({preset.name: preset for preset in family.presets}) for family in FAMILIES.values()}
)


def find_preset(family: str, preset: str) -> Preset:
    """The record of a preset. Raises BadRunOptions when there is none of that name."""
    if family not in PRESETS:
        raise BadRunOptions([_error("family", f"family must be one of {', '.join(PRESETS)}, got {family!r}")])
    if preset not in PRESETS[family]:
        known = ", ".join(PRESETS[family])
        raise BadRunOptions([_error("preset", f"preset of {family} must be one of {known}, got {preset!r}")])
    return PRESETS[family][preset]


def resolve(family: str, preset: str, overrides: Mapping[str, object]) -> RunOptions:
    """The options of a run: the preset's own, changed by `overrides`. Raises BadRunOptions with every fault found."""
    record = find_preset(family, preset)
    merged = {**record.options.model_dump(), **overrides}
    for given, other in (("epochs", "seconds"), ("seconds", "epochs")):
        if overrides.get(given) is not None and other not in overrides:
            merged[other] = None
    kind = type(record.options)
    try:
        options = kind.model_validate(merged)
    except ValidationError as bad:
        properties = kind.model_json_schema()["properties"]
        raise BadRunOptions([_explain(error, properties) for error in bad.errors()]) from bad
    if record.exact and options.condition is not None:
        message = f"the preset {preset} stays as it was published and takes no condition: leave it out or use default"
        raise BadRunOptions([_error("condition", message)])
    if FAMILIES[family].decides is None:
        wrong = {"keep": "last" if options.keep != "last" else None, "patience": "null" if options.patience else None}
        why = f"a {family} has no held-out loss that says which checkpoint is best"
        faults = [_error(name, f"{name} must be {only}: {why}") for name, only in wrong.items() if only]
        if faults:
            raise BadRunOptions(faults)
    return options


def describe() -> dict[str, Any]:
    """Families, presets, the JSON schema of their options and the defaults: what a form or a client needs to know."""
    return {
        "families": [
            {
                "family": family,
                "summary": FAMILIES[family].summary,
                "decides": FAMILIES[family].decides,
                "options": type(next(iter(presets.values())).options).model_json_schema(),
                "presets": [
                    {
                        "name": preset.name,
                        "summary": preset.summary,
                        "exact": preset.exact,
                        "network": dict(preset.network),
                        "defaults": preset.options.model_dump(mode="json"),
                    }
                    for preset in presets.values()
                ],
            }
            for family, presets in PRESETS.items()
        ]
    }


def _error(name: str, message: str) -> dict[str, str]:
    return {"field": name, "message": message}


def _explain(error: ErrorDetails, properties: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    name = str(error["loc"][0]) if error["loc"] else "epochs"
    if error["type"] == SAID_HERE:
        return _error(name, error["msg"])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, properties, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(properties)}"
        return _error(name, f"{name} is not an option; {hint}")
    whole = "a whole number " if error["type"].startswith("int_") else ""
    return _error(name, f"{name} must be {whole}{_allowed(properties[name])}, got {error['input']!r}")


def _allowed(schema: Mapping[str, Any]) -> str:
    """A JSON schema of one option in words: `1..4096`, `above 0 and at most 1`, `one of sum, mean`."""
    if "anyOf" in schema:
        return _allowed(next(part for part in schema["anyOf"] if part["type"] != "null"))
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if schema["type"] == "string":
        return f"text of at most {schema['maxLength']} characters"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{low:g}..{high:g}" if schema["type"] == "number" else f"{low}..{high}"
    bottom = f"at least {low:g}" if low is not None else f"above {schema['exclusiveMinimum']:g}"
    top = f"at most {high:g}" if high is not None else f"below {schema['exclusiveMaximum']:g}"
    return f"{bottom} and {top}"
