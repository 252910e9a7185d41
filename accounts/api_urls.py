"""This app's part of /api/v1/: `register` the resources, then `path("", include(urlpatterns))`."""

from django.urls import path
from rest_framework.routers import BaseRouter

from accounts.api import ApiKeys, AuditLog, Me

urlpatterns = [path("me/", Me.as_view(), name="me")]


def register(router: BaseRouter) -> None:
    router.register("api-keys", ApiKeys, basename="api-key")
    router.register("audit-log", AuditLog, basename="audit-log")
