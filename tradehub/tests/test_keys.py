"""The hub's own keys: made once, kept private, never replaced."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tradehub.env import BadSetting
from tradehub.keys import decode_key, hub_keys


def test_keys_are_made_once_with_mode_0600(tmp_path: Path) -> None:
    first = hub_keys(tmp_path)
    path = tmp_path / "keys.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert hub_keys(tmp_path) == first
    assert list(tmp_path.iterdir()) == [path]
    assert len(first["SECRET_KEY"]) >= 50
    for name in ("FIELD_ENCRYPTION_KEYS", "INSTALL_KEY"):
        assert len(decode_key(name, first[name])) == 32


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: json.dumps(hub_keys(tmp_path)), range(64)))
    assert len(set(found)) == 1


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"SECRET_KEY": "x"}'])
def test_a_damaged_file_stops_the_start_and_is_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(BadSetting, match=r"keys\.json"):
        hub_keys(tmp_path)
    assert path.read_text() == content


@pytest.mark.parametrize("text", ["", "short", "!" * 44, "A" * 43])
def test_a_key_of_another_length_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="INSTALL_KEY"):
        decode_key("INSTALL_KEY", text)
