"""The dashboard, its parts that are fetched live, and the equity curve."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.requests import ip_of
from dashboard import selectors
from dashboard.equity import equity_curves_for
from dashboard.views.base import act, signed_in, user_of
from orders import services as orders_services
from tradehub.core.errors import NotFound
from tradehub.core.money import plain
from tradehub.lib.clock import utc_now


@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """The dashboard once there is something on it; the way there before."""
    known = selectors.has_signal(user_of(request))
    return redirect("dashboard:dashboard" if known else "dashboard:start")


@require_GET
def probe(request: HttpRequest) -> HttpResponse:
    """Is this browser still signed in? Asked by the live script when its socket is refused."""
    return HttpResponse(status=204 if request.user.is_authenticated else 401)


@signed_in
@require_GET
def dashboard(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    context = {
        "overview": selectors.overview_for(user, now=utc_now()),
        "positions": selectors.positions_for(user),
        "signals": selectors.latest_signals_for(user),
        "orders": selectors.orders_for(user)[:8],
        "has_chart": True,
    }
    return render(request, "dashboard/dashboard.html", context)


@signed_in
@require_GET
def panel(request: HttpRequest, name: str) -> HttpResponse:
    """One part of a page, rendered as the page itself renders it."""
    user = user_of(request)
    match name:
        case "figures":
            overview = selectors.overview_for(user, now=utc_now())
            positions = selectors.positions_for(user)
            context = {"overview": overview, "positions": positions}
            return render(request, "dashboard/parts/figures.html", context)
        case "positions":
            context = {"positions": selectors.positions_for(user)}
            return render(request, "dashboard/parts/positions.html", context)
        case "signals":
            context = {"signals": selectors.latest_signals_for(user)}
            return render(request, "dashboard/parts/signals.html", context)
        case "orders":
            context = {"orders": selectors.orders_for(user)[:8]}
            return render(request, "dashboard/parts/orders.html", context)
        case "stripe" | "halt":
            template = "partials/stripe.html" if name == "stripe" else "partials/halt_button.html"
            return render(request, template, {"frame": selectors.shell_for(user)})
        case _:
            raise NotFound()


@signed_in
@require_GET
def equity(request: HttpRequest) -> HttpResponse:
    curves = equity_curves_for(user_of(request), now=utc_now())
    return JsonResponse(
        {
            "curves": [
                {
                    "currency": curve.currency,
                    "accounts": curve.accounts,
                    "points": [[at, plain(value)] for at, value in curve.points],
                }
                for curve in curves
            ]
        }
    )


@signed_in
@require_POST
def close_position(request: HttpRequest, position_id: str) -> HttpResponse:
    user = user_of(request)
    position = selectors.position_for(user, position_id)
    if not position.is_open:
        messages.info(request, f"{position.symbol} is flat already: there is nothing to close.")
        return redirect("dashboard:dashboard")
    return act(
        request,
        lambda: orders_services.close_position(
            position=position, actor=user, now=utc_now(), ip=ip_of(request)
        ),
        done=f"Closing {position.symbol}: the exit is in the account's lane.",
        to="dashboard:dashboard",
    )
