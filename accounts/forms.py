"""Forms of the welcome, API keys and profile pages: shapes only; the rules are in the services."""

from typing import Any
from zoneinfo import available_timezones

from django import forms

from accounts.words import KeyScope

SCOPE_TEXTS = {
    KeyScope.READ: "see everything of yours",
    KeyScope.TRADE: "make, change and cancel orders",
    KeyScope.MANAGE: "change strategies, limits, accounts and keys",
    KeyScope.HALT: "stop and resume trading",
}
LIFETIMES = {"30": "in 30 days", "90": "in 90 days", "365": "in a year", "": "never"}


class WelcomeForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        help_text="Letters, digits and @ . + - _",
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    email = forms.EmailField(
        required=False,
        label="Email (optional)",
        help_text="For a lost password, if this hub can send mail.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        strip=False,
        max_length=1000,
        help_text="At least 10 characters; a sentence is better than a riddle.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password_again = forms.CharField(
        strip=False,
        max_length=1000,
        label="Password, once more",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        first, second = given.get("password"), given.get("password_again")
        if first and second and first != second:
            self.add_error("password_again", "The two passwords differ.")
        return given


class ApiKeyForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="What it is for, so that you know it again.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, f"{scope.value}: {text}") for scope, text in SCOPE_TEXTS.items()],
        initial=[KeyScope.READ.value],
        error_messages={"required": "Choose at least one scope."},
    )
    lifetime = forms.ChoiceField(
        choices=list(LIFETIMES.items()), initial="90", required=False, label="Expires"
    )


class ProfileForm(forms.Form):
    timezone = forms.ChoiceField(
        label="Time zone",
        choices=[(name, name.replace("_", " ")) for name in sorted(available_timezones())],
    )
