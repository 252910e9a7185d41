"""What django-allauth asks us: who may sign up, how to look a login up, where mail goes.

No answer tells whether somebody has an account here, neither by its words nor by its time: every
login costs one hash, and a password reset writes to known and unknown addresses alike.
"""

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.userkit import filter_users_by_email
from django.conf import settings
from django.http import HttpRequest

from accounts import audit
from accounts.models import User
from accounts.requests import ip_of
from accounts.words import Action
from tradehub.lib.clock import utc_now
from tradehub.lib.db import write_transaction

_log = logging.getLogger(__name__)


def mail_is_set() -> bool:
    """Without EMAIL_URL mails would go to the console, and a reset link into the log."""
    return not str(settings.EMAIL_BACKEND).endswith(".console.EmailBackend")


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "The name and the password don't match.",
        "email_password_mismatch": "The address and the password don't match.",
        "too_many_login_attempts": "Too many failed attempts. Wait five minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP == "open")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """An address may also be somebody's name; allauth would then try, and hash, both."""
        if credentials.get("email") and credentials.get("username"):
            known = filter_users_by_email(credentials["email"], for_login=True)
            credentials.pop("username" if known else "email")
        found: User | None = super().authenticate(request, **credentials)
        return found

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        super().save_user(request, user, form, commit=False)
        if commit:
            with write_transaction():
                user.save()
                self._note(user, Action.SIGNED_UP)
        return user

    def set_password(self, user: User, password: str) -> None:
        user.set_password(password)
        with write_transaction():
            user.save(update_fields=["password"])
            self._note(user, Action.PASSWORD_CHANGED)

    def get_client_ip(self, request: HttpRequest) -> str:
        return ip_of(request)

    def format_email_subject(self, subject: str) -> str:
        return f"[TradeHub] {subject}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        if not mail_is_set():
            return
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException) as error:
            # The page must look the same whether or not there was an account to write to.
            _log.error("A mail could not be sent: %s", type(error).__name__)

    def _note(self, user: User, action: Action) -> None:
        ip = ip_of(self.request) if self.request else ""
        audit.record(owner=user, actor=user, action=action, target=user, now=utc_now(), ip=ip)
