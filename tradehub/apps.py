"""Loads the Celery app, so that every process's tasks belong to it, and the system checks."""

from django.apps import AppConfig


class TradehubConfig(AppConfig):
    name = "tradehub"

    def ready(self) -> None:
        from tradehub import celery, checks  # noqa: F401  # imported for what they register
