"""Mutation testing: `make mutants`, by hand now and then (an hour on two cores).

A mutant is the code with one small thing wrong in it; at least one test must fail for it. mutmut
makes and runs those inside functions. It leaves alone what stands outside of them, and the
lifecycle is little else than tables, so those are changed here in the same spirit. Every target
has a fixed, narrow list of tests and a copy of the tree of its own; the tree itself is never
touched. Survivors are explained in docs/reliability.md.
"""

import argparse
import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIES = ROOT / ".venv" / "mutants"
APPS = ("accounts", "brokers", "dashboard", "docs", "orders", "risk", "signals", "templates")
ALSO = ("tests", "tradehub", "conftest.py", "manage.py")
PYTEST = ("-p", "no:randomly", "--hypothesis-seed=0", "--timeout=30", "--nomigrations")
HANGS_AFTER = 90.0


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]


TARGETS = (
    Target(
        "lanes",
        ("orders/lanes.py", "orders/sequence.py"),
        ("orders/tests/test_lanes.py", "orders/tests/test_sequence.py"),
    ),
    Target(
        "reconciliation",
        ("orders/reconciliation.py",),
        ("orders/tests/test_reconciliation.py",),
    ),
    Target(
        "dedupe",
        ("signals/admission.py", "signals/arrivals.py", "signals/ingest_rows.py"),
        (
            "signals/tests/test_admission.py",
            "signals/tests/test_given_up.py",
            "signals/tests/test_ingest.py",
        ),
    ),
    Target(
        "lifecycle",
        ("orders/lifecycle.py",),
        ("orders/tests/test_lifecycle.py", "orders/tests/test_lifecycle_page.py"),
    ),
    Target(
        "unconfirmed",
        ("orders/unconfirmed.py",),
        (
            "orders/tests/test_unconfirmed.py",
            "orders/tests/test_without_ids.py",
            "orders/tests/test_reviewing.py",
            "orders/tests/test_work.py",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Score:
    target: str
    mutants: int
    survivors: tuple[str, ...]

    def line(self) -> str:
        left = len(self.survivors)
        killed = self.mutants - left
        share = f"{100 * killed / self.mutants:.1f} %"
        return f"| {self.target} | {self.mutants} | {killed} | {left} | {share} |"


# ---- inside functions: mutmut ----


def copy_tree(target: Target) -> Path:
    copy = COPIES / target.name
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in (*APPS, *ALSO):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy / name)
    (copy / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + settings(target))
    return copy


def settings(target: Target) -> str:
    """For one target: mutmut knows no more than one list of tests."""
    apps = sorted({Path(file).parts[0] for file in target.files})
    also = [name for name in (*APPS, *ALSO) if name not in apps]
    return f"""
[tool.mutmut]
source_paths = {apps}
only_mutate = {list(target.files)}
also_copy = {also}
pytest_add_cli_args = {list(PYTEST)}
pytest_add_cli_args_test_selection = {list(target.tests)}
"""


def inside_functions(target: Target, copy: Path) -> Score:
    mutmut = [str(Path(sys.executable).with_name("mutmut"))]
    # One child at a time: they would share one test database. Targets run side by side instead.
    with (copy / "mutmut.log").open("w") as log:
        subprocess.run(
            [*mutmut, "run", "--max-children", "1"], cwd=copy, stdout=log, stderr=log, check=True
        )
    told = subprocess.run(
        [*mutmut, "results", "--all", "true"], cwd=copy, capture_output=True, text=True, check=True
    ).stdout
    found = re.findall(r"^\s+(\S+): (.+)$", told, re.MULTILINE)
    survivors = [name for name, verdict in found if verdict not in ("killed", "timeout")]
    with (copy / "survivors.diff").open("w") as diffs:
        for name in survivors:
            subprocess.run([*mutmut, "show", name], cwd=copy, stdout=diffs, check=True)
    return Score(target.name, len(found), tuple(survivors))


# ---- outside of functions ----

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def outside_functions(target: Target, copy: Path) -> Score:
    count, survivors = 0, []
    for file in target.files:
        path = copy / file
        source = path.read_text()
        for line, code in mutants_of(source):
            count += 1
            path.write_text(code)
            if passes(target, copy):
                survivors.append(f"{file}:{line}")
                (copy / f"outside-{len(survivors)}.py").write_text(code)
        path.write_text(source)
    return Score(target.name, count, tuple(survivors))


def passes(target: Target, copy: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", *PYTEST, *target.tests]
    try:
        ended = subprocess.run(command, cwd=copy, capture_output=True, timeout=HANGS_AFTER)
    except subprocess.TimeoutExpired:
        return False
    return ended.returncode == 0


def mutants_of(source: str) -> Iterator[tuple[str, str]]:
    """What is changed, and the module with that one change."""
    tree = ast.parse(source)
    same = ast.unparse(tree)
    members = _members(tree)
    seen = {same}
    for place, node in enumerate(_expressions(tree)):
        for number, _ in enumerate(_changes(deepcopy(node), members)):
            broken = ast.parse(source)
            spot = list(_expressions(broken))[place]
            change = list(_changes(deepcopy(spot), members))[number]
            code = ast.unparse(_Put(spot, change).visit(broken))
            if code not in seen:
                seen.add(code)
                yield f"{spot.lineno} {ast.unparse(spot)[:60]} -> {ast.unparse(change)[:60]}", code


class _Put(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Values of the module's and its classes' own statements; no annotations, no docstrings."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            for statement in child.body:
                yield from _values(statement)
        else:
            yield from _values(child)


def _values(statement: ast.AST) -> Iterator[ast.expr]:
    value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
    if value is None or isinstance(value, ast.Subscript):  # the name of a type
        return
    for node in ast.walk(value):
        if isinstance(node, ast.expr):
            yield node


def _members(tree: ast.AST) -> dict[str, list[str]]:
    """Of each enumeration that the module names: which of its members."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.isupper():
            found.setdefault(ast.unparse(node.value), set()).add(node.attr)
    return {name: sorted(members) for name, members in found.items()}


def _changes(node: ast.expr, members: dict[str, list[str]]) -> Iterator[ast.expr]:
    if isinstance(node, ast.Constant):
        yield from _another_constant(node)
    elif isinstance(node, ast.Attribute) and node.attr.isupper():
        known = members[ast.unparse(node.value)]
        other = known[(known.index(node.attr) + 1) % len(known)]
        yield ast.Attribute(node.value, other, ast.Load())
    elif isinstance(node, ast.Dict):
        for place in range(len(node.keys)):
            keys, values = node.keys[:], node.values[:]
            del keys[place], values[place]
            yield ast.Dict(keys, values)
    elif isinstance(node, ast.Set | ast.Tuple | ast.List):
        if all(isinstance(each, ast.Constant) for each in node.elts):
            return  # each is changed by itself
        for place in range(len(node.elts)):
            changed = deepcopy(node)
            del changed.elts[place]
            yield changed
    elif isinstance(node, ast.Call):
        yield from _without_an_argument(node)
    else:
        yield from _another_operator(node)


def _another_constant(node: ast.Constant) -> Iterator[ast.expr]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node.value, str):
        yield ast.Constant(f"XX{node.value}XX")


def _without_an_argument(node: ast.Call) -> Iterator[ast.expr]:
    for place in range(len(node.args)):
        yield ast.Call(node.func, node.args[:place] + node.args[place + 1 :], node.keywords)
    for place in range(len(node.keywords)):
        yield ast.Call(node.func, node.args, node.keywords[:place] + node.keywords[place + 1 :])


def _another_operator(node: ast.expr) -> Iterator[ast.expr]:
    changed = deepcopy(node)
    if isinstance(changed, ast.UnaryOp) and isinstance(changed.op, ast.Not | ast.Invert):
        yield changed.operand
    elif isinstance(changed, ast.Compare) and type(changed.ops[0]) in SWAPS:
        changed.ops[0] = SWAPS[type(changed.ops[0])]()  # type: ignore[call-overload]  # never None: looked up above
        yield changed
    elif isinstance(changed, ast.BinOp) and type(changed.op) in SWAPS and not _is_of_types(changed):
        changed.op = SWAPS[type(changed.op)]()  # type: ignore[assignment]  # an operator for an operator
        yield changed


def _is_of_types(node: ast.expr) -> bool:
    """`A | B` names a type."""
    if isinstance(node, ast.BinOp):
        return _is_of_types(node.left) and _is_of_types(node.right)
    return isinstance(node, ast.Name)


# ---- both ----


def run(target: Target) -> Score:
    copy = copy_tree(target)
    if not passes(target, copy):
        raise SystemExit(f"{target.name}: its tests fail on the code as it is.")
    scores = [outside_functions(target, copy), inside_functions(target, copy)]
    every = tuple(name for score in scores for name in score.survivors)
    whole = Score(target.name, sum(score.mutants for score in scores), every)
    (copy / "survivors.txt").write_text("\n".join((whole.line(), *every)) + "\n")
    say(whole.line())
    return whole


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help="lanes, lifecycle, ...")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time")
    wanted = parser.parse_args()
    chosen = [each for each in TARGETS if not wanted.targets or each.name in wanted.targets]
    with ThreadPoolExecutor(wanted.jobs) as pool:
        scores = list(pool.map(run, chosen))
    for score in scores:
        for name in score.survivors:
            say(f"{score.target}: {name}")


if __name__ == "__main__":
    main()
