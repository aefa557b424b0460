"""Imports: files that a worker fetches into a dataset, and the recipes for well-known sets."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from apiflask import APIBlueprint
from flask import Response
from sqlalchemy.orm import Session

from pianola.intake.recipes import RECIPES, LicenceNotAccepted, UnknownRecipe, find_recipe
from pianola.queue import IMPORT_FILES
from pianola.records import datasets, imports
from pianola.records.errors import NotFound
from pianola_api import lists
from pianola_api.context import here
from pianola_api.idempotency import Done, Message, once
from pianola_api.schemas.common import PageQuery
from pianola_api.schemas.imports import Import, ImportPage, NewImport, Recipe, Recipes
from pianola_http.authentication import protect

blueprint = APIBlueprint("imports", __name__, tag="Imports")
protect(blueprint)


class BadSource(ValueError):
    """A source that nothing can be imported from, by the field that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.errors = [{"field": field, "message": message}]


@blueprint.get("/recipes")
@blueprint.output(Recipes)
def recipes() -> Recipes:
    """Recipes for well-known sets of MIDI files, each with its licence"""
    return Recipes(items=[Recipe.model_validate(recipe) for recipe in RECIPES.values()])


@blueprint.post("/datasets/<dataset>/imports")
@blueprint.input(NewImport)
@blueprint.output(Import, status_code=202)
def create(dataset: str, json_data: NewImport) -> Response:
    """Import files into a dataset

    A worker fetches a MIDI file or an archive from an http(s) address, all below a prefix of an S3 bucket, or the set
    of a recipe whose licence you accept. `dataset_id` says which version takes the files: of a built dataset the next.
    """
    _check(json_data)

    def work(session: Session) -> Done:
        taker = datasets.new_version(session, datasets.get(session, dataset).id)
        row = imports.create(session, taker.id, json_data.source())
        return Done(202, Import.model_validate(row), [Message(IMPORT_FILES, (row.id,))])

    return once(work)


@blueprint.get("/datasets/<dataset>/imports")
@blueprint.input(PageQuery, location="query")
@blueprint.output(ImportPage)
def listed(dataset: str, query_data: PageQuery) -> dict[str, Any]:
    """List a dataset's imports, newest first"""
    with here().records.read() as session:
        row = datasets.get(session, dataset)
        page = imports.list_page(session, row.id, query_data.limit, query_data.cursor)
        return lists.answer(page, Import.model_validate)


@blueprint.get("/datasets/<dataset>/imports/<import_id>")
@blueprint.output(Import)
def show(dataset: str, import_id: str) -> Import:
    """Show an import"""
    with here().records.read() as session:
        row = imports.get(session, import_id)
        # The name may mean a later version by now.
        if datasets.get(session, row.dataset_id).name != datasets.get(session, dataset).name:
            raise NotFound("import of this dataset", import_id)
        return Import.model_validate(row)


def _check(wanted: NewImport) -> None:
    """Raise BadSource for what can be seen at once to be wrong. The worker looks again, also at what a name means."""
    if wanted.url is not None:
        _check_address(wanted.url)
    if wanted.recipe is not None:
        try:
            find_recipe(wanted.recipe, bool(wanted.accept_licence))
        except UnknownRecipe as error:
            raise BadSource("recipe", str(error)) from error
        except LicenceNotAccepted as error:
            raise BadSource("accept_licence", str(error)) from error


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise BadSource("url", f"{url!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise BadSource("url", f"{url!r} is not an address that begins with http:// or https://")
    if parts.username is not None:
        raise BadSource("url", "the address holds a user name: everyone who may read this dataset would see it")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return  # a name, which only the worker looks up
    if (address.is_multicast or not address.is_global) and not here().settings.import_private:
        raise BadSource("url", f"{host} is not a public address: files are not fetched from inside the network")
