"""What may be done with strategies, webhooks and subscriptions: the one place that doors import.

strategy_services   strategies and their subscriptions
token_services      webhook URLs and their options
starting            the first setup in one step, test alerts
"""

from signals.starting import StartKit, send_test_alert, start_quickly
from signals.strategy_services import (
    create_strategy,
    delete_strategy,
    rotate_strategy_webhook,
    set_strategy_enabled,
    subscribe,
    unsubscribe,
    update_strategy,
    update_subscription,
)
from signals.token_services import (
    create_webhook_token,
    revoke_webhook_token,
    rotate_webhook,
    update_webhook_token,
    webhook_url,
)

__all__ = [
    "StartKit",
    "create_strategy",
    "create_webhook_token",
    "delete_strategy",
    "revoke_webhook_token",
    "rotate_strategy_webhook",
    "rotate_webhook",
    "send_test_alert",
    "set_strategy_enabled",
    "start_quickly",
    "subscribe",
    "unsubscribe",
    "update_strategy",
    "update_subscription",
    "update_webhook_token",
    "webhook_url",
]
