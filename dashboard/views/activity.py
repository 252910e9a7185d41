"""Signals and orders: the lists, the decision page, one order, and its buttons."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.requests import ip_of
from dashboard import decisions, selectors, wording
from dashboard.views.base import act, is_part, page_of, signed_in, user_of, without_page
from orders import services as orders_services
from orders.lifecycle import WORKING
from orders.models import Order
from orders.replacing import why_not_replaceable
from orders.reviewing import say_not_placed, say_placed
from signals.parsing import mask_secrets
from tradehub.core.money import plain
from tradehub.lib.clock import utc_now

SIGNAL_FILTERS = [
    ("approved", "Approved"),
    ("denied", "Denied"),
    ("nothing_to_do", "Nothing to do"),
    ("received", "Received"),
    ("held", "Held"),
    ("invalid", "Invalid"),
    ("stale", "Stale"),
    ("failed", "Failed"),
]
ORDER_FILTERS = [
    ("working", "Working"),
    ("filled", "Filled"),
    ("ended", "Canceled or expired"),
    ("refused", "Denied or rejected"),
    ("unconfirmed", "Unconfirmed"),
]


@signed_in
@require_GET
def signal_list(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    chosen = {name: request.GET.get(name, "").strip() for name in ("status", "strategy", "symbol")}
    page = page_of(request, selectors.signals_for(user, **chosen))
    context = {
        "page": page,
        "signals": [selectors.signal_row(each) for each in page],
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "query": without_page(request),
    }
    if is_part(request):
        return render(request, "dashboard/parts/signal_page.html", context)
    context |= {
        "statuses": SIGNAL_FILTERS,
        "strategies": list(selectors.strategy_names_for(user)),
    }
    return render(request, "dashboard/signals.html", context)


@signed_in
@require_GET
def signal_detail(request: HttpRequest, signal_id: str) -> HttpResponse:
    page = decisions.signal_page_for(user_of(request), signal_id)
    context = {"page": page, "signal": page.signal, "working": WORKING}
    if is_part(request):
        return render(request, "dashboard/parts/decision.html", context)
    context |= {
        "raw": mask_secrets(bytes(page.signal.raw)),
        "said": [_said(intent) for intent in page.signal.intents],
    }
    return render(request, "dashboard/signal.html", context)


def _said(intent: dict[str, object]) -> dict[str, object]:
    """What the alert did say, without all the things it did not."""
    rows = {
        name: value
        for name, value in intent.items()
        if value not in (None, "", [], {}) and name not in ("verb", "side", "symbol")
    }
    return {"what": wording.describe_intent(intent), "rows": rows}


@signed_in
@require_GET
def order_list(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    chosen = {name: request.GET.get(name, "").strip() for name in ("status", "symbol")}
    page = page_of(request, selectors.orders_for(user, **chosen))
    context = {
        "page": page,
        "orders": list(page),
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "query": without_page(request),
        "statuses": ORDER_FILTERS,
        "working": WORKING,
    }
    template = "dashboard/parts/order_page.html" if is_part(request) else "dashboard/orders.html"
    return render(request, template, context)


@signed_in
@require_GET
def order_detail(request: HttpRequest, order_id: str) -> HttpResponse:
    order = selectors.order_for(user_of(request), order_id)
    context = {
        "order": order,
        "working": WORKING,
        "replaceable": not why_not_replaceable(order),
        "change_fields": _change_fields(order),
        "successors": list(order.replacements.order_by("id")),
    }
    template = "dashboard/parts/order.html" if is_part(request) else "dashboard/order.html"
    return render(request, template, context)


@signed_in
@require_POST
def cancel_order(request: HttpRequest, order_id: str) -> HttpResponse:
    user = user_of(request)
    order = selectors.order_for(user, order_id)
    return act(
        request,
        lambda: orders_services.cancel_order(
            order=order, actor=user, now=utc_now(), ip=ip_of(request)
        ),
        done=f"Cancelling the {order.side} of {order.symbol}: it is in the account's lane.",
        to="dashboard:orders",
    )


@signed_in
@require_POST
def replace_order(request: HttpRequest, order_id: str) -> HttpResponse:
    user = user_of(request)
    order = selectors.order_for(user, order_id)
    names = [each["name"] for each in _change_fields(order)]
    return act(
        request,
        lambda: orders_services.replace_order(
            order=order,
            fields={name: request.POST.get(name, "").strip() for name in names},
            actor=user,
            now=utc_now(),
            ip=ip_of(request),
        ),
        done=f"Changing the {order.side} of {order.symbol}: it is in the account's lane.",
        to=reverse("dashboard:order", args=[order.pk]),
    )


def _change_fields(order: Order) -> list[dict[str, str]]:
    """What may be changed of it, as it is now."""
    filled = f"In all; {plain(order.filled_quantity)} of it is filled."
    fields = [
        ("quantity", "Quantity", order.quantity, filled if order.filled_quantity else ""),
        ("limit_price", "Limit price", order.limit_price, ""),
        ("stop_price", "Stop price", order.stop_price, ""),
    ]
    return [
        {"name": name, "label": label, "value": plain(value), "hint": hint}
        for name, label, value, hint in fields
        if value is not None
    ]


@signed_in
@require_POST
def review_order(request: HttpRequest, order_id: str) -> HttpResponse:
    """What its owner found at the venue: nothing, or the order under a number of the venue's."""
    user = user_of(request)
    order = selectors.order_for(user, order_id)
    now, ip = utc_now(), ip_of(request)
    page = reverse("dashboard:order", args=[order.pk])
    if request.POST.get("placed") == "yes":
        number = request.POST.get("venue_order_id", "")
        return act(
            request,
            lambda: say_placed(order=order, venue_order_id=number, actor=user, now=now, ip=ip),
            done=f"The {order.side} of {order.symbol} is the venue's {number.strip()} now.",
            to=page,
        )
    if request.POST.get("placed") != "no":
        return redirect(page)
    return act(
        request,
        lambda: say_not_placed(order=order, actor=user, now=now, ip=ip),
        done=f"The {order.side} of {order.symbol} has ended as denied. Entries pass again.",
        to=page,
    )
