"""What Alpaca allows for an asset, as data that is asked before anything is sent.

Pure. `refusal` says in a sentence why Alpaca can't do an order. An exit is bent rather than
refused: its time in force to one that the asset has, its extended hours dropped, a stop in crypto
sent as a stop limit (`ordering`). What is left the venue itself may refuse, in its own words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from brokers.types import Instrument, OrderRequest, StopReach
from tradehub.core.money import EXACT, ONE, ZERO, plain
from tradehub.core.words import OrderSide, OrderType, TimeInForce

CENT = Decimal("0.01")
SUB_PENNY = Decimal("0.0001")
FRACTION = Decimal("1e-9")
"""Of a share, and of a coin whose own step is not told."""
CRYPTO_MINIMUM = Decimal(10)
STOCK_MINIMUM = ONE
"""`cost basis must be >= minimal amount of order …`, in dollars."""

CRYPTO_KEEPS = Decimal("0.0025")
"""Of what is bought, as its fee: the largest rate."""
CRYPTO_COLLAR = Decimal("0.1")
"""How far beyond its trigger a crypto stop may still trade: Alpaca has none without a limit."""
CRYPTO_STOP_REACH = tuple(StopReach(side, CRYPTO_COLLAR) for side in OrderSide)
STOCK_STOP_REACH = (
    StopReach(OrderSide.BUY, Decimal("0.04"), below=Decimal(50)),
    StopReach(OrderSide.BUY, Decimal("0.025")),
)
"""Alpaca makes a stop limit of each stop to buy; one to sell trades at the market."""

CRYPTO_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT})
CRYPTO_TIMES = frozenset({TimeInForce.GTC, TimeInForce.IOC})
AT_ONCE_OR_AUCTION = frozenset({TimeInForce.IOC, TimeInForce.FOK, TimeInForce.OPG, TimeInForce.CLS})
RESTING_TYPES = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})


@dataclass(frozen=True, slots=True)
class Asset:
    symbol: str
    """As TradeHub writes it: BTCUSD, AAPL."""
    name: str
    """As Alpaca's orders and prices want it: BTC/USD, AAPL."""
    crypto: bool
    tradable: bool
    fractionable: bool = False
    shortable: bool = False
    easy_to_borrow: bool = False
    min_quantity: Decimal | None = None
    quantity_step: Decimal | None = None
    price_step: Decimal | None = None
    locked_as: str = ""
    """Alpaca's word for it while it is not tradable."""

    @property
    def currency(self) -> str:
        return self.name.partition("/")[2] or "USD"


def instrument_of(asset: Asset, *, fractional: bool, last: Decimal | None) -> Instrument:
    """`fractional`: the account wants parts of shares. `last`: the price, for the tick it has."""
    if asset.crypto:
        dollars = asset.currency == "USD"
        return Instrument(
            asset.symbol,
            quantity_step=asset.quantity_step or FRACTION,
            price_tick=asset.price_step,
            min_quantity=asset.min_quantity or ZERO,
            min_notional=CRYPTO_MINIMUM if dollars else ZERO,
            currency=asset.currency,
            tradable=asset.tradable,
            order_types=CRYPTO_TYPES,
            locked_as=asset.locked_as,
            stop_reach=CRYPTO_STOP_REACH,
            guard_type=OrderType.STOP_LIMIT,
            buy_keeps=CRYPTO_KEEPS,
        )
    in_parts = fractional and asset.fractionable
    return Instrument(
        asset.symbol,
        quantity_step=FRACTION if in_parts else ONE,
        price_tick=price_step(asset, last if last is not None else ONE),
        min_quantity=FRACTION if in_parts else ONE,
        min_notional=STOCK_MINIMUM if in_parts else ZERO,
        tradable=asset.tradable,
        locked_as=asset.locked_as,
        stop_reach=STOCK_STOP_REACH,
    )


def price_step(asset: Asset, price: Decimal) -> Decimal | None:
    """Sub-penny rule: cents from one dollar on, hundredths of a cent below."""
    if asset.crypto:
        return asset.price_step
    return CENT if price >= ONE else SUB_PENNY


def is_fraction(quantity: Decimal) -> bool:
    return bool(EXACT.remainder(quantity, ONE))


def time_in_force_of(asset: Asset, request: OrderRequest) -> TimeInForce:
    """What is sent: as asked, but for what the asset can't have and nobody minds."""
    asked = request.time_in_force
    if asset.crypto:
        # Crypto trades round the clock, so a day has no end at which an order could.
        bends = request.reduce_only or request.order_type is OrderType.MARKET
        return TimeInForce.GTC if bends and asked not in CRYPTO_TIMES else asked
    if request.reduce_only and is_fraction(request.quantity):
        return TimeInForce.DAY  # placed anew when the day has ended
    if request.reduce_only and asked in AT_ONCE_OR_AUCTION and request.order_type in RESTING_TYPES:
        return TimeInForce.DAY
    return asked


def in_extended_hours(asset: Asset, request: OrderRequest) -> bool:
    """Of an exit only where it can be."""
    if asset.crypto or not request.extended_hours:
        return False
    return not request.reduce_only or _fits_extended_hours(request)


def refusal(asset: Asset, request: OrderRequest, *, shorting: bool) -> str | None:
    """Why Alpaca can't take it. `shorting`: the account may sell short."""
    rules = _crypto_rules(asset, request) if asset.crypto else _stock_rules(asset, request)
    opening = () if request.reduce_only else _opening_rules(asset, request, shorting)
    return next(iter((*opening, *rules)), None)


def _opening_rules(asset: Asset, request: OrderRequest, shorting: bool) -> Iterator[str]:
    """An exit of what can't be opened any more is the venue's to judge."""
    name = asset.name
    if request.leverage is not None and request.leverage > 1:
        yield (
            f"Leverage at Alpaca is the account's own margin; no order can ask for it, and this "
            f"one asks for {plain(request.leverage)}."
        )
    if not asset.tradable:
        yield f"{name} is not tradable at Alpaca at the moment."
    if request.side is OrderSide.BUY:
        return
    if asset.crypto:
        yield f"Alpaca has no short sales in crypto, so {name} can't be sold to open."
    elif not shorting:
        yield "The Alpaca account may not sell short: that needs margin and 2,000 USD of equity."
    elif not asset.shortable:
        yield f"{name} can't be sold short at Alpaca."
    elif not asset.easy_to_borrow:
        yield f"{name} is hard to borrow: Alpaca sells it short only after a locate."


def _crypto_rules(asset: Asset, request: OrderRequest) -> Iterator[str]:
    kind, quantity = request.order_type, request.quantity
    as_stop_limit = kind is OrderType.STOP and request.reduce_only
    if kind not in CRYPTO_TYPES and not as_stop_limit:
        yield f"Alpaca's crypto orders are market, limit or stop limit, not {kind}."
    time = time_in_force_of(asset, request)
    if time not in CRYPTO_TIMES:
        yield f"Alpaca's crypto orders are gtc or ioc, not {time}: set the time in force to gtc."
    if time is TimeInForce.IOC and kind is OrderType.STOP_LIMIT:
        yield "A stop limit order is gtc at Alpaca, not ioc."
    if request.reduce_only:
        return
    if asset.min_quantity is not None and quantity < asset.min_quantity:
        yield f"The least of {asset.name} is {plain(asset.min_quantity)}."
    if asset.quantity_step is not None and EXACT.remainder(quantity, asset.quantity_step):
        yield f"{asset.name} trades in steps of {plain(asset.quantity_step)}."


def _stock_rules(asset: Asset, request: OrderRequest) -> Iterator[str]:
    kind, time = request.order_type, time_in_force_of(asset, request)
    if is_fraction(request.quantity):
        yield from _fraction_rules(asset, request, time)
    if in_extended_hours(asset, request) and not _fits_extended_hours(request):
        yield "In extended hours Alpaca takes limit orders for the day only."
    if kind in RESTING_TYPES and time in AT_ONCE_OR_AUCTION:
        yield f"Alpaca takes a {kind} order for the day or gtc, not {time}."


def _fraction_rules(asset: Asset, request: OrderRequest, time: TimeInForce) -> Iterator[str]:
    if not asset.fractionable and not request.reduce_only:
        yield f"{asset.name} trades in whole shares only."
    if EXACT.remainder(request.quantity, FRACTION):
        yield "Alpaca takes nine decimals of a share at most."
    if request.order_type is OrderType.TRAILING_STOP:
        yield "Alpaca has no trailing stops for parts of a share."
    if time is not TimeInForce.DAY:
        yield f"Alpaca takes orders for parts of a share for the day only, not {time}."
    if request.side is OrderSide.SELL and not request.reduce_only:
        yield "Parts of a share can't be sold short."


def _fits_extended_hours(request: OrderRequest) -> bool:
    return request.order_type is OrderType.LIMIT and request.time_in_force is TimeInForce.DAY
