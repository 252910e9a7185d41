"""No case of the catalogue vanishes: each has a test that carries its number."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = {*range(1, 26), 30}
APPS = ("accounts", "brokers", "dashboard", "orders", "risk", "signals", "tests", "tradehub")


def numbers() -> set[int]:
    """Of every test function whose name says `test_case_NN_…`, wherever pytest finds it."""
    found = set()
    for app in APPS:
        for file in (ROOT / app).rglob("test_*.py"):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_case_"):
                    found.add(int(node.name.split("_")[2]))
    return found


def test_every_case_has_its_test() -> None:
    assert sorted(CASES - numbers()) == []
