"""Intent: what one alert asks for, whatever dialect it was written in.

Pure. What the alert did not say is None (empty for take_profits and extras) and null in JSON; the
decision fills it from the strategy and the risk profile. Percents are whole numbers (2 = 2 %),
`fraction` is a share of 1, `offset` a price distance in the symbol's currency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tradehub.core.money import ONE, plain_or_none
from tradehub.core.words import OrderType, PositionSide, SizeMode, TimeInForce, Verb


@dataclass(frozen=True, slots=True)
class Size:
    mode: SizeMode = SizeMode.DEFAULT
    value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """A distance kept from the best price: exactly one of the two."""

    percent: Decimal | None = None
    offset: Decimal | None = None


@dataclass(frozen=True, slots=True)
class StopLoss:
    """Exactly one of price, percent, offset; or a trail alone."""

    price: Decimal | None = None
    percent: Decimal | None = None
    offset: Decimal | None = None
    trail: Trail | None = None


@dataclass(frozen=True, slots=True)
class TakeProfit:
    """Exactly one of price, percent, offset. `fraction` of what the entry filled."""

    price: Decimal | None = None
    percent: Decimal | None = None
    offset: Decimal | None = None
    fraction: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Intent:
    symbol: str | None
    verb: Verb
    side: PositionSide | None = None
    size: Size = field(default_factory=Size)
    order_type: OrderType | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Trail | None = None
    stop_loss: StopLoss | None = None
    take_profits: tuple[TakeProfit, ...] = ()
    time_in_force: TimeInForce | None = None
    extended_hours: bool | None = None
    leverage: Decimal | None = None
    conviction: str | None = None
    expected_position: Decimal | None = None
    """Signed quantity that the sender believes is held after this alert."""
    previous_position: Decimal | None = None
    """Signed quantity that the sender believes was held before it."""
    delay_seconds: Decimal | None = None
    max_age_seconds: Decimal | None = None
    dry_run: bool | None = None
    idempotency_id: str | None = None
    sent_at: datetime | None = None
    """When the sender says that it sent the alert."""
    bar_closed_at: datetime | None = None
    """When the bar that it speaks of closed, by the bar's opening and interval."""
    strategy: str | None = None
    reference_price: Decimal | None = None
    comment: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)

    def for_symbol(self, symbol: str) -> "Intent":
        return replace(self, symbol=symbol)

    def aged_from(self, received_at: datetime) -> datetime:
        """What its age is counted from: its sending, else its bar's close. Never later than its
        receipt, so neither a clock ahead of ours nor a bar that is still open keeps it young."""
        return min(self.sent_at or self.bar_closed_at or received_at, received_at)

    def to_json(self) -> dict[str, Any]:
        """The shape of the public contract: decimals as strings, times ISO-8601 UTC.

        `bar_closed_at` came later and is there only where it is known."""
        said = {
            "symbol": self.symbol,
            "verb": self.verb,
            "side": self.side,
            "size": {"mode": self.size.mode, "value": plain_or_none(self.size.value)},
            "order_type": self.order_type,
            "limit_price": plain_or_none(self.limit_price),
            "stop_price": plain_or_none(self.stop_price),
            "trail": _trail_json(self.trail),
            "stop_loss": _stop_loss_json(self.stop_loss),
            "take_profits": [_take_profit_json(each) for each in self.take_profits] or None,
            "time_in_force": self.time_in_force,
            "extended_hours": self.extended_hours,
            "leverage": plain_or_none(self.leverage),
            "conviction": self.conviction,
            "expected_position": plain_or_none(self.expected_position),
            "previous_position": plain_or_none(self.previous_position),
            "delay_seconds": plain_or_none(self.delay_seconds),
            "max_age_seconds": plain_or_none(self.max_age_seconds),
            "dry_run": self.dry_run,
            "idempotency_id": self.idempotency_id,
            "sent_at": None if self.sent_at is None else iso(self.sent_at),
            "strategy": self.strategy,
            "reference_price": plain_or_none(self.reference_price),
            "comment": self.comment,
            "extras": dict(self.extras) or None,
        }
        if self.bar_closed_at is not None:
            said["bar_closed_at"] = iso(self.bar_closed_at)
        return said

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Intent":
        """The inverse of `to_json`, for a record this program wrote itself."""
        return cls(
            symbol=data["symbol"],
            verb=Verb(data["verb"]),
            side=_maybe(PositionSide, data["side"]),
            size=Size(SizeMode(data["size"]["mode"]), _decimal(data["size"]["value"])),
            order_type=_maybe(OrderType, data["order_type"]),
            limit_price=_decimal(data["limit_price"]),
            stop_price=_decimal(data["stop_price"]),
            trail=_trail(data["trail"]),
            stop_loss=read_stop_loss(data["stop_loss"]),
            take_profits=read_take_profits(data["take_profits"]),
            time_in_force=_maybe(TimeInForce, data["time_in_force"]),
            extended_hours=data["extended_hours"],
            leverage=_decimal(data["leverage"]),
            conviction=data["conviction"],
            expected_position=_decimal(data["expected_position"]),
            previous_position=_decimal(data["previous_position"]),
            delay_seconds=_decimal(data["delay_seconds"]),
            max_age_seconds=_decimal(data["max_age_seconds"]),
            dry_run=data["dry_run"],
            idempotency_id=data["idempotency_id"],
            sent_at=_moment(data["sent_at"]),
            bar_closed_at=_moment(data.get("bar_closed_at")),
            strategy=data["strategy"],
            reference_price=_decimal(data["reference_price"]),
            comment=data["comment"],
            extras=data["extras"] or {},
        )


def iso(moment: datetime) -> str:
    """ISO-8601 in UTC with a Z; microseconds only when there are any."""
    return moment.isoformat().replace("+00:00", "Z")


def read_stop_loss(data: Mapping[str, Any] | None) -> StopLoss | None:
    """The inverse of a stop loss in `Intent.to_json`."""
    if data is None:
        return None
    return StopLoss(
        _decimal(data.get("price")),
        _decimal(data.get("percent")),
        _decimal(data.get("offset")),
        _trail(data.get("trail")),
    )


def read_take_profits(data: Sequence[Mapping[str, str]] | None) -> tuple[TakeProfit, ...]:
    """The inverse of the targets in `Intent.to_json`."""
    return tuple(_take_profit(each) for each in data or ())


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _maybe(kind: Any, text: str | None) -> Any:
    return None if text is None else kind(text)


def _trail_json(trail: Trail | None) -> dict[str, str] | None:
    return None if trail is None else _said(percent=trail.percent, offset=trail.offset)


def _stop_loss_json(stop: StopLoss | None) -> dict[str, Any] | None:
    if stop is None:
        return None
    said: dict[str, Any] = dict(_said(price=stop.price, percent=stop.percent, offset=stop.offset))
    if stop.trail is not None:
        said["trail"] = _trail_json(stop.trail)
    return said


def _take_profit_json(target: TakeProfit) -> dict[str, str]:
    return _said(
        price=target.price, percent=target.percent, offset=target.offset, fraction=target.fraction
    )


def _said(**numbers: Decimal | None) -> dict[str, str]:
    return {
        name: text
        for name, number in numbers.items()
        if (text := plain_or_none(number)) is not None
    }


def _trail(data: Mapping[str, str] | None) -> Trail | None:
    if data is None:
        return None
    return Trail(_decimal(data.get("percent")), _decimal(data.get("offset")))


def _take_profit(data: Mapping[str, str]) -> TakeProfit:
    return TakeProfit(
        _decimal(data.get("price")),
        _decimal(data.get("percent")),
        _decimal(data.get("offset")),
        Decimal(data["fraction"]),
    )
