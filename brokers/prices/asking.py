"""Prices of a venue for a paper account: from its feed, else asked for as everybody may.

Binance's prices are public. Alpaca's are asked with a key of the account's own owner, and are given
to nobody who has none; what feeds tell, to nobody whose key was not seen to be good. What was asked
is kept for a second, so that many accounts are one question. No venue's answer, no price: nothing
is made up. Never in a process that serves pages.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from typing import Any

import structlog

from brokers.errors import BrokerError
from brokers.models import BrokerAccount
from brokers.prices.places import ALPACA, SPOT_LIVE, Place, source_place
from brokers.prices.shared import known_prices
from brokers.registry import connect
from brokers.types import Quote
from tradehub.core.errors import BadInput
from tradehub.core.words import BrokerKind

KEPT_SECONDS = 1.0
MOST_KEPT = 1000

log = structlog.get_logger(__name__)
_kept: dict[tuple[str, Place], tuple[float, Quote | None]] = {}
"""By whose key (empty for none) and place."""


def source_quotes(
    account_id: str, source: str, symbols: Collection[str], now: Callable[[], datetime]
) -> dict[str, Quote]:
    """By the paper account's names, of those that have a price. Never raises BrokerError."""
    found = ((symbol, source_place(source, symbol)) for symbol in symbols)
    places = {symbol: place for symbol, place in found if place is not None}
    lender, is_fed = None, True
    if source == ALPACA and places:
        lender = own_alpaca(BrokerAccount.objects.only("owner_id").get(pk=account_id).owner_id)
        if lender is None:
            return {}
        is_fed = _has_passed(lender)
    known = known_prices(set(places.values()), now=now()) if is_fed else {}
    missing = set(places.values()) - known.keys()
    known |= _asked(missing, lender, now)
    return {
        symbol: replace(known[place], symbol=symbol)
        for symbol, place in places.items()
        if place in known
    }


def own_alpaca(owner_id: int) -> BrokerAccount | None:
    """The owner's account there whose key asks for prices: one that was seen to be good first."""
    accounts = BrokerAccount.objects.filter(
        owner_id=owner_id, kind=BrokerKind.ALPACA.value, enabled=True
    ).select_related("examination")
    listed = list(accounts.order_by("created_at", "pk"))
    return next((each for each in listed if _has_passed(each)), listed[0] if listed else None)


def _has_passed(account: BrokerAccount) -> bool:
    examination = getattr(account, "examination", None)  # a new account has none
    return examination is not None and bool(examination.passed)


def check_source(owner_id: int, options: Mapping[str, Any]) -> None:
    """Of a paper account's options. Raises BadInput."""
    if options.get("price_source") == ALPACA and own_alpaca(owner_id) is None:
        raise BadInput(
            "Alpaca tells prices to its own customers only, and you have no account at Alpaca "
            "here. Connect one first (a paper trading account at Alpaca will do), or take another "
            "price_source.",
            pointer="/options/price_source",
        )


def forget_prices() -> None:
    _kept.clear()


def _asked(
    places: set[Place], lender: BrokerAccount | None, now: Callable[[], datetime]
) -> dict[Place, Quote]:
    whose, at = "" if lender is None else lender.pk, time.monotonic()
    kept = {place: _kept.get((whose, place)) for place in places}
    missing = [x for x, one in kept.items() if one is None or at - one[0] >= KEPT_SECONDS]
    fresh = _ask(missing, lender, now)
    if len(_kept) > MOST_KEPT:
        _kept.clear()
    for place in missing:
        _kept[whose, place] = at, fresh.get(place)
    held = {place: one[1] for place, one in kept.items() if one is not None}
    return {place: quote for place, quote in (held | fresh).items() if quote is not None}


def _ask(
    places: list[Place], lender: BrokerAccount | None, now: Callable[[], datetime]
) -> dict[Place, Quote]:
    found: dict[Place, Quote] = {}
    for feed in sorted({each.feed for each in places}):
        wanted = [each for each in places if each.feed == feed]
        try:
            found |= _ask_feed(feed, wanted, lender, now)
        except BrokerError as error:
            log.warning("prices_not_asked", feed=feed, error=error.code)
    return found


def _ask_feed(
    feed: str, places: list[Place], lender: BrokerAccount | None, now: Callable[[], datetime]
) -> dict[Place, Quote]:
    """Raises BrokerError."""
    if lender is not None:
        # The adapter knows coins without the slash.
        names = {each: each.name.replace("/", "") for each in places}
        told = connect(lender, now=now).quotes(list(names.values()))
    else:
        names = {each: each.name for each in places}
        public = import_module("brokers.binance.public")  # it loads the SDK
        market = public.spot_quotes if feed == SPOT_LIVE else public.contract_quotes
        told = market(list(names.values()), now)
    return {place: told[name] for place, name in names.items() if name in told}
