"""Breaks each solution in every way that beginners break theirs, and says which broken one its check lets pass.

    python tools/mutate_solutions.py                        # all, about ten minutes; exits with 1 if one got through
    python tools/mutate_solutions.py limit_in_flight        # by the names of tasks, or of bugs
    python tools/mutate_solutions.py --every 20             # a sample: each twentieth of all

One change at a time. What is as right as before stands in mutants_spared.toml, with the reason.
"""

import argparse
import ast
import asyncio
import copy
import difflib
import linecache
import os
import re
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SPARED = Path(__file__).resolve().with_name("mutants_spared.toml")
PROCESSES = 2
CHECKED = re.compile(r"await \w+\.check\((\w+)\)")
OPENED = re.compile(r"open_bug\((\d+)\)")

Change = Callable[[ast.AST], Iterator[ast.AST | list[ast.stmt]]]


# ---- the ways to break it: each gives what may stand in the place of a node ------------------------------------------


def no_await(node: ast.AST) -> Iterator[ast.AST]:
    """`await` is forgotten."""
    if isinstance(node, ast.Await):
        yield node.value


def left_out(node: ast.AST) -> Iterator[ast.AST]:
    """A statement is not there."""
    if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Pass):
        yield ast.Pass()


def nothing_returned(node: ast.AST) -> Iterator[ast.AST]:
    """`return` without what it should give."""
    if isinstance(node, ast.Return) and node.value is not None:
        yield ast.Expr(node.value)


def turned(node: ast.AST) -> Iterator[ast.AST]:
    """A condition says the opposite."""
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.comprehension):
        for number, test in enumerate(node.ifs):
            yield _with(node, ifs=[*node.ifs[:number], ast.UnaryOp(ast.Not(), test), *node.ifs[number + 1 :]])


def half_a_condition(node: ast.AST) -> Iterator[ast.AST]:
    """One part of a condition, or all of a comprehension's, is not asked."""
    if isinstance(node, ast.BoolOp):
        yield from node.values
    if isinstance(node, ast.comprehension) and node.ifs:
        yield _with(node, ifs=[])


def one_by_one(node: ast.AST) -> Iterator[ast.AST]:
    """Each is awaited before the next one begins."""
    if isinstance(node, ast.Await) and (calls := _gathered(node.value)) is not None:
        yield _with(calls, elt=ast.Await(calls.elt))


def without_a_star(node: ast.AST) -> Iterator[ast.AST]:
    """gather gets a list."""
    if isinstance(node, ast.Starred):
        yield node.value


def another_number(node: ast.AST) -> Iterator[ast.AST]:
    """A number is another one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value * 100)


def another_limit(node: ast.AST) -> Iterator[ast.AST]:
    """One more, one less, or a limit that is none; for seconds: twice, or half of them."""
    if isinstance(node, ast.Call) and _name(node.func) == "Semaphore" and not isinstance(node.args[0], ast.Constant):
        for by in (1, -1, 100):
            yield _with(node, args=[ast.BinOp(node.args[0], ast.Add(), ast.Constant(by))])
        yield _with(node, args=[ast.Constant(1)])
    if isinstance(node, ast.keyword) and node.arg == "timeout":
        for share in (2, 0.5):
            yield _with(node, value=ast.BinOp(node.value, ast.Mult(), ast.Constant(share)))


def without_the_block(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """What a `with` opens is used, and never closed; what it locks is not locked."""
    if isinstance(node, ast.With | ast.AsyncWith):
        opened = [
            ast.Assign([item.optional_vars], item.context_expr)
            for item in node.items
            if isinstance(item.optional_vars, ast.Name)
        ]
        yield [*opened, *node.body]


def ends_too_soon(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The last statement of a block stands behind it."""
    if isinstance(node, ast.With | ast.AsyncWith | ast.For | ast.Try) and len(node.body) > 1:
        yield [_with(node, body=node.body[:-1]), node.body[-1]]


def not_caught(node: ast.AST) -> Iterator[list[ast.stmt] | ast.AST]:
    """What fails is not caught, or not all of it; what has to be done in any case is done at the end only, or not."""
    if isinstance(node, ast.Try):
        yield [*node.body, *node.orelse, *node.finalbody]
        if node.finalbody:
            yield node.body if not node.handlers else _with(node, finalbody=[])
    if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Attribute):
        yield _with(node, type=_with(node.type, attr="RateLimitError"))


def caught_too_much(node: ast.AST) -> Iterator[ast.AST]:
    """Even that it is cancelled is caught."""
    if isinstance(node, ast.ExceptHandler):
        yield _with(node, type=ast.Name("BaseException"))


def some_forgotten(node: ast.AST) -> Iterator[ast.AST]:
    """The last one, or the first, is not there."""
    if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        for part in (ast.Slice(None, ast.Constant(-1)), ast.Slice(ast.Constant(1), None)):
            yield _with(node, iter=ast.Subscript(_called("list", node.iter), part))


def in_reverse(node: ast.AST) -> Iterator[ast.AST]:
    """In the opposite order."""
    if isinstance(node, ast.Return) and node.value is not None:
        yield _with(node, value=ast.Subscript(node.value, ast.Slice(step=ast.UnaryOp(ast.USub(), ast.Constant(1)))))
    if isinstance(node, ast.For | ast.comprehension):
        yield _with(node, iter=_called("reversed", _called("list", node.iter)))


def swapped(node: ast.AST) -> Iterator[ast.AST]:
    """Two things have changed their places: arguments, values, the sides of a division."""
    if isinstance(node, ast.Call):
        for number in range(len(node.args) - 1):
            yield _with(node, args=_exchanged(node.args, number))
    if isinstance(node, ast.Dict):
        for number in range(len(node.values) - 1):
            yield _with(node, values=_exchanged(node.values, number))
    if isinstance(node, ast.List | ast.Tuple) and len(node.elts) == 2:
        yield _with(node, elts=node.elts[::-1])
    if isinstance(node, ast.BinOp):
        yield _with(node, left=node.right, right=node.left)


def one_side(node: ast.AST) -> Iterator[ast.AST]:
    """Half of a sum or a quotient."""
    if isinstance(node, ast.BinOp):
        yield node.left
        yield node.right


def in_another_order(node: ast.AST) -> Iterator[ast.AST]:
    """Two statements have changed their places."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and not isinstance(node, ast.Module):
            for number, two in enumerate(pairwise(block)):
                if not any(isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) for each in two):
                    yield _with(node, **{name: _exchanged(block, number)})


def argument_left_out(node: ast.AST) -> Iterator[ast.AST]:
    """An argument is not given."""
    if isinstance(node, ast.Call):
        for number in range(len(node.keywords)):
            yield _with(node, keywords=[*node.keywords[:number], *node.keywords[number + 1 :]])


def call_left_out(node: ast.AST) -> Iterator[ast.AST]:
    """What is called is handed on as it is: not sorted, no text of an error."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("sorted", "str", "list"):
        yield node.args[0]


def another_text(node: ast.AST) -> Iterator[ast.AST]:
    """A name, a mode, a key is another one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        other = {"a": "w", "w": "a", "utf-8": "latin-1", "": None, "replace": "strict"}.get(
            node.value, f"{node.value}x"
        )
        yield ast.Constant(other)


def key_left_out(node: ast.AST) -> Iterator[ast.AST]:
    """A key of a dictionary is not there."""
    if isinstance(node, ast.Dict):
        for number in range(len(node.keys)):
            keys, values = node.keys, node.values
            rest = {"keys": keys[:number] + keys[number + 1 :], "values": values[:number] + values[number + 1 :]}
            yield _with(node, **rest)


def ordinary_client(node: ast.AST) -> Iterator[ast.AST]:
    """The client that blocks."""
    if isinstance(node, ast.Name) and node.id == "AsyncOpenAI" and isinstance(node.ctx, ast.Load):
        yield ast.Name("OpenAI")


def as_they_come(node: ast.AST) -> Iterator[ast.AST]:
    """In the order in which they are answered."""
    if isinstance(node, ast.Await) and (calls := _gathered(node.value)) is not None:
        each = ast.comprehension(ast.Name("next_one", ast.Store()), _called("asyncio.as_completed", calls), [], 0)
        yield ast.ListComp(ast.Await(ast.Name("next_one")), [each])


def sent_twice(node: ast.AST) -> Iterator[ast.AST]:
    """Each question is sent twice."""
    if isinstance(node, ast.Await) and _name(getattr(node.value, "func", None)) == "create":
        yield ast.Subscript(ast.Tuple([node, copy.deepcopy(node)]), ast.Constant(1))


WAYS: tuple[Change, ...] = (
    *(no_await, left_out, nothing_returned, turned, half_a_condition, one_by_one, without_a_star, another_number),
    *(another_limit, without_the_block, ends_too_soon, not_caught, caught_too_much, some_forgotten, in_reverse),
    *(swapped, one_side, in_another_order, argument_left_out, call_left_out, another_text, key_left_out),
    *(ordinary_client, as_they_come, sent_twice),
)


def _with(node: ast.AST, **fields: object) -> Any:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _name(function: ast.AST | None) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _called(function: str, argument: ast.expr) -> ast.Call:
    return ast.Call(ast.parse(function, mode="eval").body, [argument], [])


def _gathered(call: ast.AST) -> ast.ListComp | None:
    """The list in `gather(*[ask(question) for question in questions])`."""
    if isinstance(call, ast.Call) and _name(call.func) == "gather" and isinstance(call.args[0], ast.Starred):
        calls = call.args[0].value
        if isinstance(calls, ast.ListComp) and isinstance(calls.elt, ast.Call):
            return calls
    return None


def _exchanged(items: list[Any], number: int) -> list[Any]:
    return [*items[:number], items[number + 1], items[number], *items[number + 2 :]]


# ---- the solutions, and what becomes of them ---------------------------------------------------------------------


@dataclass(frozen=True)
class Solution:
    """`before` runs first. `function` is what is checked; None where the solution is a program."""

    name: str
    source: str
    before: str = ""
    function: str | None = None


@dataclass(frozen=True)
class Mutant:
    solution: Solution
    way: str
    where: str  # the code in whose place another one stands
    nth: int  # of those with the same way and place
    source: str

    @property
    def key(self) -> str:
        return f"{self.way}: {self.where}" + (f" ({self.nth})" if self.nth > 1 else "")

    @property
    def difference(self) -> str:
        right = ast.unparse(ast.parse(self.solution.source)).splitlines()
        lines = difflib.unified_diff(right, self.source.splitlines(), lineterm="", n=1)
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def solutions() -> dict[str, Solution]:
    """By the name of the task, or of the bug."""
    import nbformat

    from helpers.checks.programs import PROGRAMS
    from helpers.course.manifest import manifest

    found = {}
    for entry in manifest().exercises.values():
        path = ROOT / "solutions" / f"{entry.notebook}.ipynb"
        code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        solved = [cell for cell in code if "solution" in cell.metadata.get("tags", [])]
        if entry.bugs:
            before = "\n".join(cell.source for cell in code[:2]).replace("connect()", "")
            for bug in entry.bugs:
                (cell,) = [cell for cell in solved if bug.name in cell.metadata.tags]
                following = code[code.index(cell) + 1 :]
                function = next(match[1] for each in following if (match := CHECKED.search(each.source)))
                found[bug.name] = Solution(bug.name, cell.source, before, function)
        elif entry.name in PROGRAMS:
            programs = [cell.source.partition("\n") for cell in solved if cell.source.startswith("%%writefile")]
            for number, (_, _, source) in enumerate(programs, 1):
                name = entry.name if number == 1 else f"{entry.name}_{number}"
                found[name] = Solution(name, source)
        else:
            function = next(match[1] for each in code if (match := CHECKED.search(each.source)))
            found[entry.name] = Solution(entry.name, solved[0].source, "", function)
    return found


def mutants(solution: Solution) -> Iterator[Mutant]:
    """Each broken one once, whatever way leads to it."""
    tree = ast.parse(solution.source)
    seen, met = {ast.unparse(tree)}, Counter[tuple[str, str]]()
    for place, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Module):
            continue
        for way in WAYS:
            for other in way(copy.deepcopy(node)):
                broken = copy.deepcopy(tree)
                _put(broken, place, other)
                source = ast.unparse(ast.fix_missing_locations(broken))
                if source not in seen:
                    seen.add(source)
                    where = ast.unparse(node).strip().partition("\n")[0]
                    met[way.__name__, where] += 1
                    yield Mutant(solution, way.__name__, where, met[way.__name__, where], source)


def _put(tree: ast.AST, place: int, other: ast.AST | list[ast.stmt]) -> None:
    """Puts it into the place of the node that `ast.walk` gives at that place."""
    target = list(ast.walk(tree))[place]
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, name, other)
                return
            if isinstance(value, list) and target in value:
                number = value.index(target)
                value[number : number + 1] = other if isinstance(other, list) else [other]
                return


def judge(mutant: Mutant) -> tuple[str, str]:
    """The kind of the finding, and what it says."""
    from helpers.checks.clinic import BUGS
    from helpers.checks.programs import PROGRAMS
    from helpers.checks.tasks import TASKS
    from helpers.course.exercise import Exercise, Program
    from helpers.course.manifest import Entry

    solution = mutant.solution
    name = solution.name
    entry = Entry(name=name, title="t", minutes=1, notebook="n", follows="f", hints=("h",))
    if solution.function is None:
        task = PROGRAMS[re.sub(r"_\d$", "", name)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, task.file)
            path.write_text(mutant.source, "utf-8")
            verdict = asyncio.run(_checked(Program(entry, task), str(path)))
    else:
        try:
            function = _function(f"{solution.before}\n\n{mutant.source}", solution.function)
        except Exception as error:
            return "no code", f"{type(error).__name__}: {error}"
        verdict = asyncio.run(_checked(Exercise(entry, entry, {**TASKS, **BUGS}[name]), function))
    return verdict.kind, f"{verdict.seen} {verdict.look}"


async def _checked(exercise: Any, what: object) -> Any:
    return await exercise.check(what)


def _function(source: str, name: str) -> object:
    linecache.cache["<mutant>"] = (len(source), None, source.splitlines(keepends=True), "<mutant>")
    namespace: dict[str, object] = {"__name__": "__main__"}
    exec(compile(source, "<mutant>", "exec"), namespace)
    return namespace[name]


def _begin() -> None:
    """In each process, before anything is judged."""
    import warnings

    from helpers import connect

    warnings.simplefilter("ignore")  # a mutant leaves coroutines and connections behind
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # what mutants print
    connect()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="tasks or bugs; all of them without a name")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth mutant")
    parser.add_argument("--show", action="store_true", help="also what each of the others is told")
    options = parser.parse_args()
    os.environ.update(WORKBOOK_MODE="practice", WORKBOOK_PROGRESS=str(Path(tempfile.mkdtemp(), "progress.json")))
    known = solutions()
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"There is no {unknown[0]!r}. There are: {', '.join(known)}.")
    spared = tomllib.loads(SPARED.read_text("utf-8")) if SPARED.exists() else {}
    chosen = {name: list(mutants(known[name])) for name in options.names or known}
    stale = [
        f"{name}: {key!r}"
        for name, each in chosen.items()
        for key in spared.get(name, {})
        if key not in {mutant.key for mutant in each}
    ]
    tried = [
        mutant for each in chosen.values() for mutant in each if mutant.key not in spared.get(mutant.solution.name, {})
    ]
    tried = tried[:: options.every]
    passed: list[Mutant] = []
    with ProcessPoolExecutor(PROCESSES, get_context("spawn"), initializer=_begin) as pool:
        for mutant, (kind, said) in zip(tried, pool.map(judge, tried), strict=True):
            if kind == "passed":
                passed.append(mutant)
                print(f"\n{mutant.solution.name}: passed although {mutant.key!r}\n{mutant.difference}", flush=True)
            elif options.show:
                print(f"\n{mutant.solution.name}: {mutant.key!r}\n{mutant.difference}\n=> {kind}: {said}", flush=True)
    print(f"{len(tried)} broken solutions were checked: {len(passed)} passed.")
    for each in stale:
        print(f"{SPARED.name} spares what is there no more: {each}. Take that line out.")
    return bool(passed or stale)


if __name__ == "__main__":
    sys.exit(main())
