"""tools/mutate_solutions.py: how it breaks a solution, and what it says of one that its check lets pass."""

import subprocess
import sys
from pathlib import Path

import pytest
from notebooks.kernel import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import mutate_solutions
from mutate_solutions import Solution, mutants, solutions

SOURCE = """
async def ask_all(client, questions, limit):
    slots = asyncio.Semaphore(limit)
    async with slots:
        return await asyncio.gather(*[ask(client, question) for question in questions if question])
"""


def test_it_breaks_one_thing_at_a_time_in_many_ways() -> None:
    broken = {mutant.key: mutant.source for mutant in mutants(Solution("ask_all", SOURCE))}
    assert len(broken) == len(set(broken.values())) > 15

    def code(way: str) -> list[str]:
        return [source for key, source in broken.items() if key.startswith(f"{way}:")]

    assert "return asyncio.gather(" in code("no_await")[0]
    assert "[await ask(client, question) for" in code("one_by_one")[0]
    assert "if not question]" in code("turned")[0]
    assert "in list(questions)[:-1]" in code("some_forgotten")[0]
    assert [source.count("Semaphore(1)") for source in code("another_limit")] == [0, 0, 0, 1]
    assert "async with" not in code("without_the_block")[0]
    assert "ask(question, client)" in code("swapped")[-1]


def test_each_solution_is_found_with_what_its_check_calls() -> None:
    found = solutions()
    assert len(found) >= 22
    assert found["limit_in_flight"].function == "answer_all"
    assert found["wrong_pairs"].function == "ask_in_order"
    assert "async def ask(client, question)" in found["wrong_pairs"].before
    assert found["go_on"].function is None and "sqlite3" in found["go_on"].source


def test_what_is_spared_is_there_and_says_why() -> None:
    import tomllib

    spared = tomllib.loads(mutate_solutions.SPARED.read_text("utf-8"))
    for name, each in spared.items():
        keys = {mutant.key for mutant in mutants(solutions()[name])}
        for key, why in each.items():
            assert key in keys, f"{name}: {key!r} is there no more. Take it out of {mutate_solutions.SPARED.name}."
            assert why.strip()


@pytest.mark.slow
def test_one_that_gets_through_is_shown(tmp_path: Path) -> None:
    """Where nothing is spared."""
    for name in ("mutate_solutions.py", "mutants_spared.toml"):
        (tmp_path / name).write_text((ROOT / "tools" / name).read_text("utf-8"), "utf-8")
    tool = tmp_path / "mutate_solutions.py"
    tool.write_text(tool.read_text("utf-8").replace("Path(__file__).resolve().parent.parent", f"Path({str(ROOT)!r})"))
    spared = '[time_sleep]\n"left_out: nothing" = "it was there once"\n'
    (tmp_path / "mutants_spared.toml").write_text(spared, "utf-8")
    done = subprocess.run([sys.executable, str(tool), "time_sleep"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "time_sleep: passed although 'left_out: await asyncio.sleep(0.15)'" in done.stdout
    assert "-        await asyncio.sleep(0.15)" in done.stdout
    assert "spares what is there no more: time_sleep: 'left_out: nothing'. Take that line out." in done.stdout
