"""`conviction`: bots that name exchange, target and timeframe, and say how sure they are:

{"symbol":"TCS","exchange":"NSE","action":"BUY","price":3500,"stop_loss":3462.5,"target":3593.75,
 "conviction":"MEDIUM","timeframe":"15m","strategy":"BB_MTF","api_key":"…"}
"""

from signals.parsing.dialects import simple
from signals.parsing.dialects.base import ObjectDialect
from signals.parsing.fields import Fields
from signals.parsing.names import squash


def recognises(fields: Fields) -> bool:
    if fields.has("conviction"):
        return True
    if not fields.has("exchange"):
        return False
    return squash(fields.keys.get("take_profit", "")) == "target" or fields.has("timeframe")


DIALECT = ObjectDialect("conviction", recognises, simple.read)
