"""What breaks the solutions: it breaks them, the check hears it, and what passes is told."""

import sys
from collections.abc import Iterator

import pytest
from notebooks.kernel import ROOT

from helpers.mock_api import MockAPI

sys.path.insert(0, str(ROOT / "tools"))

import mutate_solutions
from mutate_solutions import Solution, stale, told
from spared_mutants import SPARED
from ways_to_break import WAYS, Mutant, mutants

from helpers.course.verdict import Verdict

SOURCE = """
async def ask_in_order(client, questions):
    return await asyncio.gather(*[ask(client, question) for question in questions])
"""
LINE = SOURCE.splitlines()[2].strip()
SOLUTION = Solution("wrong_pairs", "bug_clinic", SOURCE)


@pytest.fixture(scope="module")
def all_solutions() -> list[Solution]:
    return list(mutate_solutions.solutions(ROOT))


def broken(way: str) -> Mutant:
    return next(mutant for mutant in mutants(SOURCE, "wrong_pairs") if mutant.way == way)


def verdict(outcome: str) -> Iterator[Verdict]:
    yield Verdict("wrong_pairs", outcome, "kind", "What was seen.", "Where to look.", ())  # type: ignore[arg-type]


def test_what_passes_is_told_with_its_difference(capsys: pytest.CaptureFixture[str]) -> None:
    (problem,) = told([SOLUTION], [(SOLUTION, broken("OneByOne"))], verdict("passed"))
    assert str(("wrong_pairs", "OneByOne", LINE)) in problem
    assert f"\n-    {LINE}\n" in problem
    assert "\n+    return [await each for each in [ask(client, question) for question in questions]]" in problem
    assert capsys.readouterr().out == "wrong_pairs: 1 broken, 1 passed\n"


def test_what_is_refused_is_no_problem() -> None:
    assert list(told([SOLUTION], [(SOLUTION, broken("OneByOne"))], verdict("failed"))) == []


def test_what_is_spared_and_matches_nothing_is_told() -> None:
    spared = {("wrong_pairs", "OneByOne", LINE): "why", ("wrong_pairs", "OneByOne", "return []"): "why"}
    (problem,) = stale([SOLUTION], spared)
    assert "return []" in problem and "matches nothing any more" in problem
    assert list(stale([], spared)) == []  # only this solution's are looked for


def test_all_that_is_spared_matches_and_says_why(all_solutions: list[Solution]) -> None:
    assert list(stale(all_solutions, SPARED)) == []
    assert {name for name, _, _ in SPARED} <= {solution.name for solution in all_solutions}
    assert all(reason.endswith(".") for reason in SPARED.values())


def test_each_way_breaks_some_solution(all_solutions: list[Solution]) -> None:
    ways = {mutant.way for solution in all_solutions for mutant in mutants(solution.source, solution.name)}
    assert {way.__name__ for way in WAYS} - ways == set()
    assert all(way.__doc__ and way.__doc__.endswith(".") for way in WAYS)


def test_a_broken_solution_hears_what_is_wrong(notebook: MockAPI, all_solutions: list[Solution]) -> None:
    solution = next(each for each in all_solutions if each.name == "wrong_pairs")
    (mutant,) = [each for each in mutants(solution.source, solution.name) if each.way == "OneByOne"]
    assert mutate_solutions.judged(solution, mutant.source).kind == "one by one"
