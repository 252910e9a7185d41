"""The facts of a decision: the book, the limits and the states, as the database has them now.

Read inside the decision's transaction, after the account's lock, so no other decision of the
account can come between reading and reserving.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count

from brokers.models import BrokerAccount
from orders.book import Book, Held, Working
from orders.day_starts import start_equity
from orders.drifts import drifting_symbols
from orders.lifecycle import WORKING
from orders.market import Market
from orders.models import LaneItem, Order, Position
from orders.sequence import Sequence, entered_since, read_sequence
from orders.terms import Terms
from risk.models import RiskProfile
from risk.selectors import StatesNow, day_start_of, limits_of, sizing_rules_of, states_for
from risk.sizing import SizingRules
from risk.types import Direction, Limits, Snapshot
from risk.types import Terms as StrategyTerms
from tradehub.core.intent import Intent
from tradehub.core.money import EXACT, ZERO
from tradehub.core.words import Environment, OrderRole, OrderSide, OrderSource, OrderStatus
from tradehub.lib.prepared import Prepared


@dataclass
class Facts:
    now: datetime
    account: BrokerAccount
    book: Book
    limits: Limits
    sizing_rules: SizingRules
    strategy_terms: StrategyTerms
    states: StatesNow
    equity: Decimal | None
    buying_power: Decimal | None
    day_start_equity: Decimal | None
    daily_pnl: Decimal | None
    trades_today: int
    day_start: datetime
    shorts: bool
    drifting: set[str]
    """Symbols of which the venue holds another quantity than we know of."""
    received_at: datetime
    sequence: Sequence
    entered: Mapping[str, datetime]
    """Symbols that were entered while this alert failed, and when what did so came."""

    def snapshot(
        self, symbol: str, strategy: str | None, side: OrderSide, market: Market
    ) -> Snapshot:
        """What an entry is judged by, with the book as it stands."""
        quote = market.quotes.get(symbol)
        open_symbols = self.book.open_symbols()
        return Snapshot(
            now=self.now,
            equity=self.equity,
            buying_power=self._free_buying_power(),
            quote_price=market.price(symbol, side),
            quote_bid=None if quote is None else quote.bid,
            quote_ask=None if quote is None else quote.ask,
            quote_at=None if quote is None else quote.at,
            held_quantity=self.book.standing(symbol, strategy).held,
            symbol_position_value=self.book.symbol_value(symbol),
            gross_exposure=self.book.gross_exposure(),
            open_positions=len(open_symbols),
            opens_new_position=symbol not in open_symbols,
            trades_today=self.trades_today,
            daily_pnl=self.daily_pnl,
            day_start_equity=self.day_start_equity,
            states=self.states.states,
            strategy_paused=self.states.paused,
            allow_short=self.shorts,
            live=self.account.environment == Environment.LIVE,
            account_enabled=self.account.enabled,
            account_trouble=self.account.trouble,
        )

    def exit(self, symbol: str, strategy: str | None, quantity: Decimal, market: Market) -> None:
        """As if an exit of `quantity` had filled: what it held is free for the next entry."""
        self.book.exit(symbol, strategy, quantity)
        price = market.price(symbol)
        if self.buying_power is not None and price is not None:
            freed = EXACT.multiply(quantity, price)
            self.buying_power = EXACT.add(self.buying_power, freed)

    def _free_buying_power(self) -> Decimal | None:
        reserved = self.book.reserved_value()
        if self.buying_power is None or reserved is None:
            return None
        return EXACT.subtract(self.buying_power, reserved)


def read_facts(
    item: LaneItem,
    account: BrokerAccount,
    terms: Terms,
    intents: Iterable[Intent],
    market: Market,
    *,
    now: datetime,
) -> Facts:
    """Inside the decision's transaction. `intents` are the effective ones."""
    profile = _PROFILE.first(pk=terms.risk_profile or "") or _no_profile(account)
    day_start = day_start_of(profile, now=now)
    equity = None if market.account is None else market.account.equity
    began_with = start_equity(account, day_start, equity)
    daily = None
    if equity is not None and began_with is not None:
        daily = EXACT.subtract(equity, began_with)
    book = read_book(account, market)
    return Facts(
        now=now,
        account=account,
        book=book,
        limits=limits_of(profile),
        sizing_rules=sizing_rules_of(profile),
        strategy_terms=StrategyTerms(Direction(terms.direction), frozenset(terms.symbols)),
        states=states_for(
            owner_id=account.owner_id, account_id=account.pk, strategy_id=terms.strategy
        ),
        equity=_sizing_equity(account, equity),
        buying_power=None if market.account is None else market.account.buying_power,
        day_start_equity=began_with,
        daily_pnl=daily,
        trades_today=trades_since(account, day_start),
        day_start=day_start,
        shorts=market.capabilities.shorts,
        drifting=drifting_symbols(account),
        received_at=item.created_at,
        sequence=read_sequence(account, terms, intents, book, now=now),
        entered=entered_since(item, terms),
    )


def _no_profile(account: BrokerAccount) -> RiskProfile:
    """Its profile is gone: exits pass as ever, and no entry has room."""
    return RiskProfile(owner_id=account.owner_id, max_order_value=ZERO)


_BOOK_COLUMNS = (
    "pk",
    "symbol",
    "strategy_id",
    "side",
    "role",
    "status",
    "quantity",
    "filled_quantity",
    "limit_price",
    "stop_price",
    "reference_price",
)


def read_book(account: BrokerAccount, market: Market) -> Book:
    """Open positions and everything that works or may work for the account.

    Columns, not rows: this is read for every decision."""
    book = Book(marks={symbol: market.price(symbol) for symbol in market.quotes})
    for symbol, strategy, quantity, adds in _HELD.rows(account=account.pk):
        book.held[symbol, strategy] = Held(quantity, adds)
    for row in _ENTRIES_AND_EXITS.rows(account=account.pk):
        book.working.append(_working(dict(zip(_BOOK_COLUMNS, row, strict=True))))
    return book


_PROFILE = Prepared(lambda pk: RiskProfile.objects.filter(pk=pk), texts=["pk"])
_HELD = Prepared(
    lambda account: Position.objects.filter(account_id=account, is_open=True).values_list(
        "symbol", "strategy_id", "quantity", "adds"
    ),
    texts=["account"],
)
_ENTRIES_AND_EXITS = Prepared(
    lambda account: (
        Order.objects.filter(account_id=account, status__in=[each.value for each in WORKING])
        .exclude(role__in=[OrderRole.STOP_LOSS.value, OrderRole.TAKE_PROFIT.value])
        .order_by("id")
        .values_list(*_BOOK_COLUMNS)
    ),
    texts=["account"],
)


def _working(columns: dict[str, Any]) -> Working:
    return Working(
        id=columns["pk"],
        symbol=columns["symbol"],
        strategy=columns["strategy_id"],
        side=OrderSide(columns["side"]),
        role=OrderRole(columns["role"]),
        remaining=columns["quantity"] - columns["filled_quantity"],
        price=columns["limit_price"] or columns["stop_price"] or columns["reference_price"],
        status=OrderStatus(columns["status"]),
        started=bool(columns["filled_quantity"]),
    )


def open_symbols(account: BrokerAccount) -> list[str]:
    """Whose quotes a decision needs besides those of the alert."""
    return sorted({symbol for symbol, *_ in _HELD.rows(account=account.pk)})


def _sizing_equity(account: BrokerAccount, equity: Decimal | None) -> Decimal | None:
    """What sizes are percents of: the capital that the owner set aside, else the equity."""
    capital = account.options.get("sizing_capital")
    return Decimal(capital) if capital is not None else equity


def trades_since(account: BrokerAccount, day_start: datetime) -> int:
    """Entries of the trading day. What never reached the venue or was refused by it is none."""
    return sum(count for (count,) in _TRADES.rows(account=account.pk, since=day_start))


_TRADES = Prepared(
    lambda account, since: (
        Order.objects.filter(account_id=account, role=OrderRole.ENTRY.value, created_at__gte=since)
        .exclude(status__in=[OrderStatus.DENIED.value, OrderStatus.REJECTED.value])
        .exclude(status=OrderStatus.CANCELED.value, submitted_at__isnull=True)
        .exclude(source=OrderSource.EXTERNAL.value)
        .exclude(reason="REPLACED")  # what took its place counts
        .order_by()
        .values("account_id")
        .annotate(count=Count("pk"))
        .values_list("count")
    ),
    texts=["account"],
    times=["since"],
)
