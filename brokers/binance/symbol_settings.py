"""At which leverage and margin mode an account at futures has each symbol, as rows: what one
process has set, the others must know before their next entry.

Only what the venue has confirmed is here. It is forgotten before it is changed, so a process that
dies in between leaves nothing that may be wrong.
"""

from datetime import datetime, timedelta
from functools import partial

from brokers.binance.memory import Setting
from brokers.binance.models import SymbolSetting
from tradehub.lib.db import in_write_transaction

KNOWN_FOR = timedelta(hours=1)
"""How long settings are believed: their owner may change them at the venue's own site."""


class StoredSettings:
    def __init__(self, account_id: str) -> None:
        self._account_id = account_id

    def known(self, symbol: str, now: datetime) -> Setting | None:
        rows = SymbolSetting.objects.filter(
            account_id=self._account_id, symbol=symbol, known_at__gt=now - KNOWN_FOR
        )
        found = rows.filter(known_at__lte=now).values_list("leverage", "margin_mode").first()
        return None if found is None else Setting(*found)

    def note(self, symbol: str, setting: Setting, now: datetime) -> None:
        in_write_transaction(partial(self._put, symbol, setting, now))

    def forget(self, symbol: str) -> None:
        rows = SymbolSetting.objects.filter(account_id=self._account_id, symbol=symbol)
        in_write_transaction(rows.delete)

    def forget_all(self) -> None:
        rows = SymbolSetting.objects.filter(account_id=self._account_id)
        in_write_transaction(rows.delete)

    def _put(self, symbol: str, setting: Setting, now: datetime) -> None:
        SymbolSetting.objects.update_or_create(
            account_id=self._account_id,
            symbol=symbol,
            defaults={
                "leverage": setting.leverage,
                "margin_mode": setting.margin_mode,
                "known_at": now,
            },
        )
