"""Field names: every spelling that senders use, and the one field it means.

`stopLoss`, `stop_loss` and `STOP-LOSS` are one name. A field belongs to one line only; what is in
no table goes to the intent's extras, unless its name says that it is a secret.
"""

from functools import lru_cache

EXTRA = "(extra)"
SECRET = "(secret)"  # noqa: S105 - a mark, not a password
REFUSED = "(refused)"
MAX_NAME = 64

SPELLINGS = {
    "symbol": "symbol ticker instrument pair",
    "exchange": "exchange",
    "action": "action orderaction",
    "side": "side",
    "sentiment": "sentiment",
    "market_position": "marketposition",
    "prev_market_position": "prevmarketposition previousmarketposition",
    "position_size": "positionsize",
    "market_position_size": "marketpositionsize",
    "prev_market_position_size": "prevmarketpositionsize previousmarketpositionsize",
    "quantity": "quantity qty contracts size",
    "quantity_type": "quantitytype sizetype",
    "notional": "notional amountusd dollaramount quoteamount quotequantity quoteqty",
    "percent": "percent sizepercent quantitypercent",
    "percent_equity": "percentequity equitypercent percentofequity",
    "percent_position": "percentposition positionpercent percentofposition",
    "risk_percent": "riskpercent",
    "risk_amount": "riskamount",
    "order_type": "ordertype",
    "type": "type",
    "price": "price",
    "reference_price": "referenceprice signalprice",
    "limit_price": "limitprice",
    "stop_price": "stopprice triggerprice",
    "trail_percent": "trailpercent trailingpercent",
    "trail_amount": "trailamount trailoffset trailingamount",
    "stop_loss": "stoploss sl stoplossprice slprice",
    "stop_loss_percent": "stoplosspercent stoplosspct slpercent slpct",
    "stop_loss_offset": "stoplossoffset stoplossamount sloffset slamount",
    "take_profit": "takeprofit tp target takeprofitprice tpprice targetprice takeprofits targets",
    "take_profit_percent": "takeprofitpercent takeprofitpct tppercent tppct targetpercent",
    "take_profit_offset": "takeprofitoffset takeprofitamount tpoffset tpamount targetoffset",
    "time_in_force": "timeinforce tif",
    "extended_hours": "extendedhours",
    "leverage": "leverage",
    "conviction": "conviction",
    "delay_seconds": "delayseconds delay",
    "max_age_seconds": "maxageseconds maxage maxlag",
    "dry_run": "dryrun test",
    "strategy": "strategy strategyname",
    "alert_id": "alertid id signalid idempotencykey idempotencyid",
    "sent_at": "timenow sentat",
    "timestamp": "timestamp",
    "time": "time bartime",
    "interval": "interval",
    "timeframe": "timeframe",
    "comment": "comment",
    "extras": "extras",
    "passphrase": "passphrase",
    "api_key": "apikey",
}

PART_SPELLINGS = {
    "price": "price stopprice limitprice triggerprice stoplossprice takeprofitprice",
    "percent": "percent pct percentage",
    "offset": "offset amount distance",
    "fraction": "fraction",
    "trail": "trail",
    "trail_percent": "trailpercent trailingpercent",
    "trail_amount": "trailamount trailoffset trailingamount",
    "type": "type ordertype",
}

_WHY_REFUSED = {
    "amount": "`amount` may mean units or money. Say `quantity` for units, `notional` for money.",
    "trailingstop": "Say `stop_loss` as {\"trail_percent\": …} or {\"trail_amount\": …}.",
    "stop": "Say `stop_loss` for protection, `stop_price` for the trigger of a stop order.",
    "trail": "Say `stop_loss` as {\"trail_percent\": …}, or order_type `trailing_stop`.",
    "breakeven": "Moving a stop to break-even is not supported.",
    "optiontype": "Options are not supported.",
} | {
    f"{name}{number}": "Several targets are a list: `take_profit` as [{price, fraction}, …]."
    for name in ("tp", "takeprofit", "target")
    for number in range(1, 10)
}  # fmt: skip
"""What would change the order and can't be done: refused, since to leave it out is to guess."""

_SECRET_PARTS = (
    "passphrase", "password", "passwd", "secret", "apikey", "token", "hmac", "signature",
    "credential", "privatekey", "accesskey", "authorization",
)  # fmt: skip
_SECRET_NAMES = frozenset({"pin", "code", "key", "auth", "pwd", "pass", "licenseid"})

_FIELDS = {word: field for field, words in SPELLINGS.items() for word in words.split()}
_PARTS = {word: field for field, words in PART_SPELLINGS.items() for word in words.split()}


@lru_cache(maxsize=2048)
def field_of(key: str) -> str:
    """The field that a key of an alert means, or EXTRA, SECRET or REFUSED."""
    word = squash(key)
    if word in _FIELDS:
        return _FIELDS[word]
    if word in _WHY_REFUSED:
        return REFUSED
    return SECRET if is_secret(word) else EXTRA


@lru_cache(maxsize=256)
def part_of(key: str) -> str:
    """The same inside a stop loss or take profit object."""
    return _PARTS.get(squash(key), EXTRA)


def why_refused(key: str) -> str:
    return _WHY_REFUSED[squash(key)]


def is_secret(word: str) -> bool:
    """Whether a squashed name says that its value is a secret."""
    return word in _SECRET_NAMES or any(part in word for part in _SECRET_PARTS)


def squash(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "").replace(" ", "").replace(".", "")
