"""No secret comes through, by its name or by its shape."""

import json
import logging
from typing import Any

import pytest
from structlog.stdlib import ProcessorFormatter

from tradehub.lib.logs import logging_config
from tradehub.lib.redact import MASK, is_secret_name, redact, redact_text

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"POST /webhook/{SECRET}/ 202",
        f"https://hub.example/webhook/{SECRET}?x=1",
        f"/welcome/{SECRET}/",
        f"redis://:{SECRET}@host:6379/0",
        f"postgresql://me:{SECRET}@host/db",
        f"Authorization: Bearer {SECRET}",
        f"?api_key={SECRET}&x=1",
        f'{{"passphrase": "{SECRET}", "ticker": "AAPL"}}',
        f"{{'token': '{SECRET}'}}",
    ],
)
def test_secrets_in_text_are_masked(text: str) -> None:
    assert SECRET not in redact_text(text)
    assert MASK in redact_text(text)


@pytest.mark.parametrize(
    "name",
    ["passphrase", "api_key", "apiKey", "X-Api-Key", "Authorization", "Cookie", "SECRET_KEY",
     "hmac_secret", "webhook_token", "X-Signature", "credentials", "FIELD_ENCRYPTION_KEYS"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["ticker", "key", "token_prefix", "author", "signal", "secretary"])
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


def test_nested_data_is_masked_and_the_original_is_left_alone() -> None:
    data: dict[str, Any] = {
        "alert": [{"passphrase": SECRET, "price": 1}],
        "path": f"/webhook/{SECRET}",
    }
    assert redact(data) == {
        "alert": [{"passphrase": MASK, "price": 1}],
        "path": f"/webhook/{MASK}",
    }
    assert data["path"].endswith(SECRET)


def test_a_log_line_is_json_and_masked_down_to_its_traceback() -> None:
    formatter = ProcessorFormatter(
        **{
            key: value
            for key, value in logging_config("INFO")["formatters"]["json"].items()
            if key != "()"
        }
    )
    try:
        raise ValueError(f"no route for /webhook/{SECRET}")
    except ValueError as error:
        record = logging.LogRecord(
            "a.library", logging.ERROR, __file__, 1, "failed: %s", (f"token={SECRET}",),
            (type(error), error, error.__traceback__),
        )  # fmt: skip
    line = formatter.format(record)
    found = json.loads(line)
    assert SECRET not in line
    assert found["event"] == f"failed: token={MASK}"
    assert "ValueError" in found["exception"]
