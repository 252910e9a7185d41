"""Ready messages to paste into a TradingView alert, or into a terminal.

Pure. TradingView fills its own {{placeholders}} when the alert fires; our template engine must not,
so these texts reach a page as values and are never part of a template.
"""

from dataclasses import dataclass

INDICATOR = """{
  "ticker": "{{ticker}}",
  "action": "buy",
  "price": "{{close}}",
  "timenow": "{{timenow}}"
}"""
STRATEGY = """{
  "ticker": "{{ticker}}",
  "action": "{{strategy.order.action}}",
  "sentiment": "{{strategy.market_position}}",
  "contracts": "{{strategy.order.contracts}}",
  "position_size": "{{strategy.position_size}}",
  "market_position": "{{strategy.market_position}}",
  "prev_market_position": "{{strategy.prev_market_position}}",
  "price": "{{strategy.order.price}}",
  "timenow": "{{timenow}}"
}"""


@dataclass(frozen=True, slots=True)
class Message:
    key: str
    title: str
    about: str
    text: str


def ready_messages(url: str) -> list[Message]:
    """`url` is the webhook's address, or a stand-in where it is no longer known."""
    body = '{"ticker":"AAPL","action":"buy","price":190.50}'
    return [
        Message(
            "strategy",
            "Strategy alert",
            "For an alert on a Pine strategy(): one message for entries, exits and flips.",
            STRATEGY,
        ),
        Message(
            "indicator",
            "Indicator alert",
            "For an alert on an indicator or a price. Write sell or close for the other alerts; "
            "add quantity, stop_loss and take_profit as you need them.",
            INDICATOR,
        ),
        Message(
            "curl",
            "Terminal",
            "The same from a shell, to see it happen now.",
            f"curl -X POST '{url}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'",
        ),
    ]
