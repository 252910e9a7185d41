"""Routes of the pages. Other apps' pages (`/account/`, `/help/`) are routed by `tradehub.urls`."""

from django.urls import path

from dashboard.views import (
    activity,
    overview,
    settings,
    start,
    strategies,
    switches,
    venue_accounts,
    webhooks,
)

app_name = "dashboard"
urlpatterns = [
    path("", overview.home, name="home"),
    path("start/", start.start, name="start"),
    path("start/webhook/", start.make_webhook, name="make-webhook"),
    path("dashboard/", overview.dashboard, name="dashboard"),
    path("dashboard/equity.json", overview.equity, name="equity"),
    path("dashboard/panels/<slug:name>/", overview.panel, name="panel"),
    path("dashboard/signed-in/", overview.probe, name="probe"),
    path("trading/halt/", switches.halt, name="halt"),
    path("trading/resume/", switches.resume, name="resume"),
    path("trading/emergency-stop/", switches.emergency_stop, name="emergency-stop"),
    path(
        "trading/accounts/<str:account_id>/halt/",
        switches.switch_account,
        {"halted": True},
        name="halt-account",
    ),
    path(
        "trading/accounts/<str:account_id>/resume/",
        switches.switch_account,
        {"halted": False},
        name="resume-account",
    ),
    path(
        "trading/strategies/<str:strategy_id>/halt/",
        switches.switch_strategy,
        {"halted": True},
        name="halt-strategy",
    ),
    path(
        "trading/strategies/<str:strategy_id>/resume/",
        switches.switch_strategy,
        {"halted": False},
        name="resume-strategy",
    ),
    path("positions/<str:position_id>/close/", overview.close_position, name="close-position"),
    path("signals/", activity.signal_list, name="signals"),
    path("signals/<str:signal_id>/", activity.signal_detail, name="signal"),
    path("orders/", activity.order_list, name="orders"),
    path("orders/<str:order_id>/", activity.order_detail, name="order"),
    path("orders/<str:order_id>/cancel/", activity.cancel_order, name="cancel-order"),
    path("orders/<str:order_id>/replace/", activity.replace_order, name="replace-order"),
    path("orders/<str:order_id>/review/", activity.review_order, name="review-order"),
    path("strategies/", strategies.strategy_list, name="strategies"),
    path("strategies/new/", strategies.create, name="strategy-create"),
    path("strategies/<str:strategy_id>/", strategies.strategy_detail, name="strategy"),
    path("strategies/<str:strategy_id>/edit/", strategies.edit, name="strategy-edit"),
    path(
        "strategies/<str:strategy_id>/pause/",
        strategies.switch,
        {"enabled": False},
        name="strategy-pause",
    ),
    path(
        "strategies/<str:strategy_id>/resume/",
        strategies.switch,
        {"enabled": True},
        name="strategy-resume",
    ),
    path("strategies/<str:strategy_id>/test/", start.send_test, name="send-test"),
    path("strategies/<str:strategy_id>/delete/", strategies.delete, name="strategy-delete"),
    path("strategies/<str:strategy_id>/webhook/", webhooks.options, name="webhook-options"),
    path("strategies/<str:strategy_id>/webhook/new/", webhooks.renew, name="webhook-renew"),
    path("strategies/<str:strategy_id>/accounts/", strategies.subscribe, name="subscribe"),
    path("webhooks/<str:token_id>/rotate/", webhooks.rotate, name="webhook-rotate"),
    path("webhooks/<str:token_id>/revoke/", webhooks.revoke, name="webhook-revoke"),
    path(
        "subscriptions/<str:subscription_id>/edit/",
        strategies.subscription_edit,
        name="subscription-edit",
    ),
    path("subscriptions/<str:subscription_id>/remove/", strategies.unsubscribe, name="unsubscribe"),
    path("broker-accounts/", settings.account_list, name="broker-accounts"),
    path("broker-accounts/new/", settings.account_create, name="broker-account-create"),
    path(
        "broker-accounts/connect/<slug:kind>/",
        venue_accounts.connect,
        name="broker-account-connect",
    ),
    path("broker-accounts/<str:account_id>/", settings.account_detail, name="broker-account"),
    path(
        "broker-accounts/<str:account_id>/credentials/",
        venue_accounts.credentials,
        name="broker-account-credentials",
    ),
    path(
        "broker-accounts/<str:account_id>/edit/", settings.account_edit, name="broker-account-edit"
    ),
    path(
        "broker-accounts/<str:account_id>/check/",
        settings.account_check,
        name="broker-account-check",
    ),
    path(
        "broker-accounts/<str:account_id>/sync/", settings.account_sync, name="broker-account-sync"
    ),
    path(
        "broker-accounts/<str:account_id>/adopt/",
        settings.account_adopt,
        name="broker-account-adopt",
    ),
    path(
        "broker-accounts/<str:account_id>/disable/",
        settings.account_disable,
        name="broker-account-disable",
    ),
    path(
        "broker-accounts/<str:account_id>/enable/",
        venue_accounts.enable,
        name="broker-account-enable",
    ),
    path(
        "broker-accounts/<str:account_id>/delete/",
        settings.account_delete,
        name="broker-account-delete",
    ),
    path("risk-profiles/", settings.profile_list, name="risk-profiles"),
    path("risk-profiles/new/", settings.profile_create, name="risk-profile-create"),
    path("risk-profiles/<str:profile_id>/edit/", settings.profile_edit, name="risk-profile-edit"),
    path(
        "risk-profiles/<str:profile_id>/delete/",
        settings.profile_delete,
        name="risk-profile-delete",
    ),
]
