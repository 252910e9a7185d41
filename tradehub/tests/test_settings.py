"""A bad value stops the start with one sentence that names the variable, and no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

BAD = {
    "DATABASE_URL": "mysql://root@localhost/hub",
    "REDIS_URL": "localhost:6379",
    "PUBLIC_URL": "hub.example.org",
    "TRUSTED_PROXY_COUNT": "one",
    "SIGN_UP": "maybe",
    "EMAIL_URL": "carrier-pigeon://x",
    "LOG_LEVEL": "LOUD",
    "DEBUG": "sometimes",
    "FIELD_ENCRYPTION_KEYS": "too-short",
    "INSTALL_KEY": "too-short",
    "PORT": "eighty",
    "WORKER_THREADS": "0",
    "BINANCE_SPOT_REST_URL": "https://testnet.binance.vision/api",
    "ALPACA_STREAM_URL": "https://stream.example",
    "TRADEHUB_HOME": "/dev/null/home",
}


def run(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=settings.BASE_DIR,
        env=clean | {"TRADEHUB_HOME": str(home), "ENV_FILE": os.devnull} | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("name", BAD)
def test_up_names_the_variable_and_ends_with_2(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, "up", **{name: BAD[name]})
    assert done.returncode == 2
    assert name in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_every_command_says_it_without_a_traceback(tmp_path: Path) -> None:
    done = run(tmp_path, "check", DEBUG="sometimes")
    assert done.returncode != 0
    assert done.stderr.strip() == (
        "TradeHub can't start: DEBUG must be true or false, not 'sometimes'."
    )


def test_a_broken_env_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.env").write_text("SECRET_KEY\n")
    done = run(tmp_path, "up", ENV_FILE=str(tmp_path / "broken.env"))
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "TradeHub can't start: broken.env line 1 is not NAME=value, nor a # comment."
    )


def test_a_database_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "up", PORT="0", DATABASE_URL="postgresql://hub:hunter2@127.0.0.1:1/hub")
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr
    assert "hunter2" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_keys_of_the_environment_leave_no_file(tmp_path: Path) -> None:
    key = "A" * 43 + "="
    done = run(
        tmp_path, "shell", "-c", "print('fine')",
        SECRET_KEY="x" * 60, FIELD_ENCRYPTION_KEYS=key, INSTALL_KEY=key,
    )  # fmt: skip
    assert "fine" in done.stdout
    assert not (tmp_path / "keys.json").exists()
