"""This app's part of /api/v1/: `register` its resources."""

from rest_framework.routers import BaseRouter

from risk.api import RiskProfiles


def register(router: BaseRouter) -> None:
    router.register("risk-profiles", RiskProfiles, basename="risk-profile")
