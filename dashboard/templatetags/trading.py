"""Template filters and tags of the pages: numbers, times, status words, form fields, the shell."""

import secrets
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, Select
from django.http import HttpRequest
from django.template.context import RequestContext
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from brokers.kinds import KINDS
from dashboard import navigation, selectors, wording
from dashboard.views.once import FIELD
from orders.models import Order
from tradehub.core.money import round_nearest
from tradehub.core.reasons import REASONS
from tradehub.lib.problems import help_path

register = template.Library()

register.filter("money", wording.money)
register.filter("price", wording.price)
register.filter("quantity", wording.quantity)
register.filter("size", wording.describe_size)
register.filter("intent", wording.describe_intent)
register.filter("ms", wording.milliseconds)


@register.filter
def number(text: str | None, places: int = 8) -> str:
    """A decimal string of a record (a check's measured value, a size), for people to read: at
    most so many decimals, while the record keeps every digit."""
    if text in (None, ""):
        return wording.DASH
    try:
        value = Decimal(str(text))
        return wording.quantity(round_nearest(value, Decimal(1).scaleb(-places)))
    except ArithmeticError:
        return str(text)


@register.filter
def said(value: Any) -> str:
    """A value of a record as words: nested ones flat, yes and no instead of True and False."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{words(name).lower()} {said(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "; ".join(said(item) for item in value)
    return str(value)


@register.filter
def lookup(table: dict[str, Any], key: str) -> Any:
    return table.get(key)


@register.filter
def breakable(code: str) -> SafeString:
    """A code in capitals that may break after its underscores, on a phone."""
    return format_html_join(
        format_html("{}<wbr>", "_"), "{}", ((part,) for part in code.split("_"))
    )


@register.simple_tag
def code(value: str) -> SafeString:
    """A code, set apart from the sentence beside it: a link where it has a help page."""
    shown = breakable(value)
    if value in REASONS:
        link = '<a class="code-link" href="{}">{}</a>'
        return format_html(link, help_path(value), shown)
    return format_html('<span class="code-word">{}</span>', shown) if value else SafeString("")


@register.simple_tag
def why(order: Order) -> SafeString:
    """Why an order stands as it does. A code of the venue that leads the sentence is set apart."""
    text = order.reason_text
    for event in reversed(order.events.all()):
        told = str((event.data or {}).get("venue_code") or "")
        if told and text.startswith(f"{told} "):
            return format_html("{} {}", code(told), text.removeprefix(told).strip())
    return format_html("{}", text)


@register.filter
def sentence(text: str) -> str:
    """With its full stop: another one follows it."""
    text = text.strip()
    return f"{text}." if text and text[-1] not in ".!?…" else text


@register.filter
def kind_title(kind: str) -> str:
    known = KINDS.get(kind)
    return known.title if known else words(kind)


@register.filter
def words(value: str) -> str:
    """`stop_loss` is "Stop loss"."""
    return str(value).replace("_", " ").capitalize()


@register.filter
def role(value: str) -> str:
    return wording.ROLE_WORDS.get(value, value)


@register.filter
def cash_words(value: str) -> str:
    return wording.CASH_WORDS.get(value, value)


@register.filter
def event_words(value: str) -> str:
    return wording.EVENT_WORDS.get(value, value.replace("_", " ").capitalize())


@register.simple_tag
def signed(value: Decimal | None, currency: str = "", **data: str) -> SafeString:
    """A gain or loss with arrow, sign and colour. `pnl="pos_…"` lets live frames update it."""
    known = data.get("pnl") or data.get("today")
    kind = "pnl" if data.get("pnl") else "today"
    attribute = format_html(' data-{}="{}"', kind, known) if known else SafeString("")
    return format_html(
        '<span class="{}"{}>{}</span>{}',
        wording.tone_of(value),
        attribute,
        wording.signed_money(value),
        format_html(" <small>{}</small>", currency) if currency else "",
    )


@register.simple_tag
def moment(at: datetime | None, precision: str = "s") -> SafeString:
    """A time: UTC in the page, the reader's zone once the script ran, exact UTC as its title.
    `precision`: s or ms, with the day where it is not today; day, alone; full, always with it."""
    if at is None:
        return SafeString(wording.DASH)
    at = at.astimezone(UTC)
    exact = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    shown = at.strftime("%d %b" if precision == "day" else "%d %b %H:%M:%S")
    shown += f".{at.microsecond // 1000:03d}" if precision == "ms" else ""
    return format_html(
        '<time datetime="{}" data-precision="{}" title="{} UTC">{}</time>',
        exact,
        precision,
        exact.replace("T", " ").removesuffix("Z"),
        shown,
    )


def _tag(tags: Any, status: str) -> SafeString:
    tag = tags.get(status) or wording.Tag(words(status), "quiet")
    return format_html(
        '<span class="tag tag-{}" title="{}">{}</span>', tag.tone, tag.title, tag.word
    )


@register.simple_tag
def signal_tag(status: str) -> SafeString:
    return _tag(wording.SIGNAL_TAGS, status)


@register.simple_tag
def outcome_tag(outcome: str) -> SafeString:
    return _tag(wording.OUTCOME_TAGS, outcome)


@register.simple_tag
def order_tag(status: str) -> SafeString:
    return _tag(wording.ORDER_TAGS, status)


@register.inclusion_tag("forms/field.html")
def form_field(field: BoundField) -> dict[str, Any]:
    """One field of a form: label, control, help, errors, joined for assistive technology."""
    match field.field.widget:
        case CheckboxInput():
            kind = "check"
        case CheckboxSelectMultiple():
            kind = "options"
        case Select():
            kind = "select"
        case _:
            kind = "text"
    return {"field": field, "kind": kind}


@register.simple_tag
def once() -> SafeString:
    """The number by which a form is known when it is sent again."""
    return format_html('<input type="hidden" name="{}" value="{}">', FIELD, secrets.token_hex(16))


@register.inclusion_tag("forms/errors.html")
def form_errors(form: Any) -> dict[str, Any]:
    return {"form": form}


@register.inclusion_tag("partials/rail.html", takes_context=True)
def rail(context: RequestContext) -> dict[str, Any]:
    request: HttpRequest = context["request"]
    return {"groups": navigation.groups_for(request.user, request.path), "request": request}


@register.simple_tag(takes_context=True)
def shell(context: RequestContext) -> selectors.Shell | None:
    """What the frame of every page shows of the user's trading; None for a visitor."""
    request: HttpRequest | None = context.get("request")
    if request is None or not request.user.is_authenticated:
        return None
    return selectors.shell_for(request.user)
