"""What the account doctor says of a paper account."""

from collections.abc import Mapping
from typing import cast

from brokers.base import Broker
from brokers.paper.adapter import PaperBroker
from brokers.prices.places import VENUE_SOURCES
from brokers.symbol_lines import symbol_line
from brokers.types import Instrument, Line


def lines(broker: Broker, instruments: Mapping[str, Instrument]) -> list[Line]:
    options = cast(PaperBroker, broker).options
    if options.price_source == "synthetic":
        text = "Prices are made up (a seeded walk). Good for a demo, worthless as a test of a plan."
    elif options.price_source in VENUE_SOURCES:
        text = f"Prices are those of {options.price_source.title()}'s live market."
    else:
        text = "Prices are those that your alerts name: an alert without price can't be priced."
    found = [Line("prices", True, text)]
    if not options.fee_percent and not options.slippage_percent:
        fix = "Set fee_percent and slippage_percent to what your broker and market cost."
        text = "No fee and no slippage: results will look better than live ones."
        found.append(Line("costs", True, text, fix))
    able = broker.capabilities()
    return found + [symbol_line(each, able) for each in instruments.values()]
