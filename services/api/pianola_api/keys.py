"""API keys: make, list, revoke. All of it needs scope admin."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response
from sqlalchemy.orm import Session

from pianola.records import keys
from pianola.records.keys import Scope
from pianola_api import lists
from pianola_api.context import here
from pianola_api.idempotency import Done, once
from pianola_api.schemas.common import PageQuery
from pianola_api.schemas.keys import Key, KeyPage, KeyWithSecret, NewKey
from pianola_http.authentication import protect

blueprint = APIBlueprint("keys", __name__, tag="Keys")
protect(blueprint, reads=Scope.ADMIN, writes=Scope.ADMIN)


@blueprint.post("/keys")
@blueprint.input(NewKey)
@blueprint.output(KeyWithSecret, status_code=201)
def create(json_data: NewKey) -> Response:
    """Make a key

    Its secret is in this answer only: it is not kept, and a repetition under the same Idempotency-Key has null for it.
    """

    def work(session: Session) -> Done:
        row, secret = keys.create(session, json_data.name, sorted(set(json_data.scopes)), json_data.expires_days)
        key = Key.model_validate(row).model_dump()
        return Done(201, KeyWithSecret(**key, secret=secret), kept=KeyWithSecret(**key, secret=None))

    return once(work)


@blueprint.get("/keys")
@blueprint.input(PageQuery, location="query")
@blueprint.output(KeyPage)
def listed(query_data: PageQuery) -> dict[str, Any]:
    """List keys, newest first"""
    with here().records.read() as session:
        return lists.answer(keys.list_page(session, query_data.limit, query_data.cursor), Key.model_validate)


@blueprint.delete("/keys/<key>")
@blueprint.output({}, status_code=204)
def revoke(key: str) -> tuple[str, int]:
    """Revoke a key, at once"""
    with here().records.write() as session:
        keys.revoke(session, key)
    return "", 204
