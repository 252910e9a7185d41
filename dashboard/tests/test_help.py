"""Every reason code has a page that anybody may read."""

import pytest
from django.test import Client
from django.utils.html import escape

from tradehub.core.reasons import REASONS
from tradehub.lib.problems import help_path


@pytest.mark.parametrize("code", REASONS)
def test_every_code_has_its_page(code: str) -> None:
    response = Client().get(help_path(code))
    text = response.content.decode()
    assert response.status_code == 200
    for part in (code, REASONS[code].title, REASONS[code].meaning, REASONS[code].remedy):
        assert escape(part) in text


def test_the_index_links_them_all() -> None:
    text = Client().get("/help/reasons/").content.decode()
    for code in REASONS:
        assert f'href="{help_path(code)}"' in text


@pytest.mark.parametrize("code", ["NO_SUCH_CODE", "invalid_json", "%00", "x" * 500])
def test_an_unknown_code_is_not_there(code: str) -> None:
    assert Client().get(help_path(code)).status_code == 404
