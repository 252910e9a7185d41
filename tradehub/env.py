"""Typed readers of the environment and of `.env`, on django-environ.

Every reader fails loudly: a value that can't be used raises BadSetting, one sentence that names
the variable and never repeats a secret. `NAME_FILE` reads the value from a file. An empty value
counts as not set.
"""

import os
import re
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

_LINE = re.compile(r"\s*(#.*)?|(export )?[A-Za-z_][A-Za-z_0-9]*=.*")
_source = environ.FileAwareEnv()


class BadSetting(ImproperlyConfigured):
    """A variable can't be used as it is. The message is for the person who starts TradeHub."""


def load_env_file(path: Path) -> None:
    """Put the lines of `.env` under what the environment already says; nothing when absent."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path.name} can't be read as UTF-8 text: {error}.") from error
    for number, line in enumerate(lines, start=1):
        if not _LINE.fullmatch(line):
            raise BadSetting(f"{path.name} line {number} is not NAME=value, nor a # comment.")
    environ.Env.read_env(str(path))


def text(name: str, default: str = "") -> str:
    try:
        value = str(_source.str(name, default="")).strip()
    except (OSError, UnicodeDecodeError) as error:
        where = os.environ.get(f"{name}_FILE", "")
        raise BadSetting(f"{name}_FILE names {where!r}, which can't be read.") from error
    return value or default


def flag(name: str, *, default: bool) -> bool:
    value = text(name, str(default)).lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise BadSetting(f"{name} must be true or false, not {value!r}.")


def whole(name: str, *, default: int, least: int, most: int) -> int:
    value = text(name, str(default))
    if re.fullmatch(r"[0-9]{1,9}", value) and least <= int(value) <= most:
        return int(value)
    raise BadSetting(f"{name} must be a whole number from {least} to {most}, not {value!r}.")


def choice(name: str, *, default: str, allowed: Sequence[str]) -> str:
    value = text(name, default)
    for each in allowed:
        if value.lower() == each.lower():
            return each
    raise BadSetting(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")


def names(name: str) -> list[str]:
    return [part.strip() for part in text(name).split(",") if part.strip()]


def networks(name: str) -> list[str]:
    """Addresses and networks, each such as 10.1.2.3 or 10.1.0.0/16."""
    listed = names(name)
    for each in listed:
        try:
            ip_network(each, strict=False)
        except ValueError as error:
            raise BadSetting(f"{name} has {each!r}, which is no address or network.") from error
    return listed


def address(name: str, *, schemes: Sequence[str], bare: bool = False) -> str:
    """A URL with one of `schemes`, or "". `bare`: scheme and host only. It may hold a password,
    so the message doesn't repeat it."""
    value = text(name)
    if not value:
        return ""
    parts = _split(value)
    kinds = " or ".join(f"{scheme}://" for scheme in schemes)
    if parts is None or parts.scheme not in schemes:
        raise BadSetting(f"{name} must be a URL that begins with {kinds}.")
    if not parts.netloc and parts.scheme != "unix":
        raise BadSetting(f"{name} has no host name after {parts.scheme}://.")
    if bare and (parts.path.strip("/") or parts.query or parts.fragment):
        raise BadSetting(f"{name} must be scheme and host only, without a path.")
    return value.rstrip("/") if bare else value


def database(name: str, *, default: str, base: Path) -> dict[str, object]:
    """Django's settings of one database. A relative SQLite path is under `base`."""
    value = text(name, default)
    parts = _split(value)
    if parts is None or parts.scheme not in ("sqlite", "postgres", "postgresql"):
        raise BadSetting(f"{name} must begin with sqlite:/// or postgresql://.")
    if not parts.path.strip("/"):
        raise BadSetting(f"{name} names no database after the last slash.")
    if parts.scheme != "sqlite":
        return dict(environ.Env.db_url_config(value))
    path = base / value.removeprefix("sqlite://").removeprefix("/")
    if not path.parent.is_dir():
        raise BadSetting(f"{name} names a file in {path.parent}, which is not a folder.")
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}


def mail(name: str) -> dict[str, object]:
    """EMAIL_* settings of a mail URL; the console when unset."""
    value = text(name, "consolemail://")
    parts = _split(value)
    if parts is None or parts.scheme not in environ.Env.EMAIL_SCHEMES:
        known = ", ".join(sorted(environ.Env.EMAIL_SCHEMES))
        raise BadSetting(f"{name} must be a mail URL, its scheme one of {known}.")
    try:
        found = environ.Env.email_url_config(value)
    except ValueError as error:
        raise BadSetting(f"{name} is not a mail URL: its port is not a number.") from error
    return {key: item for key, item in found.items() if key.startswith("EMAIL_")}


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts
