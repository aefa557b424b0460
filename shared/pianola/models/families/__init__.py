"""The records of all families, a module each: any module in this folder, or in those that PIANOLA_FAMILIES names.

A record imports no torch. So a family of networks keeps them in modules of their own, which the record names; a family
that imports torch only where it learns or plays may be one file here.
"""

from __future__ import annotations

import os
import pkgutil
from importlib import import_module
from typing import Final

from pianola.models.family import Family

VARIABLE: Final = "PIANOLA_FAMILIES"
"""Folders of more families, as in PATH; of every service alike."""

# Python looks here for modules of this package, its own folder first.
__path__ += [folder for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]


class BadFamily(ValueError):
    """A module among the families' that has no record, or one that does not fit its name."""


def found() -> dict[str, Family]:
    """Every family by name, in the order of their places. Raises BadFamily, and what a family's module raises."""
    names = sorted({module.name for module in pkgutil.iter_modules(__path__)})
    records = [_record(name) for name in names]
    return {family.name: family for family in sorted(records, key=lambda family: (family.place, family.name))}


def _record(name: str) -> Family:
    module = import_module(f"{__name__}.{name}")
    family = getattr(module, "FAMILY", None)
    if not isinstance(family, Family) or family.name != name or {one.family for one in family.presets} != {name}:
        raise BadFamily(f"{module.__file__} must have a FAMILY of the name {name}, with presets of that family")
    if len({type(preset.options) for preset in family.presets}) != 1:
        raise BadFamily(f"{module.__file__}: the presets must have options of one class")
    return family
