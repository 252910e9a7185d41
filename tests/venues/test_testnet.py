"""The drill at the real test venues: `make test-testnet`, never by itself, and with your keys.

    BINANCE_TESTNET_KEY, BINANCE_TESTNET_SECRET                  Binance spot
    BINANCE_FUTURES_TESTNET_KEY, BINANCE_FUTURES_TESTNET_SECRET  Binance USD-M futures
    ALPACA_PAPER_KEY, ALPACA_PAPER_SECRET                        Alpaca

A kind without keys is not there; without any key there is no test, and that is an error. What is
placed is a limit and a stop, far from the market, and cancelled whatever happens.
"""

import os
from uuid import uuid4

import pytest

from accounts.models import User
from brokers.credentials import seal_credentials
from brokers.drill import SYMBOLS, Drill
from brokers.drill_stream import hearing_of
from brokers.models import BrokerAccount
from brokers.registry import connect

PREFIXES = {
    "binance_spot": "BINANCE_TESTNET",
    "binance_futures": "BINANCE_FUTURES_TESTNET",
    "alpaca": "ALPACA_PAPER",
}
GIVEN = [kind for kind, prefix in PREFIXES.items() if os.environ.get(f"{prefix}_KEY")]

# Without parameters pytest would skip in silence: then there is no such test.
if GIVEN:

    @pytest.mark.testnet
    @pytest.mark.parametrize("kind", GIVEN)
    def test_the_venue_is_what_its_adapter_was_written_for(kind: str, alice: User) -> None:
        key, secret = (os.environ[f"{PREFIXES[kind]}_{name}"] for name in ("KEY", "SECRET"))
        account = BrokerAccount(owner=alice, kind=kind, environment="test", label=kind)
        account.sealed_credentials = seal_credentials(
            account, {"api_key": key, "api_secret": secret}
        )
        account.save()
        name, hearing = f"drill{uuid4().hex[:21]}", hearing_of(account)
        lines = Drill(connect(account), SYMBOLS[kind], name, hearing).lines()
        assert all(line.ok for line in lines), "\n".join(f"{e.name}: {e.text}" for e in lines)
