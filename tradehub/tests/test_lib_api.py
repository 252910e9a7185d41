"""The shape of every refusal, exact numbers, strict fields."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404, UnreadablePostError
from django.test import RequestFactory
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from tradehub.core.errors import BadInput, Conflict, NotFound, TradehubError
from tradehub.core.reasons import REASONS
from tradehub.lib import problems
from tradehub.lib.api import DecimalJSONParser, DecimalString, PlainJSON, StrictSerializer

CANARY = "canary-of-the-inside"


def answer(raising: Callable[[Any], Any], body: str = "{}") -> Response:
    """What a caller sees of a view that does this with its request."""

    class View(APIView):
        authentication_classes = ()
        permission_classes = ()
        parser_classes = (DecimalJSONParser,)

        def post(self, request: Any) -> Response:
            return Response(raising(request))

    request = APIRequestFactory().post("/api/v1/x/", body, content_type="application/json")
    response = View.as_view()(request)
    response.render()
    return response


def answer_to(error: Exception) -> Response:
    def fail(_request: Any) -> None:
        raise error

    return answer(fail)


TABLE: list[tuple[Exception, int, str]] = [
    (exceptions.NotAuthenticated(), 401, "NOT_AUTHENTICATED"),
    (exceptions.AuthenticationFailed("no"), 401, "NOT_AUTHENTICATED"),
    (exceptions.PermissionDenied("needs trade"), 403, "SCOPE_MISSING"),
    (PermissionDenied(CANARY), 403, "SCOPE_MISSING"),
    (exceptions.NotFound(CANARY), 404, "NOT_FOUND"),
    (Http404(CANARY), 404, "NOT_FOUND"),
    (NotFound(), 404, "NOT_FOUND"),
    (exceptions.MethodNotAllowed("POST"), 405, "METHOD_NOT_ALLOWED"),
    (exceptions.NotAcceptable(), 406, "INVALID_FIELD"),
    (exceptions.ParseError("not JSON"), 400, "INVALID_JSON"),
    (exceptions.UnsupportedMediaType("text/xml"), 415, "INVALID_JSON"),
    (exceptions.Throttled(wait=7), 429, "RATE_LIMITED"),
    (RequestDataTooBig(CANARY), 413, "BODY_TOO_LARGE"),
    (UnreadablePostError(CANARY), 400, "INVALID_JSON"),
    (SuspiciousOperation(CANARY), 400, "INVALID_FIELD"),
    (BadInput("a size is above zero", pointer="/size"), 422, "INVALID_FIELD"),
    (BadInput("too large", code="BODY_TOO_LARGE"), 413, "BODY_TOO_LARGE"),
    (BadInput("held", code="OPPOSITE_HELD"), 422, "OPPOSITE_HELD"),
    (Conflict("it is final"), 409, "CONFLICT"),
    (Conflict("nothing held", code="ALREADY_FLAT"), 409, "ALREADY_FLAT"),
    (Conflict("another body", code="IDEMPOTENCY_CONFLICT"), 409, "IDEMPOTENCY_CONFLICT"),
    (TradehubError(CANARY), 500, "INTERNAL_ERROR"),
    (BadInput(CANARY, code="NO_SUCH_CODE"), 500, "INTERNAL_ERROR"),
    (exceptions.ValidationError({"a": ["bad"]}), 422, "INVALID_FIELD"),
    (ModelValidationError({"name": ["taken"]}), 422, "INVALID_FIELD"),
    (ZeroDivisionError(CANARY), 500, "INTERNAL_ERROR"),
    (KeyError(CANARY), 500, "INTERNAL_ERROR"),
    (exceptions.APIException(CANARY), 500, "INTERNAL_ERROR"),
]


@pytest.mark.parametrize(("error", "status", "code"), TABLE, ids=lambda value: repr(value)[:40])
def test_every_exception_is_a_problem(error: Exception, status: int, code: str) -> None:
    response = answer_to(error)
    body = json.loads(response.content)
    assert response.status_code == status == body["status"]
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    assert body["code"] == code
    assert body["type"] == f"/help/reasons/{code}"
    assert body["title"] == REASONS[code].title
    assert body["detail"]
    assert body["request_id"].startswith("req_")
    assert CANARY not in response.content.decode()


def test_a_throttled_caller_is_told_when_to_come_again() -> None:
    assert answer_to(exceptions.Throttled(wait=7))["Retry-After"] == "7"


def test_an_unknown_error_is_logged_under_the_request(caplog: pytest.LogCaptureFixture) -> None:
    answer_to(ZeroDivisionError(CANARY))
    assert CANARY in caplog.text


def test_one_of_our_errors_points_at_its_field() -> None:
    body = json.loads(answer_to(BadInput("above zero", pointer="/legs/0/size")).content)
    assert body["errors"] == [
        {"pointer": "/legs/0/size", "code": "INVALID_FIELD", "detail": "above zero"}
    ]


class Leg(serializers.Serializer[Any]):
    price = DecimalString(above=Decimal(0))


class Order(StrictSerializer):
    symbol = serializers.CharField()
    quantity = DecimalString()
    legs = Leg(many=True, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=3), required=False)


def errors_of(data: str) -> dict[str, str]:
    def validate(request: Any) -> Any:
        given = Order(data=request.data)
        given.is_valid(raise_exception=True)
        return given.data

    body = json.loads(answer(validate, data).content)
    return {each["pointer"]: each["code"] for each in body["errors"]}


def test_field_errors_are_json_pointers() -> None:
    assert errors_of('{"quantity": "much"}') == {
        "/symbol": "MISSING_FIELD",
        "/quantity": "INVALID_FIELD",
    }
    assert errors_of('{"symbol":"A","quantity":1,"legs":[{"price":1},{"price":0}]}') == {
        "/legs/1/price": "INVALID_FIELD"
    }
    assert errors_of('{"symbol":"A","quantity":1,"tags":["ok","long one"]}') == {
        "/tags/1": "INVALID_FIELD"
    }
    assert errors_of('["a list"]') == {"": "INVALID_FIELD"}


def test_an_unknown_field_is_refused_by_its_name() -> None:
    assert errors_of('{"symbol":"A","quantity":1,"stop/los~s":1}') == {
        "/stop~1los~0s": "UNSUPPORTED_FIELD"
    }


def test_a_number_keeps_every_digit() -> None:
    def validate(request: Any) -> Any:
        given = Order(data=request.data)
        given.is_valid(raise_exception=True)
        return {"quantity": str(given.validated_data["quantity"])}

    for number in ("0.1234567890123456789012345678", '"0.1234567890123456789012345678"'):
        response = answer(validate, f'{{"symbol":"A","quantity":{number}}}')
        assert json.loads(response.content) == {"quantity": "0.1234567890123456789012345678"}


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[1,]",
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1, "a": 2}',
        "[" * 100_000,
        "[" * 33 + "1" + "]" * 33,
        '{"a":' * 900 + "1" + "}" * 900,
        "1" * 5_000,
        "\ufeff{",
    ],
    ids=lambda body: body[:12],
)
def test_what_is_not_json_is_a_400(body: str) -> None:
    def read(request: Any) -> Any:
        return {"read": str(request.data)[:10]}

    response = answer(read, body)
    assert response.status_code == 400
    assert json.loads(response.content)["code"] == "INVALID_JSON"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ('"\\ud800"', ""),
        ('{"name": "\\udfff"}', "/name"),
        ('{"tags": ["ok", "\\u0000"]}', "/tags/1"),
        ('{"a/b": {"x\\ud800": 1}}', "/a~1b"),
    ],
)
def test_what_is_no_text_is_refused_where_it_stands(body: str, pointer: str) -> None:
    refused = json.loads(answer(lambda request: {"read": len(request.data)}, body).content)
    assert (refused["status"], refused["code"]) == (422, "INVALID_FIELD")
    assert refused["errors"][0]["pointer"] == pointer


def test_an_escaped_pair_is_text() -> None:
    response = answer(lambda request: {"read": request.data["a"]}, '{"a": "\\ud83d\\ude80"}')
    assert json.loads(response.content) == {"read": "\U0001f680"}


def test_a_float_is_never_a_number_of_ours() -> None:
    with pytest.raises(serializers.ValidationError):
        DecimalString().to_internal_value(0.1)
    with pytest.raises(serializers.ValidationError):
        DecimalString().to_internal_value(True)


def test_a_decimal_is_written_plainly() -> None:
    assert DecimalString().to_representation(Decimal("1E+3")) == "1000"
    assert DecimalString().to_representation(Decimal("0.10")) == "0.1"


def test_what_was_computed_is_written_whatever_its_digits() -> None:
    shown = DecimalString().to_representation
    assert (
        shown(Decimal("0.00166666666666666666666666666700")) == "0.001666666666666666666666666667"
    )
    assert shown(Decimal("1.23456789012345678901234567850")) == "1.234567890123456789012345678"
    assert shown(Decimal("1E+30")) == "1" + "0" * 30


def test_decimals_within_json_columns_become_text() -> None:
    given = {"fee": Decimal("0.10"), "list": [1, Decimal("2.5"), {"x": Decimal("1E-7")}]}
    assert PlainJSON().to_internal_value(given) == {
        "fee": "0.1",
        "list": [1, "2.5", {"x": "0.0000001"}],
    }


@pytest.mark.parametrize("value", [Decimal("1E+308"), [Decimal("1E-19")], {"a": 10**40}])
def test_a_number_out_of_bounds_is_no_json_of_ours(value: Any) -> None:
    with pytest.raises(serializers.ValidationError, match="number that can't be used"):
        PlainJSON().to_internal_value(value)


HANDLERS = [
    (problems.bad_request, 400, "INVALID_FIELD"),
    (problems.permission_denied, 403, "SCOPE_MISSING"),
    (problems.page_not_found, 404, "NOT_FOUND"),
    (problems.csrf_failure, 403, "NOT_AUTHENTICATED"),
    (problems.too_many_requests, 429, "RATE_LIMITED"),
    (problems.server_error, 500, "INTERNAL_ERROR"),
]


@pytest.mark.parametrize("path", ["/api/v1/x/", "/webhook/thw_x"])
@pytest.mark.parametrize(("handler", "status", "code"), HANDLERS)
def test_programs_get_problems_from_django_too(
    handler: Callable[..., Any], status: int, code: str, path: str
) -> None:
    response = handler(RequestFactory().get(path))
    body = json.loads(response.content)
    assert response.status_code == body["status"] == status
    assert response["Content-Type"] == "application/problem+json"
    assert body["code"] == code


@pytest.mark.parametrize(("handler", "status", "code"), [HANDLERS[0], HANDLERS[-1]])
def test_the_pages_of_last_resort_need_nothing(
    handler: Callable[..., Any], status: int, code: str
) -> None:
    """No database (this test has none), no session, no user, no allowed host."""
    response = handler(RequestFactory().get("/orders/", headers={"host": "nobody.example"}))
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
