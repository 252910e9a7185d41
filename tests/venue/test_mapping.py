"""Every code that the venue can say is in the adapter's table; the rest is unknown."""

import json
import re
from pathlib import Path

import pytest

from brokers.errors import BrokerError, NotSent, OutcomeUnknown
from tests.venue.mapping import CODES, of_answer, of_transport
from tests.venue.transport import Answer, NoAnswer, NotWritten

HERE = Path(__file__).parent
SAID = re.compile(r'(?:Refused\(\s*|_said\(\d+, |code: str = |"code": )"([A-Z][A-Z_]+)"')
CONTROL_ONLY = {"BAD_COMMAND"}


def codes_said() -> set[str]:
    sources = [path.read_text() for path in HERE.glob("*.py") if not path.name.startswith("test_")]
    return {code for source in sources for code in SAID.findall(source)} - CONTROL_ONLY


def answer(status: int, body: object) -> Answer:
    return Answer(status, {}, json.dumps(body).encode())


def test_every_code_that_the_venue_says_is_mapped() -> None:
    assert codes_said() == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_code_means_what_the_table_says_only_in_the_venues_own_words(code: str) -> None:
    said = {"code": code, "text": "because"}
    mapped = of_answer(answer(400, said), ordering=True)
    assert type(mapped) is CODES[code]
    assert isinstance(mapped, BrokerError)
    assert mapped.venue_code == code
    for lies in (
        answer(500, said),
        answer(504, said),
        answer(302, said),
        answer(400, {"code": code}),
    ):
        assert type(of_answer(lies, ordering=True)) is OutcomeUnknown


@pytest.mark.parametrize(
    "status", [301, 307, 400, 401, 403, 404, 408, 409, 418, 429, 500, 502, 599]
)
def test_an_answer_in_no_known_words_is_unknown(status: int) -> None:
    for body in (b"", b"<html>", b"[]", b'{"code": 7, "text": ""}', b'{"code":"NEW","text":""}'):
        mapped = of_answer(Answer(status, {}, body), ordering=True)
        assert type(mapped) is OutcomeUnknown


def test_a_read_is_never_rejected() -> None:
    said = {"code": "UNKNOWN_ORDER", "text": "no"}
    assert type(of_answer(answer(404, said), ordering=False)) is OutcomeUnknown


def test_what_was_not_written_is_not_sent() -> None:
    assert type(of_transport(NotWritten())) is NotSent
    assert type(of_transport(NoAnswer())) is OutcomeUnknown
