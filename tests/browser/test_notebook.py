"""The tests' own hands and eyes: what goes wrong in a page is noticed."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.axe import axe
from browser.jupyter import Lab
from browser.notebook import Notebook

BUTTON = """
import ipywidgets
clicks = []
button = ipywidgets.Button(description="Ask")
button.add_class("asked")
button.on_click(clicks.append)
button
"""

PALE_TEXT = """
from IPython.display import HTML
HTML('<p class="pale" style="color: #ccc; background: #fff">hardly to be read</p>')
"""

COMPLAINTS = """
from IPython.display import HTML
HTML("<script>setTimeout(() => { throw new Error('mistake') }); console.error('complaint')</script>")
"""

UNKNOWN_WIDGET = """
from IPython.display import display
view = {"version_major": 2, "version_minor": 0, "model_id": "unknown"}
display({"application/vnd.jupyter.widget-view+json": view}, raw=True)
"""

ERROR_IN_A_WIDGET = """
import ipywidgets
with (out := ipywidgets.Output()):
    1 / 0
out
"""


def test_a_cell_that_fails(lab: Lab) -> None:
    notebook = lab.cells("1 + 1", "1 / 0", "", "2 + 2")
    notebook.run_all()
    assert notebook.errors() == ["cell 2: ZeroDivisionError: division by zero"]
    assert [notebook.text(number) for number in (1, 4)] == ["2", ""]


def test_a_cell_that_never_ends(lab: Lab) -> None:
    notebook = lab.cells("1 + 1", "import time\ntime.sleep(1000)", "2 + 2")
    with pytest.raises(
        AssertionError, match=r"not run after 3 s:\n  cell 2 \[\*\]: import time\n  cell 3 \[\*\]: 2 \+ 2"
    ):
        notebook.run_all(seconds=3)
    notebook.interrupt()
    notebook.wait(2)
    assert notebook.errors() == ["cell 2: KeyboardInterrupt: "]
    with pytest.raises(AssertionError, match="cell 3 was not run"):
        notebook.wait(3)


def test_complaints_in_the_console(lab: Lab) -> None:
    notebook = lab.cells(COMPLAINTS)
    assert notebook.console == []
    notebook.run(1)
    complaint, mistake = notebook.console
    assert complaint.startswith("complaint") and mistake.startswith("uncaught mistake")


def test_errors_of_widgets(lab: Lab) -> None:
    notebook = lab.cells(UNKNOWN_WIDGET, ERROR_IN_A_WIDGET)
    notebook.run_all()
    expect(notebook.output(1)).to_contain_text("Error displaying widget")
    expect(notebook.output(2)).to_contain_text("ZeroDivisionError")
    (error,) = notebook.errors()
    assert error.startswith("cell 2: ") and "ZeroDivisionError" in error


def test_a_saved_notebook_is_run_anew_with_the_helpers_of_the_copy(lab: Lab) -> None:
    notebook = lab.open("notebooks/00_start_here.ipynb")
    with pytest.raises(AssertionError, match="NameError"):
        notebook.evaluate("connect")
    notebook.run_all()
    assert Path(notebook.evaluate("__import__('helpers').__file__")).parents[1] == lab.workbook
    assert notebook.evaluate("__import__('os').environ['WORKBOOK_MODE']") == "practice"


def test_the_guard_is_in_the_kernels(lab: Lab) -> None:
    notebook = lab.cells("import socket\nsocket.create_connection(('192.0.2.1', 80))")
    notebook.run(1)
    assert notebook.errors() == [
        "cell 1: PermissionError: A test tried to reach 192.0.2.1; tests stay on this machine."
    ]


@pytest.fixture
def button(lab: Lab) -> Notebook:
    """A button, and text that is hardly to be read."""
    notebook = lab.cells(BUTTON, PALE_TEXT)
    notebook.run_all()
    return notebook


def test_a_click_reaches_the_kernel(button: Notebook) -> None:
    button.page.locator(".asked").click()
    assert button.evaluate("len(clicks)") == 1


def test_axe(button: Notebook) -> None:
    assert axe(button, ".asked") == []
    (violation,) = axe(button.output(2).locator(".pale"))
    assert violation.startswith("color-contrast (serious)")
    with pytest.raises(AssertionError, match="nothing to look at"):
        axe(button, ".none")


def test_themes_and_pictures(button: Notebook, lab: Lab, tmp_path: Path) -> None:
    def ground(notebook: Notebook) -> str:
        color: str = notebook.page.evaluate("getComputedStyle(document.body).getPropertyValue('--jp-layout-color0')")
        return color

    light = ground(button)
    button.theme("Dark")
    assert ground(button) != light
    button.screenshot(tmp_path / "dark.png")
    assert (tmp_path / "dark.png").stat().st_size > 10_000
    assert ground(lab.cells("1")) == light
