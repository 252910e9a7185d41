"""A stop and a target as one order of Alpaca's class `oco`: its body, and its legs in our names.

Pure. The target is the order itself and has our id. The stop is its leg, with an id of Alpaca's
making, and its JSON does not name the order that it belongs to; so wherever both are told together
it gets its name of `brokers.pairs` here. Alpaca may put a new leg in the place of one it replaced.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from brokers.alpaca.assets import CENT, Asset, is_fraction, time_in_force_of
from brokers.alpaca.ordering import on_step
from brokers.alpaca.parsing import has_ended
from brokers.pairs import stop_id_of, target_id_of
from brokers.types import OrderRequest
from tradehub.core.money import plain

Json = Mapping[str, Any]
OCO = "oco"
PARENT = "parent_id"
"""Under which a named leg keeps the id of its order while that works."""
_STOPS = ("stop", "stop_limit")


def refusal_of_pair(asset: Asset, stop: OrderRequest, target: OrderRequest) -> str | None:
    """Why Alpaca can't take them as one."""
    assert stop.stop_price is not None
    assert target.limit_price is not None
    if asset.crypto:
        return f"Alpaca has no orders with two legs in crypto, so not of {asset.name}."
    if is_fraction(target.quantity):
        return "Alpaca takes a stop and a target as one for whole shares only."
    if (stop.stop_price - target.limit_price) * target.side.sign < CENT:
        return (
            f"The stop at {plain(stop.stop_price)} has to lie at least {plain(CENT)} beyond the "
            f"target at {plain(target.limit_price)}."
        )
    return None


def pair_body(asset: Asset, stop: OrderRequest, target: OrderRequest) -> dict[str, Any]:
    assert stop.stop_price is not None
    assert target.limit_price is not None
    return {
        "symbol": asset.name,
        "qty": plain(target.quantity),
        "side": target.side.value,
        "type": "limit",
        "time_in_force": time_in_force_of(asset, target).value,
        "client_order_id": target.client_order_id,
        "order_class": OCO,
        "take_profit": {"limit_price": on_step(asset, target.limit_price)},
        "stop_loss": {"stop_price": on_step(asset, stop.stop_price)},
    }


def with_named_leg(raw: Json) -> Json:
    """The order with its stop under our name, without what that has replaced; others as they are.
    Raises KeyError and TypeError."""
    leg = stop_leg(raw)
    return raw if leg is None else {**raw, "legs": [leg]}


def stop_leg(raw: Json) -> dict[str, Any] | None:
    """The stop of an order that is told with its legs, under our name."""
    stops = [each for each in _legs(raw) if each["type"] in _STOPS]
    live = [each for each in stops if each["status"] != "replaced"] or stops
    if not live:
        return None
    named = {**live[-1], "client_order_id": stop_id_of(raw["client_order_id"])}
    return named if has_ended(raw) else named | {PARENT: raw["id"]}


def is_nameless_leg(raw: Json) -> bool:
    """A stop of an `oco` that is told by itself."""
    alone = raw.get("order_class") == OCO and raw.get("type") in _STOPS
    return alone and target_id_of(str(raw.get("client_order_id") or "")) is None


def has_leg(raw: Json, line: Iterable[Json]) -> bool:
    """One of those that took each other's place, or what came right before or after them."""
    names = ("id", "replaces", "replaced_by")
    ids = {each[name] for each in line for name in names if each.get(name)}
    return any(each["id"] in ids or each.get("replaces") in ids for each in _legs(raw))


def _legs(raw: Json) -> list[Json]:
    return list(raw.get("legs") or ()) if raw.get("order_class") == OCO else []
