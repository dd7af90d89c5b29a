"""Breaks each solution in every way that a check should notice, and tells which broken ones pass.

    python tools/mutate_solutions.py                        # all of them: about a quarter of an hour
    python tools/mutate_solutions.py csv_to_csv go_on.py    # these solutions
    python tools/mutate_solutions.py --every 20             # a sample

What is broken how stands in ways_to_break.py. A broken solution that is still right is in spared_mutants.py, with the
reason. Any other one that its check lets pass is shown here: make the check stricter, and keep it as a wrong attempt in
tests/practice/attempts.
"""

import argparse
import ast
import asyncio
import contextlib
import difflib
import gc
import io
import linecache
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nbformat
from rerun_notebooks import clean_environment
from spared_mutants import SPARED
from ways_to_break import Mutant, mutants

from helpers import connect, open_bug, open_exercise
from helpers.course.exercise import Patient
from helpers.course.manifest import Entry, read_tasks
from helpers.course.verdict import Verdict

ROOT = Path(__file__).resolve().parent.parent
# what a broken solution may need, and the solution does not
IMPORTS = "import asyncio\nimport time\n\nimport openai\nfrom openai import AsyncOpenAI, OpenAI\n\n"
WRITTEN = "%%writefile "

Key = tuple[str, str, str]  # solution, way, the line that is broken


@dataclass(frozen=True)
class Solution:
    """The code of one solution, and what belongs to it."""

    name: str  # of its task or bug; of its file, where it is a program
    task: str
    source: str
    number: int = 0  # of the patient; 0: it is none
    before: str = ""  # what the notebook has defined for it

    @property
    def is_program(self) -> bool:
        return self.name.endswith(".py")

    def key(self, mutant: Mutant) -> Key:
        return self.name, mutant.way, self.source.splitlines()[mutant.line - 1].strip()

    def difference(self, mutant: Mutant) -> str:
        whole, broken = ast.unparse(ast.parse(self.source)), mutant.source
        lines = difflib.unified_diff(whole.splitlines(), broken.splitlines(), self.name, mutant.way, lineterm="", n=1)
        return "\n".join(lines)


Broken = tuple[Solution, Mutant]


# ---- the solutions ---------------------------------------------------------------------------------------------------


def solutions(root: Path) -> Iterator[Solution]:
    for entry in read_tasks(root / "exercises").exercises.values():
        yield from of_notebook(entry, root / "solutions" / f"{entry.notebook}.ipynb")


def of_notebook(entry: Entry, path: Path) -> Iterator[Solution]:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    bugs = [bug.name for bug in entry.bugs]
    before = next((cell.source for cell in cells if cell.source.startswith("async def ask(")), "") if bugs else ""
    for cell in cells:
        tags, source = cell.metadata.get("tags", []), cell.source
        if "solution" not in tags or "def " not in source:
            continue
        if source.startswith(WRITTEN):
            name, _, source = source.removeprefix(WRITTEN).partition("\n")
            yield Solution(name, entry.name, source)
        elif bugs:
            (bug,) = set(bugs) & set(tags)
            yield Solution(bug, entry.name, source, bugs.index(bug) + 1, before)
        else:
            yield Solution(entry.name, entry.name, source)


# ---- judging ---------------------------------------------------------------------------------------------------------


def judged(solution: Solution, source: str) -> Verdict:
    """What its own check says of a solution, or of a broken one."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, solution.name if solution.is_program else "solution.py")
        path.write_text(IMPORTS + source, encoding="utf-8")
        os.environ.update(clean_environment(folder))
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of coroutines and clients that are forgotten on purpose
            connect()
            verdict = asyncio.run(_check(solution, path))
            gc.collect()
        linecache.clearcache()
    return verdict


async def _check(solution: Solution, path: Path) -> Verdict:
    exercise = open_bug(solution.number) if solution.number else open_exercise(solution.task)
    if isinstance(exercise, Patient):
        for letter in "abcd":
            exercise.diagnose(letter)  # before that its check tells nothing
    given: Any = str(path)
    if not solution.is_program:
        names: dict[str, Any] = {}
        exec(IMPORTS + solution.before, names)
        exec(compile(path.read_text("utf-8"), path, "exec"), names)
        given = names.get(_function(solution.source))
    verdict: Verdict = await exercise.check(given)
    return verdict


def _function(source: str) -> str:
    """The name of the function that a solution is: its last one."""
    return [each.name for each in ast.parse(source).body if isinstance(each, ast.AsyncFunctionDef)][-1]


# ---- all of it -------------------------------------------------------------------------------------------------------


def stale(found: Sequence[Solution], spared: Mapping[Key, str]) -> Iterator[str]:
    """What is spared, and is no broken solution any more."""
    keys = {solution.key(mutant) for solution in found for mutant in mutants(solution.source, solution.name)}
    names = {solution.name for solution in found}
    for key in spared:
        if key[0] in names and key not in keys:
            yield f"spared_mutants.py: {key} matches nothing any more. Take it out, or mend its line."


def told(
    found: Sequence[Solution], broken: Sequence[Broken], verdicts: Iterator[Verdict], findings: bool = False
) -> Iterator[str]:
    """Prints a line for each solution, and gives what passed."""
    for solution in found:
        own = [(mutant, next(verdicts)) for each, mutant in broken if each is solution]
        through = [mutant for mutant, verdict in own if verdict.outcome == "passed"]
        print(f"{solution.name}: {len(own)} broken, {len(through)} passed", flush=True)
        for mutant in through:
            yield f"{solution.key(mutant)} passed:\n{solution.difference(mutant)}"
        for mutant, verdict in own if findings else ():
            print(f"\n{solution.difference(mutant)}\n>>> {verdict.kind}: {verdict.seen}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("solutions", nargs="*", help="of these tasks, bugs or programs only")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth broken solution")
    parser.add_argument("--findings", action="store_true", help="also show what each of them hears")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    found = [each for each in solutions(ROOT) if not options.solutions or each.name in options.solutions]
    broken = [(solution, mutant) for solution in found for mutant in mutants(solution.source, solution.name)]
    broken = [each for each in broken if each[0].key(each[1]) not in SPARED][:: options.every]
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        verdicts = pool.map(judged, [each for each, _ in broken], [mutant.source for _, mutant in broken])
        problems = [*stale(found, SPARED), *told(found, broken, verdicts, options.findings)]
    print("\n\n".join(problems) or "Every broken solution was refused.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
