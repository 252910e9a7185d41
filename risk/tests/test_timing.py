"""How old an alert is, and which of two was sent first. Pure."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.rules.timing import check_age, is_older, late_exit, out_of_order
from risk.tests.builders import NOW, check_of
from risk.types import Check

D = Decimal
moments = st.datetimes(
    min_value=datetime(2026, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2026, 1, 1, 0, 0, 5),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def said(moment: datetime, whole: bool) -> datetime:
    """As a sender writes it that knows only whole seconds, or as it is."""
    return moment.replace(microsecond=0) if whole else moment


@given(moments, moments, st.booleans(), st.booleans())
def test_a_good_alert_is_never_older(
    one: datetime, other: datetime, whole_one: bool, whole_other: bool
) -> None:
    first, last = min(one, other), max(one, other)
    assert not is_older(said(last, whole_one), said(first, whole_other))


@given(moments, moments, st.booleans(), st.booleans())
def test_an_alert_a_second_older_is_always_noticed(
    one: datetime, other: datetime, whole_one: bool, whole_other: bool
) -> None:
    first, last = min(one, other), max(one, other) + timedelta(seconds=1)
    assert is_older(said(first, whole_one), said(last, whole_other))


def test_fractions_are_compared_where_both_have_one() -> None:
    assert is_older(ago(1.2), ago(1.1))
    assert not is_older(ago(1.1), ago(1.2))
    assert not is_older(ago(1.1), ago(1.1))


@pytest.mark.parametrize(
    ("limits", "passed"),
    [
        ([30], True),
        ([29], False),
        ([None, 29], False),
        ([40, D("29.9")], False),
        ([40, None], True),
    ],
)
def test_the_strictest_limit_counts(limits: list[Decimal | int | None], passed: bool) -> None:
    check = check_age(ago(30), NOW, limits)
    assert check is not None
    assert (check.code, check.passed, check.measured) == ("SIGNAL_STALE", passed, D(30))


def test_without_a_limit_there_is_no_age() -> None:
    assert check_age(ago(30), NOW, [None, None]) is None


def test_an_alert_that_says_no_time_has_no_order() -> None:
    assert check_of("SIGNAL_OUT_OF_ORDER") is None


def test_an_alert_with_none_newer_is_in_order() -> None:
    check = check_of("SIGNAL_OUT_OF_ORDER", plan={"sent_at": ago(3)})
    assert check is not None
    assert check.passed


def test_an_entry_older_than_another_alert_is_out_of_order() -> None:
    check = check_of("SIGNAL_OUT_OF_ORDER", plan={"sent_at": ago(30), "newer_at": ago(5)})
    assert check == Check(
        "SIGNAL_OUT_OF_ORDER",
        False,
        D(25),
        D(0),
        "It was sent 25 s before a newer alert for AAPL that was decided already.",
    )


def test_a_late_exit_passes_and_tells() -> None:
    check = late_exit(out_of_order("AAPL", ago(30), ago(5)))
    assert (check.passed, check.measured) == (True, D(25))
    assert check.message.endswith("decided already. Exits are executed late.")
