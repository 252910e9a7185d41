"""The paper venue's prices: what alerts named, or the synthetic walk that begins there.

The only reader and writer of PaperPrice. A symbol without a price has none: with the source
`signal` nothing is made up. Bid, ask and last are one price; the slippage option stands for the
spread.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import zip_longest

from brokers.options import PaperOptions
from brokers.paper.models import PaperOrder, PaperPrice
from brokers.paper.synthetic import price_at
from brokers.types import Quote
from tradehub.core.symbols import BadSymbol, parse_symbol
from tradehub.lib.prepared import Prepared

SYNTHETIC = "synthetic"
TRADED_FOR = timedelta(minutes=5)
"""For so long after its venue told it a price can be had, as in `orders.triggers`: the night's last
quote is older."""
FIRST_SYNTHETIC_PRICE = Decimal(100)
SHOWN_DIGITS = 8
"""Of a synthetic price: readable, and within its speed limit for looks 10 ms apart or more."""


def known_symbol(symbol: str) -> bool:
    """Every symbol that is spelled as we spell symbols exists at paper."""
    try:
        return parse_symbol(symbol).name == symbol
    except BadSymbol:
        return False


def can_trade(quote: Quote, now: datetime) -> bool:
    return now - quote.at < TRADED_FOR


def quotes_of(
    account_id: str, symbols: Collection[str], options: PaperOptions, now: datetime
) -> dict[str, Quote]:
    """The quotes that are known; a synthetic account knows one for every symbol it is asked."""
    rows = {row.symbol: row for row in _rows(account_id, sorted(symbols))}
    if options.price_source == SYNTHETIC:
        for symbol in set(symbols) - rows.keys():
            rows[symbol] = _begin(account_id, symbol, FIRST_SYNTHETIC_PRICE, now, named=False)
    return {symbol: _quote(row, options, now) for symbol, row in rows.items()}


_AT_ONCE = 8
_SLOTS = [f"symbol{number}" for number in range(_AT_ONCE)]
_PRICES = Prepared(
    lambda account, **slots: PaperPrice.objects.filter(
        account_id=account, symbol__in=list(slots.values())
    ),
    texts=["account", *_SLOTS],
)


def _rows(account_id: str, symbols: Sequence[str]) -> Iterator[PaperPrice]:
    for start in range(0, len(symbols), _AT_ONCE):
        some = dict(zip_longest(_SLOTS, symbols[start : start + _AT_ONCE], fillvalue=""))
        yield from _PRICES.all(account=account_id, **some)


def record_price(account_id: str, symbol: str, price: Decimal, at: datetime, now: datetime) -> bool:
    """Keep what an alert named; False for a price that is older than the one known."""
    at = min(at, now)  # a sender's clock that runs ahead must not shut out later prices
    rows = PaperPrice.objects.filter(account_id=account_id, symbol=symbol)
    if rows.filter(named=True, last_at__lte=at).update(last_price=price, last_at=at):
        return True
    row = _begin(account_id, symbol, price, at)
    if row.named:
        return row.last_at == at
    traded = PaperOrder.objects.filter(account_id=account_id, symbol=symbol).exists()
    start = {} if traded else {"first_price": price, "first_at": at}
    return bool(rows.update(named=True, last_price=price, last_at=at, **start))


def _begin(
    account_id: str, symbol: str, price: Decimal, at: datetime, *, named: bool = True
) -> PaperPrice:
    """The row of a symbol; made now, unless somebody else was first."""
    fresh = PaperPrice(
        account_id=account_id,
        symbol=symbol,
        first_price=price,
        first_at=at,
        last_price=price,
        last_at=at,
        named=named,
    )
    PaperPrice.objects.bulk_create([fresh], ignore_conflicts=True)
    return PaperPrice.objects.get(account_id=account_id, symbol=symbol)


def _quote(row: PaperPrice, options: PaperOptions, now: datetime) -> Quote:
    if options.price_source != SYNTHETIC:
        price = row.last_price
        return Quote(row.symbol, price, price, price, row.last_at, "signal")
    exact = price_at(f"{row.account_id}|{row.symbol}", row.first_price, row.first_at, now)
    kept = max(SHOWN_DIGITS, len(row.first_price.as_tuple().digits))
    price = Context(prec=kept, rounding=ROUND_HALF_EVEN).plus(exact)
    return Quote(row.symbol, price, price, price, max(now, row.first_at), SYNTHETIC)
