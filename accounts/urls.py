"""Routes of this app. Include before the admin's: it stands in front of the admin's own login."""

from django.urls import include, path

from accounts import pages

_own = [
    path("welcome/<str:token>/", pages.welcome, name="welcome"),
    path("api-keys/", pages.api_keys, name="api-keys"),
    path("api-keys/<str:key_id>/revoke/", pages.revoke_api_key, name="api-key-revoke"),
    path("profile/", pages.profile, name="profile"),
]
urlpatterns = [
    path("admin/login/", pages.admin_login),
    path("accounts/password/reset/", pages.password_reset),
    path("accounts/", include("allauth.account.urls")),
    path("", include((_own, "accounts"))),
]
