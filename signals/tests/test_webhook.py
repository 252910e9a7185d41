"""The webhook from outside: each row of the contract's table, through the callable itself."""

import asyncio
import hashlib
import hmac
import threading
import time
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.db import OperationalError

from accounts.models import User
from orders.models import LaneItem, Order
from orders.work import drain_lane
from signals import ingest, progress, webhook
from signals.arrivals import ArrivalOutcome
from signals.ingest import Writer
from signals.models import Signal, WebhookToken
from signals.routes import bump_route_version
from signals.token_services import create_webhook_token
from tradehub.lib.clock import utc_now
from tradehub.lib.tokens import new_token
from tradehub.testing.asgi import Answer
from tradehub.testing.builders import make_account, make_profile, make_strategy, make_token
from tradehub.testing.webhook import ALERT, Hook, process

__all__ = ["process"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("process")]


@pytest.fixture
def hook(alice: User) -> Hook:
    now = utc_now()
    strategy = make_strategy(alice, make_account(alice, now), make_profile(alice, now))
    return Hook(strategy, make_token(strategy))


def is_problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    body: dict[str, Any] = answer.json
    assert {"type", "title", "status", "detail", "code", "request_id"} <= body.keys()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"].endswith(f"/help/reasons/{code}")
    assert body["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    return body


# ---- taken ----


@pytest.mark.parametrize("slash", ["", "/"])
def test_202_is_stored_and_queued(hook: Hook, slash: str) -> None:
    answer = hook.post(path=f"/webhook/{hook.token.secret}{slash}")
    assert answer.status == 202
    body = answer.json
    assert body.keys() == {"status", "signal_id", "request_id", "url"}
    assert body["status"] == "accepted"
    assert body["url"] == f"http://localhost/signals/{body['signal_id']}/"
    signal = Signal.objects.get(pk=body["signal_id"])
    assert (signal.status, signal.source_ip) == ("received", "203.0.113.7")
    assert LaneItem.objects.get().signal == signal
    assert hook.token.secret not in answer.body.decode()


def test_200_for_a_copy_names_the_first(hook: Hook) -> None:
    first, second = hook.post(), hook.post()
    assert (second.status, second.json["status"]) == (200, "duplicate")
    assert second.json["signal_id"] == first.json["signal_id"]
    assert LaneItem.objects.count() == 1


CONTENT_TYPES = [
    "application/json",
    "text/plain",
    "text/plain; charset=iso-8859-1",
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "none/of;;these",
    None,
]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
def test_case_07_the_same_signal_whatever_the_content_type_says(hook: Hook, mark: bytes) -> None:
    for number, content_type in enumerate(CONTENT_TYPES):
        headers = {"content-type": content_type} if content_type else {}
        body = mark + orjson.dumps(ALERT | {"alert_id": f"t{number}", "comment": "é"})
        assert hook.post(body, headers=headers).status == 202, content_type
    stored = [each.intents for each in Signal.objects.all()]
    assert len(stored) == len(CONTENT_TYPES)
    read = [[{**each, "idempotency_id": ""} for each in intents] for intents in stored]
    assert all(each == read[0] for each in read)
    assert [each["verb"] for each in read[0]] == ["enter"]


@pytest.mark.parametrize("field", ["api_key", "passphrase"])
@pytest.mark.parametrize("path", ["/webhook", "/webhook/"])
def test_the_token_in_the_body(hook: Hook, field: str, path: str) -> None:
    assert hook.post(ALERT | {field: hook.token.secret}, path=path).status == 202


def test_wait_answers_with_the_final_signal(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ingest.store_batch

    def store_and_work(batch: Any) -> None:
        real(batch)
        for item in LaneItem.objects.filter(status="queued"):
            drain_lane(item.account_id)

    monkeypatch.setattr(ingest, "store_batch", store_and_work)
    answer = hook.post(headers={"prefer": "respond-async, wait=5"})
    assert (answer.status, answer.json["status"]) == (200, "processed")
    assert answer.headers["preference-applied"] == "wait"
    assert answer.json["decisions"][0]["outcome"] == "approved"
    assert answer.json["decisions"][0]["orders"] == [Order.objects.get().pk]


def test_wait_in_vain_is_a_202(hook: Hook) -> None:
    hook.set(wait_seconds="0.05")
    assert hook.post().status == 202


# ---- refused for what it says ----

UNREADABLE: list[tuple[Any, int, str]] = [
    (b"{", 400, "INVALID_JSON"),
    (b"[" * 20_000, 400, "INVALID_JSON"),
    (b'{"symbol":"AAPL","symbol":"MSFT","action":"buy"}', 400, "INVALID_JSON"),
    (b'{"symbol":"AAPL","action":"buy","quantity":NaN}', 400, "INVALID_JSON"),
    (b'{"symbol":"AAPL","action":"buy","quantity":Infinity}', 400, "INVALID_JSON"),
    (b'{"symbol":"AAPL","action":"buy","quantity":1e400}', 422, "INVALID_FIELD"),
    (
        b'{"symbol":"AAPL","action":"buy","extra":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        400,
        "INVALID_JSON",
    ),
    (orjson.dumps(ALERT)[:-1] + b',"pad":"' + b"x" * 65_536 + b'"}', 413, "BODY_TOO_LARGE"),
    (ALERT | {"quantity": -1}, 422, "INVALID_FIELD"),
    (ALERT | {"action": "dance"}, 422, "UNKNOWN_ACTION"),
    (ALERT | {"symbol": "{{ticker}}"}, 422, "UNRESOLVED_PLACEHOLDER"),
    (ALERT | {"action": "{{strategy.order.action}}"}, 422, "UNRESOLVED_PLACEHOLDER"),
    (b"x" * 1_000_000, 413, "BODY_TOO_LARGE"),
    ({"action": "buy"}, 422, "MISSING_FIELD"),
]


@pytest.mark.parametrize(("body", "status", "code"), UNREADABLE)
def test_case_08_what_is_hostile_is_refused_and_in_the_owner_s_log(
    hook: Hook, body: Any, status: int, code: str
) -> None:
    problem = is_problem(hook.post(body), status, code)
    if status == 422:
        assert problem["errors"][0].keys() == {"pointer", "code", "detail"}
    signal = Signal.objects.get()
    assert signal.error is not None
    assert (signal.status, signal.owner, signal.error["code"]) == (
        "invalid",
        hook.strategy.owner,
        code,
    )
    assert len(bytes(signal.raw)) <= 65_536
    assert not LaneItem.objects.exists()


def test_case_06_an_id_with_another_size_is_a_409_and_stored_as_invalid(hook: Hook) -> None:
    first = hook.post(ALERT | {"alert_id": "x"})
    problem = is_problem(
        hook.post(ALERT | {"alert_id": "x", "quantity": 2}), 409, "IDEMPOTENCY_CONFLICT"
    )
    assert first.json["signal_id"] in problem["detail"]
    assert sorted(Signal.objects.values_list("status", flat=True)) == ["invalid", "received"]
    assert LaneItem.objects.count() == 1


@pytest.mark.parametrize("body", [b"", b"{", b"hello"])
def test_without_a_token_an_unreadable_body_is_a_400_and_nobody_s(hook: Hook, body: bytes) -> None:
    answer = hook.post(body, path="/webhook")
    assert answer.status == 400
    assert not Signal.objects.exists()


def test_without_a_token_a_readable_body_is_told_where_it_belongs(hook: Hook) -> None:
    problem = is_problem(hook.post(path="/webhook"), 422, "MISSING_FIELD")
    assert problem["errors"][0]["pointer"] == "/api_key"
    assert not Signal.objects.exists()


# ---- refused for who says it ----


def guarded_by(hook: Hook, **options: str) -> str:
    """Another token of the strategy, with a secret of its own; the token's text."""
    _, secret = create_webhook_token(
        owner=hook.strategy.owner,
        fields={"strategy": hook.strategy, **options},
        now=utc_now(),
    )
    return secret


def test_401_passphrase(hook: Hook) -> None:
    secret = guarded_by(hook, passphrase="open sesame")
    guarded = f"/webhook/{secret}"
    is_problem(hook.post(path=guarded), 401, "INVALID_PASSPHRASE")
    assert Signal.objects.filter(status="invalid").count() == 1
    assert hook.post(ALERT | {"passphrase": "open sesame"}, path=guarded).status == 202


def test_401_signature(hook: Hook) -> None:
    secret = guarded_by(hook, hmac_secret="s3cret")
    signed = f"/webhook/{secret}"
    is_problem(hook.post(path=signed), 401, "INVALID_SIGNATURE")
    assert Signal.objects.get().status == "invalid"
    digest = hmac.new(b"s3cret", orjson.dumps(ALERT), hashlib.sha256).hexdigest()
    headers = {"x-signature": f"sha256={digest}"}
    assert hook.post(path=signed, headers=headers).status == 202


def block(hook: Hook) -> None:
    hook.set(allowed_ips=["198.51.100.0/24"])


def revoke(hook: Hook) -> None:
    hook.set(revoked_at=utc_now())


def expire(hook: Hook) -> None:
    hook.set(expires_at=utc_now() - timedelta(seconds=1))


def replace(hook: Hook) -> None:
    hook.set(digest=new_token("thw_").digest)


@pytest.mark.parametrize("body", [ALERT, b"{"])
@pytest.mark.parametrize("spoil", [block, revoke, expire, replace])
def test_404_is_one_answer_for_unknown_revoked_expired_and_blocked(
    hook: Hook, spoil: Any, body: Any
) -> None:
    unknown = hook.post(body, path="/webhook/thw_nobody")
    hook.post()
    Signal.objects.all().delete()
    spoil(hook)
    answer = hook.post(body)
    is_problem(answer, 404, "NOT_FOUND")
    assert answer.headers.keys() == unknown.headers.keys()
    assert answer.json | {"request_id": ""} == unknown.json | {"request_id": ""}
    assert not Signal.objects.exists()


@pytest.mark.parametrize("odd", ["/webhook/a/b", "/webhook//", "/webhook/%00", "/webhook/é"])
def test_an_odd_path_is_no_token(hook: Hook, odd: str) -> None:
    assert hook.post(path=odd).status in (404, 422)


def test_a_change_is_obeyed_by_the_next_alert_that_would_be_stored(hook: Hook) -> None:
    """The cached route is still fresh, but the transaction that stores reads the version."""
    assert hook.post().status == 202
    revoke(hook)
    assert hook.post(ALERT | {"quantity": 2}).status == 404
    assert Signal.objects.count() == 1


def test_a_change_of_the_strategy_s_terms_is_in_the_next_alert(hook: Hook) -> None:
    hook.post()
    hook.strategy.max_adds = 7
    hook.strategy.save(update_fields=["max_adds"])
    bump_route_version()
    hook.post(ALERT | {"quantity": 2})
    assert [each.terms["max_adds"] for each in LaneItem.objects.order_by("id")] == [0, 7]


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "status"),
    [
        (0, "198.51.100.9", "", 202),
        (0, "203.0.113.7", "198.51.100.9", 404),  # nobody vouches for the header
        (1, "10.0.0.1", "198.51.100.9", 202),
        (1, "10.0.0.1", "198.51.100.9, 203.0.113.7", 404),  # the left part is the sender's tale
        (2, "10.0.0.1", "198.51.100.9, 203.0.113.7", 202),
    ],
)
def test_allowed_addresses_believe_so_many_proxies(
    hook: Hook, settings: Any, proxies: int, peer: str, forwarded: str, status: int
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    block(hook)
    answer = hook.post(client=peer, headers={"x-forwarded-for": forwarded})
    assert answer.status == status


def test_the_tradingview_preset(hook: Hook) -> None:
    hook.set(tradingview_only=True)
    assert hook.post().status == 404
    assert hook.post(client="52.89.214.238").status == 202


# ---- refused for other reasons ----


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_405_says_what_is_allowed(hook: Hook, method: str) -> None:
    answer = hook.post(method=method)
    is_problem(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"


def test_a_foreign_host_is_a_400(hook: Hook) -> None:
    is_problem(hook.post(headers={"host": "evil.example"}), 400, "INVALID_FIELD")
    assert not Signal.objects.exists()


def test_429_counts_copies_and_invalid_ones_for_the_owner_and_stores_nothing(
    hook: Hook, process: Writer
) -> None:
    hook.set(requests_per_minute=3)
    assert [hook.post(body).status for body in (ALERT, ALERT, b"{")] == [202, 200, 400]
    answer = hook.post(ALERT | {"quantity": 2})
    is_problem(answer, 429, "RATE_LIMITED")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    process.close()
    assert Signal.objects.count() == 2
    assert WebhookToken.objects.get().throttled_count == 1


def test_503_when_the_queue_is_full(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "QUEUE_LIMIT", 0)
    answer = hook.post()
    is_problem(answer, 503, "NOT_STORED")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(("slow", "looks"), [(60.0, 3), (0.01, 1)])
def test_who_waits_behind_a_slow_look_up_that_fails_is_answered_with_it(
    monkeypatch: pytest.MonkeyPatch, slow: float, looks: int
) -> None:
    monkeypatch.setattr(progress, "SLOW_SECONDS", slow)
    looked, all_wait = [], threading.Event()

    def fails() -> None:
        looked.append(True)
        assert all_wait.wait(20)
        time.sleep(0.02)
        raise OperationalError("server closed the connection")

    async def three() -> list[Any]:
        due = asyncio.get_running_loop().time() + webhook.ANSWER_SECONDS
        looking = [asyncio.ensure_future(webhook._in_reader(fails, due)) for _ in range(3)]
        await asyncio.sleep(0)  # each has begun to wait
        all_wait.set()
        return await asyncio.gather(*looking, return_exceptions=True)

    answers = asyncio.run(three())
    assert [(type(each), each.status) for each in answers] == [(webhook.Refused, 503)] * 3
    assert len(looked) == looks


def test_503_when_it_could_not_be_stored(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(batch: Any) -> None:
        for each in batch:
            each.outcome = ArrivalOutcome.NOT_STORED

    monkeypatch.setattr(ingest, "store_batch", fail)
    is_problem(hook.post(), 503, "NOT_STORED")


@pytest.mark.parametrize("at", ["parse_alert", "admit", "new_id"])
def test_a_bug_of_ours_is_a_503_without_a_trace(
    hook: Hook, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def bug(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    if at == "new_id":
        monkeypatch.setattr(webhook, "_arrival", bug)
    else:
        monkeypatch.setattr(webhook, at, bug)
    answer = hook.post()
    is_problem(answer, 503, "NOT_STORED")
    assert b"secret detail" not in answer.body


def test_a_route_that_keeps_changing_is_a_503_and_not_a_circle(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reroute(batch: Any) -> None:
        for each in batch:
            each.outcome = ArrivalOutcome.REROUTED

    monkeypatch.setattr(ingest, "store_batch", reroute)
    is_problem(hook.post(), 503, "NOT_STORED")


def test_nothing_is_stored_of_another_user(hook: Hook, bob: User) -> None:
    theirs = make_strategy(bob, name="Theirs")
    hook.set(strategy=None)
    answer = hook.post(ALERT | {"strategy": "Theirs"})
    is_problem(answer, 422, "MISSING_FIELD")
    signal = Signal.objects.get()
    assert (signal.owner, signal.strategy) == (hook.strategy.owner, None)
    assert not Signal.objects.filter(strategy=theirs).exists()
