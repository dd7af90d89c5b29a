"""Every exercise as shipped, and every solution, under Run All as JupyterLab does it."""

from pathlib import Path

import pytest
from notebooks.kernel import ROOT, runs_whole

TASKS = [path for folder in ("exercises", "solutions") for path in sorted((ROOT / folder).glob("*.ipynb"))]


@pytest.mark.slow
@pytest.mark.parametrize("path", TASKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_run_all(path: Path) -> None:
    runs_whole(path)
