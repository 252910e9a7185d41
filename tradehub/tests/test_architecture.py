"""Pure modules are pure at run time too, and no model has changed without its migration."""

import subprocess
import sys
import tomllib

import pytest
from django.conf import settings
from django.core.management import call_command

CONTRACTS = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["tool"]
PURE = next(
    each["source_modules"]
    for each in CONTRACTS["importlinter"]["contracts"]
    if each["name"] == "Rules are pure"
)
LOADS_ALL = """
import importlib, pkgutil, sys
module = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(getattr(module, "__path__", []), module.__name__ + "."):
    if ".tests" not in found.name:
        importlib.import_module(found.name)
print([name for name in ("django", "rest_framework", "celery", "redis") if name in sys.modules])
"""


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_loads_no_django(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADS_ALL, module],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"


def test_the_strict_types_and_the_linter_name_the_same_modules() -> None:
    strict = next(
        each for each in CONTRACTS["mypy"]["overrides"] if each.get("disallow_any_generics")
    )
    assert {name.removesuffix(".*") for name in strict["module"]} == set(PURE)


@pytest.mark.django_db
def test_no_model_has_changed_without_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
