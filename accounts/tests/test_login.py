"""Login, logout, passwords, sign-up: nothing tells who has an account, by words or by time."""

import re
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts.models import AuditEntry, User
from accounts.tests.builders import PASSWORD, make_user
from accounts.tests.counting_hasher import CountingHasher

LOGIN, LOGOUT, SIGN_UP = "/accounts/login/", "/accounts/logout/", "/accounts/signup/"
RESET, CHANGE = "/accounts/password/reset/", "/accounts/password/change/"
ME = "/api/v1/me/"


def log_in(login: str, password: str = PASSWORD, client: Client | None = None) -> Any:
    return (client or Client()).post(LOGIN, {"login": login, "password": password})


@pytest.mark.parametrize("login", ["carol", "carol@example.org", "Carol@Example.ORG", " carol "])
@pytest.mark.django_db
def test_login_by_name_or_address(login: str) -> None:
    make_user("carol", email="Carol@example.org")
    client = Client()
    assert log_in(login, client=client).status_code == 302
    assert client.get(ME).json()["username"] == "carol"


@pytest.mark.django_db
def test_somebody_may_be_named_like_an_address() -> None:
    make_user("x@example.org", email="")
    client = Client()
    assert log_in("x@example.org", client=client).status_code == 302


@pytest.mark.django_db
def test_a_wrong_login_says_and_costs_the_same_for_everybody(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["accounts.tests.counting_hasher.CountingHasher"]
    make_user("carol")
    answers: dict[str, set[tuple[int, str]]] = {"name": set(), "address": set()}
    for login in ("carol", "nobody", "carol@example.org", "nobody@example.org"):
        before = CountingHasher.encoded
        response = log_in(login, "wrong password")
        kind = "address" if "@" in login else "name"
        text = re.sub(r'value="[^"]*"', "", response.content.decode())
        answers[kind].add((CountingHasher.encoded - before, text))
        assert response.status_code == 200
    assert [len(each) for each in answers.values()] == [1, 1]
    assert {hashes for each in answers.values() for hashes, _ in each} == {1}


@pytest.mark.django_db
def test_failed_attempts_are_limited(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
    cache.clear()
    make_user("carol")
    for _ in range(5):
        log_in("carol", "wrong password")
    client = Client()
    response = log_in("carol", client=client)
    assert response.status_code == 200
    assert "Too many failed attempts" in response.content.decode()
    assert client.get(ME).status_code == 401
    cache.clear()


@pytest.mark.django_db
def test_a_forwarded_header_does_not_reset_the_limit(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/m/ip"}
    cache.clear()
    make_user("carol")
    for number in range(3):
        Client(headers={"x-forwarded-for": f"192.0.2.{number}"}).post(
            LOGIN, {"login": f"nobody{number}", "password": "wrong password"}
        )
    response = Client(headers={"x-forwarded-for": "192.0.2.99"}).post(
        LOGIN, {"login": "carol", "password": PASSWORD}
    )
    assert "Too many failed attempts" in response.content.decode()
    cache.clear()


@pytest.mark.django_db
def test_an_inactive_user_does_not_get_in() -> None:
    make_user("carol", is_active=False)
    client = Client()
    log_in("carol", client=client)
    assert client.get(ME).status_code == 401


@pytest.mark.django_db
def test_the_login_page_is_labelled_and_goes_nowhere_else() -> None:
    text = Client().get(LOGIN).content.decode()
    assert '<label class="form-label" for="id_login">' in text
    assert 'autocomplete="current-password"' in text
    make_user("carol")
    response = Client().post(
        LOGIN, {"login": "carol", "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert response.status_code == 302
    assert response["Location"] == "/"


@pytest.mark.django_db
def test_logout_is_a_post() -> None:
    client = Client()
    client.force_login(make_user())
    assert client.get(LOGOUT).status_code == 200
    assert client.get(ME).status_code == 200
    assert client.post(LOGOUT).status_code == 302
    assert client.get(ME).status_code == 401


@pytest.mark.django_db
def test_sign_up_is_closed_unless_it_is_opened(settings: Any) -> None:
    form = {"username": "dave", "password1": PASSWORD, "password2": PASSWORD}
    settings.SIGN_UP = "closed"
    assert "by invitation" in Client().get(SIGN_UP).content.decode()
    assert Client().post(SIGN_UP, form).status_code == 200
    assert not User.objects.exists()
    settings.SIGN_UP = "open"
    assert Client().post(SIGN_UP, form).status_code == 302
    user = User.objects.get()
    assert not user.is_staff
    assert AuditEntry.objects.get().action == "user.signed_up"


@pytest.mark.django_db
def test_a_new_password_ends_every_session() -> None:
    user = make_user()
    here, there = Client(), Client()
    here.force_login(user)
    there.force_login(user)
    new = "another long sentence"
    done = here.post(CHANGE, {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert done.status_code == 302
    assert there.get(ME).status_code == 401
    assert here.get(ME).status_code == 401
    user.refresh_from_db()
    assert user.check_password(new)
    entry = AuditEntry.objects.get()
    assert entry.action == "password.changed"
    assert new not in str(entry.data)


@pytest.mark.django_db
def test_the_old_password_is_needed() -> None:
    user = make_user()
    client = Client()
    client.force_login(user)
    new = "another long sentence"
    client.post(CHANGE, {"oldpassword": "wrong", "password1": new, "password2": new})
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.django_db
def test_a_reset_by_mail_tells_nobody_who_is_here() -> None:
    user = make_user("carol")
    answers = [
        Client().post(RESET, {"email": address})
        for address in ("carol@example.org", "nobody@example.org")
    ]
    assert {(each.status_code, each["Location"]) for each in answers} == {
        (302, "/accounts/password/reset/done/")
    }
    assert [each.to for each in mail.outbox] == [["carol@example.org"], ["nobody@example.org"]]
    assert mail.outbox[0].subject == "[TradeHub] A new password"
    link = re.search(r"http://testserver(/\S+)", str(mail.outbox[0].body))
    assert link
    assert "http" not in str(mail.outbox[1].body)

    client = Client()
    form_page = client.get(link.group(1), follow=True)
    new = "another long sentence"
    action = form_page.redirect_chain[-1][0]
    client.post(action, {"password1": new, "password2": new})
    user.refresh_from_db()
    assert user.check_password(new)
    again = Client().get(link.group(1), follow=True)
    assert "doesn't work any more" in again.content.decode().replace("&#x27;", "'")


@pytest.mark.django_db
def test_a_mail_server_that_is_down_tells_nothing(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    make_user("carol")
    assert Client().post(RESET, {"email": "carol@example.org"}).status_code == 302


@pytest.mark.django_db
def test_without_a_mail_server_no_reset_link_goes_to_the_log(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    make_user("carol")
    response = Client().post(RESET, {"email": "carol@example.org"})
    assert "manage.py changepassword" in response.content.decode()
    assert "/password/reset/key/" not in capsys.readouterr().out


@pytest.mark.django_db
def test_the_admin_uses_the_login_that_counts_attempts() -> None:
    response = Client().get("/admin/login/", {"next": "/admin/accounts/"})
    assert response["Location"] == "/accounts/login/?next=%2Fadmin%2Faccounts%2F"
    evil = Client().get("/admin/login/", {"next": "https://evil.example/"})
    assert evil["Location"] == "/accounts/login/?next=%2Fadmin%2F"
    client = Client()
    client.force_login(make_user())
    assert client.get("/admin/login/").status_code == 403
