"""From what Binance answers for USD-M futures to `brokers.errors`: its own table of codes.

Pure. As for spot, a refusal is certain only in the venue's own words, and a code that is not in the
table says nothing. Codes mean other things here than at spot (-2022, -2026), so nothing is shared
but the rules. Of its 503s some say that nothing was done; each other 5xx is unknown.
"""

from collections.abc import Iterator
from datetime import datetime

from brokers.binance import errors
from brokers.binance.errors import Answer, Meaning, Row, said_by
from brokers.errors import BrokerError, NotSent

M = Meaning

_GENERAL = "Error Codes, 10xx General Server or Network issues"
_REQUEST = "Error Codes, 11xx Request issues"
_ENGINE = "Error Codes, 20xx Processing Issues"
_FILTERS = "Error Codes, 40xx Filters and other Issues"
_EXECUTION = "Error Codes, 50xx Order Execution Issues"


def _rows(source: str, meaning: Meaning, *codes: int) -> Iterator[Row]:
    return (Row(code, meaning, source) for code in codes)


TABLE: tuple[Row, ...] = (
    *_rows(_GENERAL, M.UNKNOWN, -1000, -1001, -1006, -1007),
    *_rows(_GENERAL, M.KEY, -1002, -1011, -1022),
    *_rows(_GENERAL, M.LIMITED, -1003),
    *_rows(_GENERAL, M.BUSY, -1008),
    *_rows(_GENERAL, M.FILTER, -1013),
    *_rows(_GENERAL, M.UNABLE, -1014, -1016, -1020),
    *_rows(_GENERAL, M.LIMITED_ORDERS, -1015),
    *_rows(_GENERAL, M.CLOCK, -1021),
    *_rows(_REQUEST, M.REFUSED, -1100, -1101, -1102, -1103, -1104, -1105, -1106, -1108, -1112,
           -1114, -1115, -1116, -1117, -1118, -1119, -1127, -1128, -1130, -1136),
    *_rows(_REQUEST, M.FILTER, -1111),
    *_rows(_REQUEST, M.NO_SYMBOL, -1121),
    *_rows(_ENGINE, M.REFUSED, -2010, -2016, -2018, -2019, -2020, -2021, -2023, -2024, -2025,
           -2026, -2027, -2028),
    *_rows(_ENGINE, M.NOT_WORKING, -2011),
    *_rows(_ENGINE, M.ABSENT, -2013),
    *_rows(_ENGINE, M.KEY, -2014, -2015),
    *_rows(_ENGINE, M.FLAT, -2022),
    *_rows(_FILTERS, M.FILTER, -4001, -4002, -4003, -4004, -4005, -4006, -4007, -4014, -4016,
           -4023, -4024, -4140, -4141, -4164),
    *_rows(_FILTERS, M.REFUSED, -4015, -4028, -4045, -4047, -4048, -4067, -4068, -4087, -4088,
           -4130, -4131, -4135, -4136, -4137, -4138, -4161, -4168, -4183, -4192, -4400, -4531),
    *_rows(_FILTERS, M.UNCHANGED, -4046, -4059),
    *_rows(_FILTERS, M.SIDES, -4060, -4061, -4062),
    *_rows(_FILTERS, M.EXISTS, -4116),
    *_rows(_FILTERS, M.NOT_WORKING, -4117),
    *_rows(_FILTERS, M.FLAT, -4118),
    *_rows(_FILTERS, M.UNABLE, -4120),
    *_rows(_EXECUTION, M.REFUSED, -5021, -5022),
    *_rows(_EXECUTION, M.CLOCK, -5028),
)  # fmt: skip
"""-4117: a cancel of a conditional order that is being triggered; it is looked at again."""

FAILED_503 = (
    "Service Unavailable.",
    "Internal error; unable to process your request. Please try again.",
    "Request throttled by system-level protection.",
)
"""What the texts of a 503 begin with that say of themselves that nothing was done (General Info,
HTTP 503). "Unknown error, please check your request or try again later." is none of them."""


def of_answer(answer: Answer, now: datetime) -> BrokerError | None:
    said = said_by(answer)
    if answer.status == 503 and said is not None and said[1].startswith(FAILED_503):
        return NotSent(said[1], venue_code=str(said[0]))
    return errors.of_answer(answer, now, TABLE)


def meaning_of(error: BrokerError) -> Meaning:
    return errors.meaning_of(error, TABLE)
