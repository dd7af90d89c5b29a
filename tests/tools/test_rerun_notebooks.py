"""tools/rerun_notebooks.py: what it saves, and what it finds wrong with notebooks that it did not save."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

pytestmark = pytest.mark.slow  # each of them starts the tool, and that a kernel

TOOL = Path(__file__).parents[2] / "tools" / "rerun_notebooks.py"


def tool(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook as the tool saves it; it was run by somebody else before."""
    path = tmp_path_factory.mktemp("notebooks") / "lesson.ipynb"
    cells = [
        new_markdown_cell("# A lesson"),
        new_code_cell("print('old')", outputs=[new_output("stream", name="stdout", text="of another run\n")]),
        new_code_cell("import warnings; warnings.warn('careful')", metadata={"tags": ["warns"]}),
        new_code_cell("import os; print(os.environ.get('OPENAI_API_KEY'), os.environ['WORKBOOK_PACE'])"),
        new_code_cell("1 / 0", metadata={"tags": ["raises-exception"], "jupyter": {"source_hidden": True}}),
    ]
    nbformat.write(new_notebook(cells=cells, metadata={"widgets": {"state": "of another run"}}), path)
    done = tool(path)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


def test_it_saves_what_a_clean_run_puts_out(clean: Path) -> None:
    notebook = nbformat.read(clean, as_version=4)
    assert notebook.cells[1].outputs[0].text == "old\n"
    assert notebook.cells[2].outputs[0].text.startswith("cell.py:1: UserWarning: careful")
    assert notebook.cells[3].outputs[0].text == "None 1\n", "no key, and lifelike latencies"
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3, 4]
    assert "widgets" not in notebook.metadata and "jupyter" not in notebook.cells[4].metadata
    assert tool("--check", clean).returncode == 0


def test_a_failing_notebook_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    done = tool(path)
    assert done.returncode == 1
    assert "a cell failed, nothing was saved" in done.stdout and "ZeroDivisionError" in done.stdout
    assert path.read_bytes() == before


def edit_a_cell(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[1].source = "print('new')"


def edit_the_text(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[0].source = "# Another lesson"


def save_other_outputs(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[1].outputs[0].text = "too good to be true\n"


def run_a_cell_twice(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[1].execution_count = 7


def never_run_it(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells[1:]:
        cell.outputs, cell.execution_count = [], None


def leave_an_error(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[4].metadata = {}


def leave_a_warning(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[2].metadata = {}


def show_a_path(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[1].outputs[0].text = os.sep.join(["", "home", "somebody", "workbook"])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (edit_a_cell, "was changed since its outputs were made"),
        (edit_the_text, "was changed since its outputs were made"),
        (save_other_outputs, "was changed since its outputs were made"),
        (run_a_cell_twice, "not those of one clean run"),
        (never_run_it, "not those of one clean run"),
        (leave_an_error, "code cell 4 is saved with an error"),
        (leave_a_warning, "code cell 2 is saved with a warning"),
        (show_a_path, "code cell 1 shows a path of a machine"),
    ],
)
def test_what_was_not_saved_by_it_is_found(
    clean: Path, tmp_path: Path, spoil: Callable[[nbformat.NotebookNode], None], says: str
) -> None:
    notebook = nbformat.read(clean, as_version=4)
    spoil(notebook)
    path = tmp_path / "lesson.ipynb"
    nbformat.write(notebook, path)
    done = tool("--check", path)
    assert done.returncode == 1
    assert says in done.stdout
    assert f"Run: python tools/rerun_notebooks.py {path}" in done.stdout


def test_what_is_no_notebook_is_said(tmp_path: Path) -> None:
    path = tmp_path / "lesson.ipynb"
    path.write_text("{half a file", encoding="utf-8")
    done = tool("--check", path)
    assert done.returncode == 1
    assert "it cannot be read" in done.stdout
