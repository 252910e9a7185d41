"""REST: names, shapes, owners and scopes of `risk-profiles/`."""

from datetime import datetime
from typing import Any

import pytest
from django.urls import include, path
from rest_framework.routers import DefaultRouter
from rest_framework.test import APIClient

from accounts import services as accounts
from accounts.models import AuditEntry, User
from risk.api_urls import register
from risk.models import RiskProfile
from risk.profile_fields import FIELDS

router = DefaultRouter()
register(router)
urlpatterns = [path("api/v1/", include(router.urls))]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
URL = "/api/v1/risk-profiles/"


def client_of(user: User, *scopes: str) -> APIClient:
    _, secret = accounts.create_api_key(
        owner=user, name="test", scopes=list(scopes), now=datetime.fromisoformat("2026-03-18T15Z")
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def client(alice: User) -> APIClient:
    return client_of(alice, "read", "manage")


def made(client: APIClient, **values: Any) -> dict[str, Any]:
    response = client.post(URL, {"name": "Careful", **values}, format="json")
    assert response.status_code == 201, response.content
    return dict(response.json())


def test_life_of_a_profile(client: APIClient) -> None:
    profile = made(
        client,
        max_order_value="2500.50",
        max_open_positions=5,
        allowed_symbols=["aapl"],
        max_daily_loss_percent=3,
        max_total_exposure="",
        sectors=None,
    )
    assert set(profile) == {"id", "created_at", "updated_at", *FIELDS}
    assert profile["max_order_value"] == "2500.5"
    assert profile["max_open_positions"] == 5
    assert profile["max_daily_loss_percent"] == "3"
    assert profile["max_total_exposure"] is None
    assert profile["allowed_symbols"] == ["AAPL"]
    assert profile["sectors"] == {}
    assert profile["day_starts_at"] == "00:00"
    one = f"{URL}{profile['id']}/"
    changed = client.patch(one, {"max_order_value": None, "timezone": "Asia/Tokyo"}, format="json")
    assert changed.status_code == 200
    assert (changed.json()["max_order_value"], changed.json()["timezone"]) == (None, "Asia/Tokyo")
    assert client.get(one).json() == changed.json()
    assert [each["id"] for each in client.get(URL).json()["results"]] == [profile["id"]]
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    actions = AuditEntry.objects.filter(action__startswith="risk_profile").order_by("id")
    assert [entry.action.partition(".")[2] for entry in actions] == [
        "created",
        "changed",
        "deleted",
    ]


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"max_order_value": "-1"}, "/max_order_value"),
        ({"max_order_value": "a lot"}, "/max_order_value"),
        ({"max_open_positions": 0}, "/max_open_positions"),
        ({"max_open_positions": 2.5}, "/max_open_positions"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"sizing_method": "martingale"}, "/sizing_method"),
        ({"sizing_method": "fixed_quantity"}, "/sizing_value"),
        ({"allowed_symbols": ["AAPL", "?"]}, "/allowed_symbols/1"),
        ({"day_starts_at": "later"}, "/day_starts_at"),
        ({"max_widgets": 1}, "/max_widgets"),
        ({"name": ""}, "/name"),
    ],
)
def test_refusal_names_the_field(client: APIClient, values: dict[str, Any], pointer: str) -> None:
    response = client.post(URL, {"name": "Careful", **values}, format="json")
    assert response.status_code in (400, 422)
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert not RiskProfile.objects.exists()


def test_name_that_is_taken_is_a_conflict(client: APIClient) -> None:
    made(client)
    response = client.post(URL, {"name": "Careful"}, format="json")
    assert (response.status_code, response.json()["code"]) == (409, "CONFLICT")


def test_another_users_profile_is_not_there(client: APIClient, bob: User) -> None:
    one = f"{URL}{made(client)['id']}/"
    other = client_of(bob, "read", "manage")
    assert other.get(URL).json()["results"] == []
    assert other.get(one).status_code == 404
    assert other.patch(one, {"name": "Mine"}, format="json").status_code == 404
    assert other.delete(one).status_code == 404
    assert RiskProfile.objects.get().name == "Careful"


def test_reading_needs_read_and_writing_manage(client: APIClient, alice: User) -> None:
    one = f"{URL}{made(client)['id']}/"
    reader = client_of(alice, "read")
    assert reader.get(one).status_code == 200
    assert reader.patch(one, {"name": "New"}, format="json").status_code == 403
    assert reader.post(URL, {"name": "New"}, format="json").status_code == 403
    assert reader.delete(one).status_code == 403
    assert client_of(alice, "manage").get(one).status_code == 403
    assert APIClient().get(one).status_code == 401
