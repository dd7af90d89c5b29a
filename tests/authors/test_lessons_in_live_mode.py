"""Every lesson as it stands, but for its first line: connect(live=True), to a server that plays the real service."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from notebooks.kernel import ROOT, failures, kernel, read_cells, run_all

from helpers.mock_api import MockAPI
from helpers.mock_api.server import Server


@pytest.fixture(scope="module")
def service() -> Iterator[Server]:
    server = Server(MockAPI(pace=0.05))
    yield server
    server.stop()


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_lesson(path: Path, service: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKBOOK_MODE")
    monkeypatch.setenv("OPENAI_BASE_URL", service.url)
    cells = read_cells(path)
    first = next(cell for cell in cells if "connect()" in cell.source)
    first.source = first.source.replace("connect()", "connect(live=True)")
    asked = len(service.api.served)
    with kernel(path.parent) as client:
        run_all(client, cells)
    assert not failures(cells)
    assert "Live mode: calls go to" in first.text and len(service.api.served) > asked
    assert "canary" not in "".join(cell.text for cell in cells), "the key of the environment was shown"
