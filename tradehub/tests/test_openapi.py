from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Made as a user makes it; a warning fails it."""
    path: Path = tmp_path_factory.mktemp("schema") / "schema.yml"
    call_command("spectacular", file=str(path), validate=True, fail_on_warn=True)
    return yaml.safe_load(path.read_text())


def operations(schema: Any) -> dict[str, Any]:
    return {
        f"{method} {path}": operation
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in METHODS and path.startswith("/api/v1/")
    }


def test_the_schema_names_what_is_there(schema: Any) -> None:
    assert "/api/v1/me/" in schema["paths"]
    assert "/api/v1/orders/{id}/" in schema["paths"]
    assert len(operations(schema)) > 20


def test_every_operation_needs_somebody(schema: Any) -> None:
    for name, operation in operations(schema).items():
        assert operation["security"] == [{"ApiKey": []}, {"Session": []}], name


def test_every_operation_names_its_problems(schema: Any) -> None:
    for name, operation in operations(schema).items():
        found = operation["responses"]
        expected = {"401", "403", "429"} | ({"404"} if "{" in name else set())
        if "requestBody" in operation:
            expected |= {"400", "409", "422"}
        assert expected <= set(found), name
        for status in expected:
            named = found[status].get("$ref", "").rpartition("/")[2]
            if named:
                response = schema["components"]["responses"][named]
                assert list(response["content"]) == ["application/problem+json"], name


def test_every_operation_answers_something(schema: Any) -> None:
    for name, operation in operations(schema).items():
        assert any(status.startswith("2") for status in operation["responses"]), name


def test_every_operation_has_an_id_of_its_own(schema: Any) -> None:
    ids = [operation["operationId"] for operation in operations(schema).values()]
    assert len(ids) == len(set(ids))
    assert [each for each in ids if each.endswith("_2")] == []


@pytest.mark.django_db
def test_a_real_problem_is_as_described(schema: Any, client: Client) -> None:
    response = client.get("/api/v1/me/")
    described = schema["components"]["schemas"]["Problem"]
    assert response["Content-Type"] == "application/problem+json"
    assert set(described["required"]) <= set(response.json())
    assert set(response.json()) <= set(described["properties"])


@pytest.mark.django_db
def test_the_page_needs_no_inline_script(client: Client) -> None:
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert "<script>" not in page.content.decode()
    directives = page["Content-Security-Policy"]
    assert "'unsafe-inline'" not in directives.partition("script-src")[2].partition(";")[0]
    script = client.get("/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")


@pytest.mark.django_db
def test_the_schema_is_open_to_all(client: Client) -> None:
    assert client.get("/api/schema/?format=json").json()["openapi"].startswith("3.")
