"""The cell of lesson 10 that kills a batch comes to its end also where the batch fails by itself."""

import ast
import asyncio
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

LESSON = Path(__file__).parents[2] / "notebooks" / "10_large_batches.ipynb"


def cell(mark: str) -> str:
    cells = json.loads(LESSON.read_text("utf-8"))["cells"]
    (found,) = [code for each in cells if mark in (code := "".join(each["source"])) and each["cell_type"] == "code"]
    return found


@pytest.mark.parametrize("failure", ["1 / 0", "raise SystemExit('no luck')"])
def test_a_child_that_fails_is_not_waited_for_and_its_error_is_shown(
    failure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = cell("process.kill()").replace("\nconnect()\n", f"\n{failure}\n").replace("from helpers", "# from helpers")
    code: Any = compile(source, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    async def run() -> None:
        work = eval(code, {})
        assert inspect.iscoroutine(work)
        await asyncio.wait_for(work, 50)

    with pytest.raises(RuntimeError, match=r"(?s)saved only 0 answers\. What it said:\n.*(ZeroDivisionError|no luck)"):
        asyncio.run(run())
