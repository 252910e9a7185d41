"""Problems (RFC 9457): the one shape in which every interface says no.

`problem_body` is for every door, also those without Django. The handlers at the end are Django's
own error answers: problems for programs, pages for people. None of them shows what went wrong
inside; the log has that under the request id.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control

from tradehub.core.errors import BadInput, Conflict, NotFound, TradehubError
from tradehub.core.reasons import REASONS
from tradehub.lib.request_id import request_id_of

CONTENT_TYPE = "application/problem+json"
_FOR_PROGRAMS = ("/api/", "/webhook")


@dataclass(frozen=True, slots=True)
class FieldError:
    """`pointer` is an RFC 6901 JSON pointer into the body; "" is the whole of it."""

    pointer: str
    code: str
    detail: str


def help_path(code: str) -> str:
    return f"/help/reasons/{code}"


def problem_body(
    code: str,
    *,
    request_id: str,
    detail: str = "",
    status: int | None = None,
    errors: Iterable[FieldError] = (),
) -> dict[str, Any]:
    """`detail` defaults to the registry's meaning of the code."""
    reason = REASONS[code]
    body: dict[str, Any] = {
        "type": help_path(code),
        "title": reason.title,
        "status": status or reason.http_status or 422,
        "detail": detail or reason.meaning,
        "code": code,
        "request_id": request_id,
    }
    listed = [asdict(each) for each in errors]
    return body | {"errors": listed} if listed else body


def body_of_error(error: TradehubError, *, request_id: str) -> dict[str, Any]:
    """The problem of one of our own errors; a code of no registry is our own fault."""
    known = error.code in REASONS
    if not known or not isinstance(error, BadInput | Conflict | NotFound):
        return problem_body("INTERNAL_ERROR", request_id=request_id)
    own = 409 if isinstance(error, Conflict) else 404 if isinstance(error, NotFound) else 422
    fields = []
    if error.pointer is not None:
        fields = [FieldError(error.pointer, error.code, error.message)]
    return problem_body(
        error.code,
        request_id=request_id,
        detail=error.message,
        status=REASONS[error.code].http_status or own,
        errors=fields,
    )


def problem_response(body: dict[str, Any]) -> HttpResponse:
    response = HttpResponse(json.dumps(body), status=body["status"], content_type=CONTENT_TYPE)
    patch_cache_control(response, no_store=True)
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler400: a host that is not ours, a form that is too large, a broken upload."""
    return _refuse(request, 400, "INVALID_FIELD", "The request could not be understood.")


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler403."""
    return _refuse(request, 403, "SCOPE_MISSING", "You may not do this.")


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler404: what never was and what is somebody else's look the same."""
    return _refuse(request, 404, "NOT_FOUND", NotFound().message)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: its page needs neither database nor session."""
    return _refuse(request, 500, "INTERNAL_ERROR", "")


def too_many_requests(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler429, which django-allauth asks for when somebody tries too often to log in."""
    response = _refuse(request, 429, "RATE_LIMITED", "Too many attempts. Wait five minutes.")
    response["Retry-After"] = "300"
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW: mostly a page that was open while its session ended."""
    return _refuse(
        request,
        403,
        "NOT_AUTHENTICATED",
        "The form could not be matched with your session. Reload the page and try again.",
    )


def _refuse(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    request_id = request_id_of(request)
    body = problem_body(code, request_id=request_id, detail=detail, status=status)
    if request.path.startswith(_FOR_PROGRAMS):
        return problem_response(body)
    page = "403_csrf.html" if code == "NOT_AUTHENTICATED" else f"{status}.html"
    # The pages of 400 and 500 need no host, session or database, which may be what failed.
    asked = None if status in (400, 500) else request
    response = render(asked, page, {"problem": body}, status=status)
    patch_cache_control(response, no_store=True)
    return response
