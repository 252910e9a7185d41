"""Idempotency-Key: one deed, one answer, however often it is asked for."""

import threading
from typing import Any

import pytest
from django.db import connection
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from accounts.idempotency import Answer, answer_once, respond_once
from accounts.models import ApiKey, IdempotencyRecord, User
from accounts.tests.builders import NOW, make_key, make_user
from tradehub.core.errors import BadInput, Conflict


def make_another_key(owner: User) -> Answer:
    key, _ = make_key(owner, "read")
    return 201, {"id": key.pk}


def ask(owner: User, *, key: str = "k", digest: str = "d") -> tuple[Answer, bool]:
    return answer_once(
        owner=owner, key=key, request_digest=digest, now=NOW, work=lambda: make_another_key(owner)
    )


def test_the_second_time_nothing_is_done(alice: User) -> None:
    first, repeated = ask(alice)
    assert not repeated
    assert ask(alice) == (first, True)
    assert ApiKey.objects.count() == 1


def test_another_body_under_the_same_key_is_a_conflict(alice: User) -> None:
    ask(alice)
    with pytest.raises(Conflict) as caught:
        ask(alice, digest="other")
    assert caught.value.code == "IDEMPOTENCY_CONFLICT"
    assert ApiKey.objects.count() == 1


def test_each_user_has_their_own_keys(alice: User, bob: User) -> None:
    assert ask(alice) != ask(bob)
    assert ApiKey.objects.count() == 2


def test_what_failed_leaves_nothing_and_may_be_sent_again(alice: User) -> None:
    def fail() -> Answer:
        make_another_key(alice)
        raise BadInput("no")

    with pytest.raises(BadInput):
        answer_once(owner=alice, key="k", request_digest="d", now=NOW, work=fail)
    assert ApiKey.objects.count() == 0
    assert IdempotencyRecord.objects.count() == 0
    assert not ask(alice)[1]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_done() -> None:
    owner = make_user()
    at_once = threading.Barrier(4)
    answers: list[tuple[Answer, bool]] = []

    def run() -> None:
        at_once.wait()
        try:
            answers.append(ask(owner))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ApiKey.objects.count() == 1
    assert len({str(answer) for answer, _ in answers}) == 1
    assert sorted(repeated for _, repeated in answers) == [False, True, True, True]


def request_of(user: User, body: Any, key: str | None) -> Request:
    headers = {} if key is None else {"Idempotency-Key": key}
    raw = APIRequestFactory().post("/api/v1/orders/", body, format="json", headers=headers)
    request = Request(raw, parsers=[JSONParser()])
    request.user = user
    return request


def respond(user: User, body: Any, key: str | None) -> Response:
    def work() -> Response:
        status, data = make_another_key(user)
        return Response(data, status=status)

    return respond_once(request_of(user, body, key), now=NOW, work=work)


def test_a_request_is_answered_once(alice: User) -> None:
    first = respond(alice, {"symbol": "AAPL", "quantity": "1"}, "abc")
    again = respond(alice, {"quantity": "1", "symbol": "AAPL"}, "abc")
    assert first.status_code == again.status_code == 201
    assert first.data == again.data
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    with pytest.raises(Conflict):
        respond(alice, {"symbol": "AAPL", "quantity": "2"}, "abc")
    assert ApiKey.objects.count() == 1


def test_without_a_key_each_request_is_its_own(alice: User) -> None:
    respond(alice, {}, None)
    respond(alice, {}, None)
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize("key", ["x" * 256, "a\tb", "\u00e9"])
def test_an_odd_key_is_refused(alice: User, key: str) -> None:
    with pytest.raises(BadInput):
        respond(alice, {}, key)
