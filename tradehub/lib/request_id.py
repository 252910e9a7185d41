"""One id for each request: in the answer, in every log line, in every problem.

It is always made here; a header of the sender is never believed, since it would end in our logs.
`RequestLogMiddleware` gives it to the request and to the answer.
"""

from typing import Any

from tradehub.lib.ids import new_id


def new_request_id() -> str:
    return new_id("req")


def request_id_of(request: Any) -> str:
    """The id of a Django request; one is made where the middleware was not reached."""
    found = getattr(request, "request_id", None)
    if found is None:
        found = request.request_id = new_request_id()
    return str(found)
