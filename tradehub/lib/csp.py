"""Content security policy by path: strict for people's pages, looser where a library needs it.

The admin's Alpine evaluates expressions, and Swagger's page styles itself; no page of ours may
lean on that.
"""

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if report_only:
            return parts
        if parts.config is None:
            parts.config = next(
                (
                    policy
                    for prefix, policy in settings.CSP_BY_PREFIX.items()
                    if request.path_info.startswith(prefix)
                ),
                None,
            )
        sockets = _own_sockets(request)
        if sockets:
            # Older WebKit doesn't count a WebSocket to the same host as 'self'.
            parts.update = {**(parts.update or {}), "connect-src": sockets}
        return parts


def _own_sockets(request: HttpRequest) -> list[str]:
    try:
        host = request.get_host()
    except DisallowedHost:
        return []
    return [f"wss://{host}" if request.is_secure() else f"ws://{host}"]
