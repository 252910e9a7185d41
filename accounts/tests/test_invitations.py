"""Invitations: one link, one user, once."""

import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.models import AuditEntry, Invitation, User
from accounts.services import accept_invitation
from accounts.tests.builders import NOW, PASSWORD, make_invitation, make_user
from tradehub.core.errors import Conflict, NotFound
from tradehub.lib.clock import utc_now


def accept(token: str, *, name: str = "dave", email: str = "", password: str = PASSWORD) -> User:
    return accept_invitation(
        token=token, username=name, password=password, email=email, now=NOW + timedelta(minutes=1)
    )


@pytest.mark.django_db
def test_an_invitation_makes_a_user() -> None:
    invitation, token = make_invitation(email="Dave@Example.org")
    user = accept(token)
    assert user.check_password(PASSWORD)
    assert user.email == "dave@example.org"
    assert not user.is_staff
    assert not user.is_superuser
    invitation.refresh_from_db()
    assert invitation.used_by == user
    assert AuditEntry.objects.filter(action="invitation.accepted", owner=user).count() == 1


@pytest.mark.django_db
def test_an_operators_invitation_makes_an_operator() -> None:
    user = accept(make_invitation(is_operator=True)[1])
    assert user.is_staff
    assert user.is_superuser


@pytest.mark.django_db
def test_a_link_works_once() -> None:
    _, token = make_invitation()
    accept(token)
    with pytest.raises(Conflict):
        accept(token, name="eve")
    assert not User.objects.filter(username="eve").exists()


@pytest.mark.django_db
def test_a_link_works_for_its_time() -> None:
    _, token = make_invitation(now=NOW - timedelta(minutes=14))
    with pytest.raises(Conflict):
        accept(token)
    assert not User.objects.exists()


@pytest.mark.django_db
def test_only_its_secret_opens_it() -> None:
    invitation, token = make_invitation()
    for wrong in ("", "thi_nobody", invitation.pk, token[:-1], token.swapcase()):
        with pytest.raises(NotFound):
            accept(wrong)
    stored = serializers.serialize("json", [*Invitation.objects.all(), *AuditEntry.objects.all()])
    assert token not in stored + repr(invitation)


@pytest.mark.parametrize(
    ("name", "email", "password", "field"),
    [
        ("CAROL", "", PASSWORD, "__all__"),
        ("dave", "Carol@EXAMPLE.org", PASSWORD, "__all__"),
        ("", "", PASSWORD, "username"),
        ("da ve", "", PASSWORD, "username"),
        ("dave", "no address", PASSWORD, "email"),
        ("dave", "", "short", "password"),
        ("dave", "", "password123456"[:12], "password"),
        ("davedavedave", "", "davedavedave", "password"),
    ],
)
@pytest.mark.django_db
def test_a_refused_form_leaves_the_link_open(
    name: str, email: str, password: str, field: str
) -> None:
    make_user("carol")
    _, token = make_invitation()
    with pytest.raises(ValidationError) as caught:
        accept(token, name=name, email=email, password=password)
    assert field in caught.value.message_dict
    assert accept(token, name="dave").username == "dave"


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_wins() -> None:
    _, token = make_invitation()
    at_once = threading.Barrier(4)
    outcomes: list[str] = []

    def run(name: str) -> None:
        at_once.wait()
        try:
            outcomes.append(accept(token, name=name).username)
        except Conflict:
            outcomes.append("")
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(f"user{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [name for name in outcomes if name]
    assert len(outcomes) == 4
    assert len(winners) == 1
    assert list(User.objects.values_list("username", flat=True)) == winners


@pytest.mark.django_db
def test_the_welcome_page_logs_its_user_in() -> None:
    _, token = make_invitation(is_operator=True, now=utc_now())
    client = Client()
    page = client.get(f"/welcome/{token}/")
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    form = {"username": "olga", "email": "", "password": PASSWORD, "password_again": PASSWORD}
    done = client.post(f"/welcome/{token}/", form)
    assert done.status_code == 302
    assert done["Location"] == "/"
    assert client.get("/api/v1/me/").json()["username"] == "olga"
    again = Client().post(f"/welcome/{token}/", form | {"username": "eve"})
    assert again.status_code == 410
    assert "manage.py invite" in again.content.decode()
    assert Client().get(f"/welcome/{token}/").status_code == 410


@pytest.mark.django_db
def test_the_welcome_page_names_what_is_wrong_and_repeats_no_password() -> None:
    _, token = make_invitation(now=utc_now())
    page = Client().post(
        f"/welcome/{token}/",
        {"username": "da ve", "password": "canary-pass-1", "password_again": "canary-pass-2"},
    )
    text = page.content.decode()
    assert page.status_code == 422
    assert "The two passwords differ." in text
    assert "canary-pass" not in text
    page = Client().post(
        f"/welcome/{token}/", {"username": "dave", "password": "12345", "password_again": "12345"}
    )
    assert page.status_code == 422
    assert 'id="id_password_error"' in page.content.decode()
    assert not User.objects.exists()


@pytest.mark.django_db
def test_no_such_welcome_link() -> None:
    for token in ("thi_nobody", "x", "%00", "%F0%9F%94%91"):
        assert Client().get(f"/welcome/{token}/").status_code == 404


@pytest.mark.django_db
def test_the_command_prints_a_link_that_works() -> None:
    out, err = StringIO(), StringIO()
    call_command("invite", "--operator", stdout=out, stderr=err)
    link = out.getvalue().strip()
    assert link.startswith("http")
    path = link[link.index("/welcome/") :]
    assert Client().get(path).status_code == 200
    invitation = Invitation.objects.get()
    assert invitation.is_operator
    assert invitation.expires_at <= utc_now() + timedelta(minutes=15)
    with pytest.raises(CommandError):
        call_command("invite", "--hours", "0", stdout=out, stderr=err)
