"""What all views share: who asks, 404 for what is not theirs, and answers to an action.

`signed_in` sends a visitor to the sign-in page, and answers 401 to a part fetched by the page's
script, so that no sign-in form lands in a table. Pages hold private data: never cached.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from accounts.models import User
from dashboard.forms.base import PageForm
from tradehub.core.errors import NotFound, TradehubError

View = Callable[..., HttpResponseBase]
PAGE_SIZE = 50


def signed_in(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            if is_part(request):
                return HttpResponse(status=401)
            return redirect_to_login(request.get_full_path())
        try:
            return view(request, *args, **kwargs)
        except NotFound as error:
            raise Http404(error.message) from error

    return never_cache(guarded)


def user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def is_part(request: HttpRequest) -> bool:
    """Asked by the page's script for a part of itself."""
    return request.headers.get("HX-Request") == "true"


def page_of(request: HttpRequest, rows: QuerySet[Any]) -> Page:
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))


def without_page(request: HttpRequest) -> str:
    """The query string of the filters, for links to other pages."""
    query = request.GET.copy()
    query.pop("page", None)
    return query.urlencode()


def act(
    request: HttpRequest, work: Callable[[], Any], *, done: str, to: str, refused: str = ""
) -> HttpResponse:
    """Do it, say so (or why not), and go back to where the button was. `refused`: where to go when
    it was not done, if elsewhere, as after a delete."""
    try:
        work()
    except NotFound:
        raise
    except TradehubError as error:
        messages.error(request, f"{error.message} ({error.code})")
        to = refused or to
    else:
        messages.success(request, done)
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(target if safe else to)


def submit(form: PageForm, work: Callable[[], Any]) -> tuple[bool, Any]:
    """Run `work` when the form could be read; a refusal by the service goes to its field."""
    if not form.is_valid():
        return False, None
    try:
        return True, work()
    except NotFound:
        raise
    except TradehubError as error:
        form.add_service_error(error)
        return False, None
