"""The registry of reason codes: complete, in the contract's order, with real texts."""

import ast
import re
from pathlib import Path

import pytest

from tradehub.core.reasons import GROUP_TITLES, REASONS, Group, order_of, reason

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("code", REASONS)
def test_every_code_explains_itself(code: str) -> None:
    found = reason(code)
    assert found.code == code
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code)
    assert 10 <= len(found.title) <= 70
    assert found.title[-1] not in ".!:"
    assert len(found.meaning) >= 40
    assert len(found.remedy) >= 10
    for text in (found.title, found.meaning, found.remedy):
        assert text == text.strip()
        assert "  " not in text
    assert found.meaning.endswith(".")
    assert found.remedy.endswith(".")


def test_no_two_codes_say_the_same() -> None:
    assert len({each.meaning for each in REASONS.values()}) == len(REASONS)
    assert len({each.title for each in REASONS.values()}) == len(REASONS)


def test_the_groups_follow_each_other() -> None:
    groups = list(dict.fromkeys(each.group for each in REASONS.values()))
    assert groups == list(Group) == list(GROUP_TITLES)


def test_failed_checks_sort_as_the_contract_lists_them() -> None:
    failed = ["SHORT_NOT_ALLOWED", "TRADING_HALTED", "PRICE_STALE", "ORDER_VALUE_ABOVE_MAX"]
    assert sorted(failed, key=order_of) == [
        "TRADING_HALTED",
        "PRICE_STALE",
        "ORDER_VALUE_ABOVE_MAX",
        "SHORT_NOT_ALLOWED",
    ]
    assert order_of("NEVER_HEARD_OF") > order_of("UNPROTECTED_POSITION")


def test_only_requests_have_a_status() -> None:
    for each in REASONS.values():
        of_requests = each.group in (Group.MESSAGE, Group.API)
        assert (each.http_status is not None) == of_requests, each.code
        assert each.http_status is None or 400 <= each.http_status <= 503


def test_every_code_raised_in_the_source_is_in_the_registry() -> None:
    """A refusal whose code has no page would be a dead link for its user."""
    used = {
        keyword.value.value: path.relative_to(ROOT)
        for path in ROOT.glob("*/**/*.py")
        if path.relative_to(ROOT).parts[0] not in (".venv", "var", "frontend")
        and "tests" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
        if isinstance(keyword.value.value, str) and keyword.value.value.isupper()
    }
    assert used
    assert {code: str(path) for code, path in used.items() if code not in REASONS} == {}
