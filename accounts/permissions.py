"""Scopes: which key may do what.

The default permission of the whole API. A view names its scopes in `required_scopes` (by action);
what it doesn't name needs `read` to see and `manage` to change, so forgetting is safe.
"""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.authentication import scopes_of

_SAFE = ("GET", "HEAD", "OPTIONS")


class HasScope(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        needed = _scope_needed(request, view)
        held = scopes_of(request)
        if needed in held:
            return True
        raise PermissionDenied(
            f"This needs the scope {needed}; the key has {', '.join(sorted(held)) or 'none'}."
        )


def _scope_needed(request: Request, view: Any) -> str:
    named = getattr(view, "required_scopes", {}).get(getattr(view, "action", None) or "")
    return str(named or ("read" if request.method in _SAFE else "manage"))
