"""What is answered where there is no view: problems for programs, pages for people."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client, RequestFactory
from django.urls import get_resolver
from django.utils.module_loading import import_string

from accounts.models import User
from tradehub import urls

pytestmark = pytest.mark.django_db
HANDLERS = ("handler400", "handler403", "handler404", "handler429", "handler500")


def test_every_error_has_our_handler() -> None:
    for name in HANDLERS:
        handler = import_string(getattr(urls, name))
        request = RequestFactory().get("/api/v1/anything/")
        response = handler(request) if name == "handler500" else handler(request, None)
        assert response["Content-Type"] == "application/problem+json"
        assert response.status_code == int(name.removeprefix("handler"))
    assert get_resolver().resolve_error_handler(404) is import_string(urls.handler404)


@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v1/nothing/", "/webhook/thw_x"])
def test_a_program_is_told_as_a_program(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.json()["code"] == "NOT_FOUND"


def test_people_get_a_page(client: Client) -> None:
    response = client.get("/nothing/here")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_a_foreign_host_is_refused_without_a_trace() -> None:
    client = Client(headers={"Host": "evil.example"}, raise_request_exception=False)
    response = client.get("/api/v1/me/")
    assert response.status_code == 400
    assert b"Traceback" not in response.content
    assert b"evil.example" not in response.content


@pytest.mark.parametrize("code", ["NOT_FOUND", "RATE_LIMITED", "INTERNAL_ERROR"])
def test_what_a_problem_links_to_is_there_for_all(client: Client, code: str) -> None:
    assert client.get(f"/help/reasons/{code}").status_code == 200


def test_the_admins_own_login_is_ours(client: Client, operator: User) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/")
    client.force_login(operator)
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    ("path", "loose"), [("/accounts/login/", False), ("/api/docs/", True), ("/admin/", True)]
)
def test_the_policy_is_looser_only_where_a_library_needs_it(
    client: Client, operator: User, path: str, loose: bool
) -> None:
    if path == "/admin/":
        client.force_login(operator)
    policy: Any = client.get(path)["Content-Security-Policy"]
    assert ("unsafe" in policy) is loose
    assert settings.CSP_BY_PREFIX.keys() == {"/admin/", "/api/docs/"}
