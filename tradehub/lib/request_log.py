"""One log line a request, and the request id that joins everything logged while it runs.

The server's own access log is off: it would print the webhook token that stands in the path.
"""

import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponseBase

from tradehub.lib.request_id import request_id_of

log = structlog.get_logger("tradehub.request")
_QUIET = ("/static/", "/livez", "/readyz", "/metrics")


class RequestLogMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = request_id_of(request)

        begun = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            if not request.path_info.startswith(_QUIET):
                log.info(
                    "request",
                    method=request.method,
                    path=request.path_info,
                    status=response.status_code,
                    milliseconds=round((time.perf_counter() - begun) * 1000, 1),
                )
        response.headers.setdefault("X-Request-ID", request_id)
        return response
