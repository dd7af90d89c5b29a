"""Every notebook under Run All, in JupyterLab itself."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.jupyter import FOLDERS, ROOT, Lab

NOTEBOOKS = [path.relative_to(ROOT) for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.ipynb"))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent}/{path.stem}")
def test_run_all(lab: Lab, path: Path) -> None:
    notebook = lab.open(path.as_posix())
    notebook.run_all()
    # a widget may be loaded after its cell has run
    expect(notebook.page.get_by_text("Loading widget")).to_have_count(0, timeout=30_000)
    assert notebook.errors() == []
    page = notebook.page.content()
    # the second is in the key of the environment
    assert [text for text in ("Error displaying widget", "canary") if text in page] == []
    assert notebook.console == []
