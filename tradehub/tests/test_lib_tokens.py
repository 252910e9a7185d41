"""Tokens: long, plain, and never shown by accident."""

import hashlib
import re

from tradehub.lib.tokens import API_KEY, INVITATION, WEBHOOK, digest_of, new_token


def test_a_token_is_letters_and_digits_behind_its_kind() -> None:
    for prefix in (API_KEY, WEBHOOK, INVITATION):
        token = new_token(prefix)
        assert re.fullmatch(prefix + "[A-Za-z0-9]{32}", token.secret)
        assert token.secret.startswith(token.prefix)
        assert len(token.prefix) <= 12
        assert token.secret.endswith(token.last_four)


def test_what_may_be_shown_leaves_more_than_128_bits() -> None:
    token = new_token(API_KEY)
    hidden = len(token.secret) - len(token.prefix) - len(token.last_four)
    assert hidden * 5.95 > 128


def test_no_two_are_alike() -> None:
    assert len({new_token(API_KEY).secret for _ in range(500)}) == 500


def test_only_the_hash_is_for_storing() -> None:
    token = new_token(WEBHOOK)
    assert token.digest == hashlib.sha256(token.secret.encode()).digest() == digest_of(token.secret)


def test_a_token_does_not_show_its_secret() -> None:
    token = new_token(API_KEY)
    assert token.secret not in repr(token)
    assert token.secret not in str(token)


def test_any_text_has_a_digest() -> None:
    for odd in ("", "\x00", "\ud800", "é" * 1000):
        assert len(digest_of(odd)) == 32
