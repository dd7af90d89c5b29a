"""Every lesson under Run All as JupyterLab does it."""

from pathlib import Path

import pytest

from notebooks.kernel import ROOT, runs_whole


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_run_all(path: Path) -> None:
    runs_whole(path)
