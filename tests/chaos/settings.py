"""TradeHub's own settings for a chaos run at a local venue, whose workers can be told to crash."""

import os

from tests.chaos import crashing
from tradehub.settings import *  # noqa: F403  # the settings, with the change below

crashing.install(
    os.environ["CHAOS_CONTROL_URL"],
    ("/api/v3/order", "/fapi/v1/order", "/fapi/v1/algoOrder", "/v2/orders"),
)
