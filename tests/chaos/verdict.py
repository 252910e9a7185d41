"""Lost, doubled, unexplained, unprotected: the venue's books against ours, and what was sent.

Pure. Entries carry their alert's number in their quantity, so that two openings for one alert are
seen at the venue even where our own rows know of one only.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

FINAL = frozenset({"processed", "stale", "invalid"})
"""A `failed` signal was acknowledged and given up by us: lost."""
KNOWN_THERE = frozenset({"open", "partially_filled", "filled"})
WORKING = frozenset({"open", "partially_filled"})
UNSETTLED = frozenset({"queued", "sending", "unconfirmed"})
NEEDS_A_REASON = frozenset({"denied", "rejected"})
CATEGORIES = ("lost", "doubled", "unexplained", "unprotected")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sent:
    """An alert that was sent; `signal_id` only when it was acknowledged."""

    number: int
    account: str
    symbol: str
    side: str | None
    """None: it closes."""
    quantity: Decimal | None
    signal_id: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    signal_id: str | None
    account: str
    approved: bool
    acts: bool
    """It made orders, or cancels some."""


@dataclass(frozen=True, slots=True)
class OurOrder:
    id: str
    account: str
    signal_id: str | None
    client_order_id: str
    symbol: str
    status: str
    filled: Decimal
    reason: str = ""
    source: str = "webhook"


@dataclass(frozen=True, slots=True)
class OurPosition:
    account: str
    symbol: str
    quantity: Decimal
    wants_stop: bool = False
    alarmed: bool = False


@dataclass(frozen=True, slots=True)
class OurBooks:
    signals: Mapping[str, str] = field(default_factory=dict)
    """Status by id."""
    decisions: tuple[Decided, ...] = ()
    orders: tuple[OurOrder, ...] = ()
    fills: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    """Quantity by account and the venue's fill id."""
    positions: tuple[OurPosition, ...] = ()
    drifts: tuple[tuple[str, str], ...] = ()
    """Account and symbol of each that is not healed."""


@dataclass(frozen=True, slots=True)
class TheirOrder:
    id: str
    account: str
    client_order_id: str | None
    symbol: str
    side: str
    type: str
    quantity: Decimal
    filled: Decimal
    status: str
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class TheirBooks:
    orders: tuple[TheirOrder, ...] = ()
    fills: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    positions: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    steps: Mapping[str, Decimal] = field(default_factory=dict)
    """Of quantity, by symbol: a position may be held in parts that no order can name."""

    def orderable(self, symbol: str, quantity: Decimal) -> Decimal:
        step = self.steps.get(symbol)
        return quantity if step is None else quantity // step * step


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that went wrong, and what it is about."""

    what: str
    account: str = ""
    signal_id: str | None = None
    client_order_id: str | None = None
    order_id: str = ""

    def __str__(self) -> str:
        about = {
            "account": self.account,
            "signal": self.signal_id,
            "order": self.order_id,
            "client_order_id": self.client_order_id,
        }
        named = [f"{name} {value}" for name, value in about.items() if value]
        return f"{self.what} ({', '.join(named)})"


@dataclass(frozen=True, slots=True)
class Verdict:
    lost: tuple[Case, ...] = ()
    doubled: tuple[Case, ...] = ()
    unexplained: tuple[Case, ...] = ()
    unprotected: tuple[Case, ...] = ()

    @property
    def clean(self) -> bool:
        return not any(getattr(self, name) for name in CATEGORIES)


def judge(
    sent: Iterable[Sent], ours: OurBooks, theirs: TheirBooks, *, may_shout: bool = True
) -> Verdict:
    """`may_shout`: a position without its stop is excused by its alarm."""
    alerts = list(sent)
    lost = [*_lost_alerts(alerts, ours), *_lost_orders(ours, theirs)]
    doubled = [*_doubled_ids(theirs), *_doubled_openings(alerts, theirs)]
    unexplained = [
        *_strangers(alerts, ours, theirs),
        *_differing_orders(ours, theirs),
        *_differing_fills(ours, theirs),
        *_differing_positions(ours, theirs),
        *_left_over(theirs),
    ]
    bare = _unprotected(ours, theirs, may_shout=may_shout)
    return Verdict(tuple(lost), tuple(doubled), tuple(unexplained), tuple(bare))


def _lost_alerts(sent: list[Sent], ours: OurBooks) -> Iterator[Case]:
    for alert in sent:
        if alert.signal_id is None:
            continue
        status = ours.signals.get(alert.signal_id)
        if status is None:
            yield Case("acknowledged and not stored", alert.account, alert.signal_id)
        elif status not in FINAL:
            yield Case(f"acknowledged and {status}", alert.account, alert.signal_id)
    decided = {each.signal_id for each in ours.decisions}
    for alert in sent:
        status = ours.signals.get(alert.signal_id or "")
        if status in FINAL and status != "invalid" and alert.signal_id not in decided:
            yield Case("final without a decision", alert.account, alert.signal_id)
    for decision in ours.decisions:
        if decision.approved and not decision.acts:
            yield Case("approved without an order", decision.account, decision.signal_id)


def _lost_orders(ours: OurBooks, theirs: TheirBooks) -> Iterator[Case]:
    known = _by_client_id(theirs)
    for order in ours.orders:
        if order.status in KNOWN_THERE and (order.account, order.client_order_id) not in known:
            yield _of(order, f"{order.status} here and unknown to the venue")
        if order.status in NEEDS_A_REASON and not order.reason:
            yield _of(order, f"{order.status} without a reason")


def _doubled_ids(theirs: TheirBooks) -> Iterator[Case]:
    for (account, client_id), orders in _by_client_id(theirs).items():
        if len(orders) > 1:
            yield Case(f"placed {len(orders)} times", account, client_order_id=client_id)


def _doubled_openings(sent: list[Sent], theirs: TheirBooks) -> Iterator[Case]:
    """Whatever our rows say: each alert's own quantity may be at the venue once."""
    openings: Counter[Opening] = Counter(map(_opening, _entries(theirs)))
    for alert in sent:
        many = openings[_asked(alert)]
        if many > 1:
            what = f"alert {alert.number} opened {many} times"
            yield Case(what, alert.account, alert.signal_id)


def _strangers(sent: list[Sent], ours: OurBooks, theirs: TheirBooks) -> Iterator[Case]:
    own = {(each.account, each.client_order_id): each for each in ours.orders}
    asked = {_asked(alert) for alert in sent}
    for order in theirs.orders:
        row = own.get((order.account, order.client_order_id or ""))
        if row is None or row.source == "external":
            what = f"{order.side} {order.quantity} {order.symbol} at the venue is no order of ours"
            yield Case(what, order.account, client_order_id=order.client_order_id)
        elif not order.reduce_only and _opening(order) not in asked:
            yield _of(row, f"opened {order.side} {order.quantity}, which no alert asked for")


def _differing_orders(ours: OurBooks, theirs: TheirBooks) -> Iterator[Case]:
    known = _by_client_id(theirs)
    for order in ours.orders:
        if order.status in UNSETTLED:
            yield _of(order, f"left {order.status} {order.reason}".strip())
            continue
        for there in known.get((order.account, order.client_order_id), []):
            if there.status != order.status or there.filled != order.filled:
                yield _of(
                    order,
                    f"{order.status}, filled {order.filled} here; "
                    f"{there.status}, filled {there.filled} at the venue",
                )


def _differing_fills(ours: OurBooks, theirs: TheirBooks) -> Iterator[Case]:
    for account, fill_id in sorted({*ours.fills, *theirs.fills}):
        here, there = ours.fills.get((account, fill_id)), theirs.fills.get((account, fill_id))
        if here != there:
            yield Case(f"fill {fill_id}: {here} here, {there} at the venue", account)


def _differing_positions(ours: OurBooks, theirs: TheirBooks) -> Iterator[Case]:
    net: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for position in ours.positions:
        net[position.account, position.symbol] += position.quantity
    for account, symbol in sorted({*net, *theirs.positions}):
        here, there = (
            net.get((account, symbol), ZERO),
            theirs.positions.get((account, symbol), ZERO),
        )
        if here != there:
            yield Case(f"{symbol}: {here} held here, {there} at the venue", account)
    for account, symbol in ours.drifts:
        yield Case(f"{symbol}: a drift is not healed", account)


def _left_over(theirs: TheirBooks) -> Iterator[Case]:
    for order in theirs.orders:
        works = order.status in WORKING and order.reduce_only
        if works and not theirs.positions.get((order.account, order.symbol)):
            what = f"a {order.type} of {order.symbol} works at the venue and nothing is held"
            yield Case(what, order.account, client_order_id=order.client_order_id)


def _unprotected(ours: OurBooks, theirs: TheirBooks, *, may_shout: bool) -> Iterator[Case]:
    stops: dict[tuple[str, str, str], Decimal] = defaultdict(lambda: ZERO)
    for order in theirs.orders:
        if order.status in WORKING and order.reduce_only and order.type == "stop":
            stops[order.account, order.symbol, order.side] += order.quantity - order.filled
    for position in ours.positions:
        side = "sell" if position.quantity > 0 else "buy"
        stopped = stops.get((position.account, position.symbol, side), ZERO)
        needed = theirs.orderable(position.symbol, abs(position.quantity))
        if not position.wants_stop or (position.alarmed and may_shout):
            continue
        if needed and stopped != needed:
            what = f"{position.quantity} {position.symbol} asked for a stop, {stopped} has one"
            yield Case(what, position.account)


Opening = tuple[str, str, str | None, Decimal | None]


def _entries(theirs: TheirBooks) -> Iterator[TheirOrder]:
    return (each for each in theirs.orders if not each.reduce_only)


def _opening(order: TheirOrder) -> Opening:
    return order.account, order.symbol, order.side, order.quantity


def _asked(alert: Sent) -> Opening:
    return alert.account, alert.symbol, alert.side, alert.quantity


def _by_client_id(theirs: TheirBooks) -> dict[tuple[str, str], list[TheirOrder]]:
    found: dict[tuple[str, str], list[TheirOrder]] = defaultdict(list)
    for order in theirs.orders:
        if order.client_order_id is not None:
            found[order.account, order.client_order_id].append(order)
    return dict(found)


def _of(order: OurOrder, what: str) -> Case:
    return Case(what, order.account, order.signal_id, order.client_order_id, order.id)
