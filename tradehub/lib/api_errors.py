"""From an exception in a REST view to the problem that the caller sees.

The one table of it: what is not listed is an INTERNAL_ERROR that says nothing about its cause. The
log has the cause, under the request id.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import set_rollback

from tradehub.core.errors import NotFound, TradehubError
from tradehub.core.reasons import REASONS
from tradehub.lib.problems import CONTENT_TYPE, FieldError, body_of_error, problem_body
from tradehub.lib.request_id import request_id_of

_log = logging.getLogger(__name__)

# The first class that fits decides; the detail of None is the exception's own.
_TABLE: tuple[tuple[type[Exception], int, str, str | None], ...] = (
    (exceptions.NotAuthenticated, 401, "NOT_AUTHENTICATED", None),
    (exceptions.AuthenticationFailed, 401, "NOT_AUTHENTICATED", None),
    (exceptions.PermissionDenied, 403, "SCOPE_MISSING", None),
    (PermissionDenied, 403, "SCOPE_MISSING", "You may not do this."),
    (exceptions.NotFound, 404, "NOT_FOUND", NotFound().message),
    (Http404, 404, "NOT_FOUND", NotFound().message),
    (exceptions.MethodNotAllowed, 405, "METHOD_NOT_ALLOWED", None),
    (exceptions.NotAcceptable, 406, "INVALID_FIELD", "This answers in application/json only."),
    (exceptions.ParseError, 400, "INVALID_JSON", None),
    (exceptions.UnsupportedMediaType, 415, "INVALID_JSON", "Send the body as application/json."),
    (exceptions.Throttled, 429, "RATE_LIMITED", None),
    (RequestDataTooBig, 413, "BODY_TOO_LARGE", "The body is too large."),
    (UnreadablePostError, 400, "INVALID_JSON", "The body ended too early."),
    (SuspiciousOperation, 400, "INVALID_FIELD", "The request could not be understood."),
)


class ProblemRenderer(JSONRenderer):
    """JSON under the media type of problems."""

    media_type = CONTENT_TYPE


def problem_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """REST framework's EXCEPTION_HANDLER."""
    set_rollback()
    request = context["request"]
    body = _body(error, request_id_of(getattr(request, "_request", request)))
    if body["status"] >= 500:
        _log.error("Unhandled error in the API", exc_info=error)
    response = Response(body, status=body["status"], content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    for header, attribute in (("WWW-Authenticate", "auth_header"), ("Retry-After", "wait")):
        value = getattr(error, attribute, None)
        if value is not None:
            response[header] = str(value if header != "Retry-After" else max(1, int(value)))
    return response


def _body(error: Exception, request_id: str) -> dict[str, Any]:
    if isinstance(error, TradehubError):
        return body_of_error(error, request_id=request_id)
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error.detail, request_id)
    if isinstance(error, ModelValidationError):
        return _invalid(as_serializer_error(error), request_id)
    for kind, status, code, detail in _TABLE:
        if isinstance(error, kind):
            text = str(getattr(error, "detail", "")) if detail is None else detail
            return problem_body(code, request_id=request_id, detail=text, status=status)
    return problem_body("INTERNAL_ERROR", request_id=request_id)


def _invalid(detail: Any, request_id: str) -> dict[str, Any]:
    """The problem of a body whose fields are wrong; its own code is that of the first field."""
    fields = list(_fields(detail, ""))
    first = fields[0] if fields else FieldError("", "INVALID_FIELD", "")
    name = first.pointer.removeprefix("/")
    return problem_body(
        first.code,
        request_id=request_id,
        detail=f"{name}: {first.detail}" if name else first.detail,
        status=REASONS[first.code].http_status or 422,
        errors=fields,
    )


def _fields(detail: Any, pointer: str) -> Iterator[FieldError]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            if name == "non_field_errors":
                yield from _fields(inner, pointer)
            else:
                yield from _fields(inner, f"{pointer}/{_escaped(str(name))}")
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            # A list of texts is about one value; a list of mappings about the items of a list.
            below = pointer if isinstance(inner, str) else f"{pointer}/{place}"
            yield from _fields(inner, below)
    else:
        yield FieldError(pointer, _code_of(detail), str(detail))


def _code_of(detail: Any) -> str:
    code = str(getattr(detail, "code", ""))
    if code in REASONS:
        return code
    return "MISSING_FIELD" if code == "required" else "INVALID_FIELD"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
