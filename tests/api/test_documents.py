"""The OpenAPI document, the page that shows it, and the studio."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from pianola_api.page import POLICY

from .steps import Api


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert len(document["paths"]) > 20


def test_every_operation_says_how_it_fails_and_who_may_call_it(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert {"4XX", "5XX"} <= operation["responses"].keys(), path
            assert ("security" in operation) == path.startswith("/v1/"), path
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert ("Idempotency-Key" in names) == (method == "post"), path
            assert operation["summary"], path


def test_shapes_have_one_name_each(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert not [name for name in schemas if "." in name]
    assert schemas["RunPage"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Run"}


def test_its_examples_are_requests_that_are_taken(api: Api, document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for example in schemas["NewDataset"]["examples"]:
        api.post("/v1/datasets", json=example)
    for example in schemas["NewImport"]["examples"]:
        api.post("/v1/datasets/bach/imports", 202, json=example)
    table = document["paths"]["/v1/datasets/{dataset}/labels"]["put"]["requestBody"]["content"]["text/csv"]["example"]
    labelled = api.client.put("/v1/datasets/bach/labels", data=table, content_type="text/csv")
    assert labelled.json["fields"] == ["composer", "genre"]


def test_the_documentation_asks_no_other_host(api: Api) -> None:
    page = api.client.get("/docs")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "//" not in page.text.replace("</", "")
    for part in ("start.js", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css"):
        assert f"/docs/{part}" in page.text
        assert api.client.get(f"/docs/{part}").status_code == 200
    assert api.client.get("/docs/swagger-ui.js").status_code == 404


def test_the_studio_is_served_with_a_strict_policy(api: Api) -> None:
    page = api.client.get("/")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert page.headers["Content-Security-Policy"] == POLICY
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    again = api.client.get("/", headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304
    script = api.client.get("/studio/main.js")
    assert script.mimetype == "text/javascript"
    assert script.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize("path", ["/studio/../app.py", "/studio/%2e%2e/app.py", "/studio/..%2fapp.py", "/studio/no.js"])
def test_the_studio_serves_its_own_files_only(api: Api, path: str) -> None:
    assert api.client.get(path).status_code == 404
