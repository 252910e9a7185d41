"""Help pages of the reason codes, open to all: problems and decisions link to them."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from tradehub.core.reasons import GROUP_TITLES, REASONS


def reason_index(request: HttpRequest) -> HttpResponse:
    groups = [
        (title, [each for each in REASONS.values() if each.group == group])
        for group, title in GROUP_TITLES.items()
    ]
    return render(request, "help/reasons.html", {"groups": groups})


def reason_page(request: HttpRequest, code: str) -> HttpResponse:
    reason = REASONS.get(code)
    if reason is None:
        raise Http404
    context = {"reason": reason, "group_title": GROUP_TITLES[reason.group]}
    return render(request, "help/reason.html", context)
