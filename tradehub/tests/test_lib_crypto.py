"""Sealed secrets: bound to their row, rotated by a key ring, silent when broken."""

import base64
from typing import Any

import pytest

from tradehub.lib.crypto import SealBroken, needs_rotation, open_sealed, seal

SECRET = "canary-of-the-vault"
OLD, NEW = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2))


@pytest.fixture(autouse=True)
def _one_key(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]


def test_what_is_sealed_opens_again() -> None:
    for text in (SECRET, "", "ключ 🔑", "x" * 10_000):
        assert open_sealed(seal(text, context="a"), context="a") == text
    assert open_sealed(seal(SECRET.encode(), context="a"), context="a") == SECRET


def test_the_same_text_is_never_sealed_twice_alike() -> None:
    assert seal(SECRET, context="a") != seal(SECRET, context="a")


def test_the_sealed_text_shows_nothing() -> None:
    sealed = seal(SECRET, context="a")
    version, _, body = sealed.split(":")
    assert version == "v1"
    assert SECRET not in sealed
    assert SECRET.encode() not in base64.urlsafe_b64decode(body)
    assert OLD not in sealed


def test_a_sealed_text_opens_only_in_its_row() -> None:
    sealed = seal(SECRET, context="brokers.BrokerAccount:1:acc_1")
    with pytest.raises(SealBroken, match="another row"):
        open_sealed(sealed, context="brokers.BrokerAccount:2:acc_1")


def test_every_changed_character_breaks_the_seal() -> None:
    sealed = seal(SECRET, context="a")
    for place, letter in enumerate(sealed):
        other = "A" if letter != "A" else "B"
        with pytest.raises(SealBroken):
            open_sealed(sealed[:place] + other + sealed[place + 1 :], context="a")


@pytest.mark.parametrize("text", ["", "v1", "v1::", "v2:aa:bb", "plain text", "v1:0:é", "v1:a:b:c"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SealBroken):
        open_sealed(text, context="a")


def test_a_broken_seal_tells_no_secret() -> None:
    sealed = seal(SECRET, context="a")
    with pytest.raises(SealBroken) as caught:
        open_sealed(sealed, context="b")
    told = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.args}"
    assert SECRET not in told
    assert sealed not in told
    assert OLD not in told


def test_the_first_key_seals_and_all_open(settings: Any) -> None:
    sealed = seal(SECRET, context="a")
    assert not needs_rotation(sealed)

    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    assert needs_rotation(sealed)
    again = seal(open_sealed(sealed, context="a"), context="a")
    assert not needs_rotation(again)

    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert open_sealed(again, context="a") == SECRET
    with pytest.raises(SealBroken, match="FIELD_ENCRYPTION_KEYS"):
        open_sealed(sealed, context="a")


def test_nothing_sealed_needs_no_rotation() -> None:
    assert not needs_rotation("")


def test_a_key_of_the_wrong_length_is_refused_without_showing_it(settings: Any) -> None:
    short = base64.urlsafe_b64encode(b"sixteen bytes !!").decode()
    settings.FIELD_ENCRYPTION_KEYS = [short]
    with pytest.raises(ValueError, match="32 bytes") as caught:
        seal(SECRET, context="a")
    assert short not in str(caught.value)
