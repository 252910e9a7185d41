"""Readers of the environment: what they take, and the sentence for what they don't."""

from pathlib import Path

import pytest

from tradehub import env
from tradehub.env import BadSetting


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("THING", raising=False)
    return "THING"


@pytest.mark.parametrize(
    ("text", "expected"), [("true", True), ("1", True), ("No", False), ("", True)]
)
def test_flag(monkeypatch: pytest.MonkeyPatch, variable: str, text: str, *, expected: bool) -> None:
    monkeypatch.setenv(variable, text)
    assert env.flag(variable, default=True) is expected


@pytest.mark.parametrize("text", ["maybe", "2", "truee"])
def test_a_word_that_is_no_flag_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(BadSetting, match="THING"):
        env.flag(variable, default=True)


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "99", "1" * 5000, "\u0661"])
def test_a_number_out_of_range_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(BadSetting, match="THING"):
        env.whole(variable, default=0, least=0, most=10)


def test_a_value_is_read_from_the_file_that_name_file_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv("THING_READ_FROM_FILE_FILE", str(tmp_path / "secret"))
    assert env.text("THING_READ_FROM_FILE") == "from the file"


def test_a_name_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THING_FILE", "/nowhere/at/all")
    with pytest.raises(BadSetting, match="THING_FILE names '/nowhere/at/all'"):
        env.text("THING")


@pytest.mark.parametrize("text", ["ftp://host", "host", "http://", "http://[::1", "http://h:port"])
def test_an_address_of_another_kind_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(BadSetting, match="THING"):
        env.address(variable, schemes=("http", "https"))


def test_a_refused_address_is_not_repeated_since_it_may_hold_a_password(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "amqp://me:hunter2@host")
    with pytest.raises(BadSetting) as caught:
        env.address(variable, schemes=("redis",))
    assert "hunter2" not in str(caught.value)


def test_a_bare_address_has_no_path(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "https://testnet.example/")
    assert env.address(variable, schemes=("https",), bare=True) == "https://testnet.example"
    monkeypatch.setenv(variable, "https://testnet.example/api")
    with pytest.raises(BadSetting, match="without a path"):
        env.address(variable, schemes=("https",), bare=True)


def test_sqlite_addresses(monkeypatch: pytest.MonkeyPatch, variable: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv(variable, f"sqlite:///{tmp_path}/hub.sqlite3")
    assert env.database(variable, default="", base=Path("/x"))["NAME"] == str(
        tmp_path / "hub.sqlite3"
    )
    monkeypatch.setenv(variable, "sqlite:///data/hub.sqlite3")
    found = env.database(variable, default="", base=tmp_path)
    assert found["NAME"] == str(tmp_path / "data" / "hub.sqlite3")


def test_a_postgresql_address(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "postgresql://me:p%40ss@db.example:5433/hub")
    found = env.database(variable, default="", base=Path("/"))
    assert found["ENGINE"] == "django.db.backends.postgresql"
    assert (found["HOST"], found["PORT"], found["PASSWORD"]) == ("db.example", 5433, "p@ss")


@pytest.mark.parametrize(
    "text",
    ["mysql://h/db", "nonsense", "postgresql://host", "sqlite:///", "sqlite:////nowhere/x/y.db"],
)
def test_a_bad_database_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(BadSetting, match="THING"):
        env.database(variable, default="", base=Path("/"))


@pytest.mark.parametrize("line", ["NOT A VARIABLE", "=value", "1NAME=x", "name"])
def test_a_broken_line_of_the_env_file_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"# fine\n\nexport FINE_IN_ENV_FILE=1\n{line}\n")
    with pytest.raises(BadSetting, match=r"\.env line 4"):
        env.load_env_file(path)


def test_the_environment_wins_over_the_env_file(
    monkeypatch: pytest.MonkeyPatch, variable: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("THING=from the file\n")
    monkeypatch.setenv(variable, "from the environment")
    env.load_env_file(tmp_path / ".env")
    assert env.text(variable) == "from the environment"
