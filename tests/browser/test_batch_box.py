"""The batch box as its user sees it, what the mock API was asked, and what is in the file that was downloaded."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Locator, expect

from browser.axe import axe
from browser.jupyter import Lab
from browser.notebook import Notebook

CONNECT = "from helpers import batch_box, connect, faults\nconnect()"
SERVED = "[each.question for each in __import__('helpers').session.state.state.api.served]"
HANG = "trouble = faults(hanging='What is Go?')\ntrouble.__enter__()"
COUNTER = """import ipywidgets
clicks = ipywidgets.Button(description="0 clicks")
clicks.on_click(lambda _: setattr(clicks, "description", f"{int(clicks.description.split()[0]) + 1} clicks"))
clicks"""
NASTY = "<img src=x onerror='window.ran = 1'><script>window.ran = 2</script>"


def opened(lab: Lab, *cells: str) -> tuple[Notebook, Locator]:
    """A notebook in which all cells have run, and the batch box in it."""
    notebook = lab.cells(CONNECT, *cells)
    for number in range(1, len(cells) + 2):
        notebook.run(number)
    return notebook, notebook.page.locator(".workbook-batch-box")


def press(box: Locator, name: str) -> None:
    box.get_by_role("button", name=name, exact=True).click()


def source(box: Locator) -> Locator:
    return box.get_by_role("status").nth(0)


def status(box: Locator) -> Locator:
    return box.get_by_role("status").nth(1)


def cells(box: Locator, column: int) -> Locator:
    """Those of a column, from top to bottom."""
    return box.locator(f"tbody td:nth-child({column})")


def choose(box: Locator, path: Path) -> None:
    with box.page.expect_file_chooser() as chooser:
        box.get_by_role("button", name="Or choose a file", exact=True).click()
    chooser.value.set_files(path)


def download(box: Locator, path: Path) -> list[dict[str, str]]:
    with box.page.expect_download() as started:
        press(box, "Download as CSV")
    assert started.value.suggested_filename == "answers.csv"
    started.value.save_as(path)
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_from_a_file_to_a_file(lab: Lab, tmp_path: Path) -> None:
    questions = tmp_path / "questions.csv"
    questions.write_text(f'id;question\n1;What is Python?\n2;=1+1\n3;\n4;"{NASTY}"\n')
    notebook, box = opened(lab, "batch_box(['What was typed?'])")
    choose(box, questions)
    expect(source(box)).to_have_text(
        "3 questions from questions.csv (column question); 1 empty cell skipped. The first: What is Python?"
    )
    press(box, "Run")
    expect(status(box)).to_have_text("3 of 3 answered.")
    expect(cells(box, 2)).to_have_text(["What is Python?", "=1+1", NASTY])
    expect(cells(box, 3).first).to_contain_text("Python is a general-purpose programming language")
    expect(box.locator(".progress")).to_be_visible()
    expect(box).to_contain_text("This notebook so far: 3 answers,")
    rows = download(box, tmp_path / "answers.csv")
    assert [row["question"] for row in rows] == ["What is Python?", "'=1+1", NASTY]
    assert rows[0]["answer"].startswith("Python is") and rows[0]["success"] == "True"
    assert sorted(notebook.evaluate(SERVED)) == sorted(["What is Python?", "=1+1", NASTY])
    assert notebook.page.evaluate("window.ran") is None
    expect(box.get_by_label("Questions, one a line (Ctrl+Enter runs)")).to_have_value("What was typed?")
    press(box, "Use the pasted text instead")
    expect(source(box)).to_have_text("")
    press(box, "Run")
    expect(status(box)).to_have_text("1 of 1 answered.")
    expect(cells(box, 2)).to_have_text(["What was typed?"])
    assert notebook.console == []


def test_a_file_that_is_none_and_then_mended(lab: Lab, tmp_path: Path) -> None:
    questions = tmp_path / "questions.csv"
    questions.write_bytes(b"PK\x03\x04\0\0")
    notebook, box = opened(lab, "batch_box()")
    choose(box, questions)
    expect(source(box)).to_contain_text("questions.csv is not a CSV file but a packed one, such as an Excel workbook.")
    questions.write_text("number,text\n1,What is Go?\n")
    choose(box, questions)
    expect(source(box)).to_have_text("questions.csv has several columns. Choose the one that holds the questions.")
    box.get_by_label("Column of the questions").select_option("text")
    expect(source(box)).to_have_text("1 question from questions.csv (column text). The first: What is Go?")
    press(box, "Run")
    expect(status(box)).to_have_text("1 of 1 answered.")
    assert notebook.evaluate(SERVED) == ["What is Go?"]
    assert notebook.console == []


def test_a_workbook_and_a_file_in_an_old_encoding(lab: Lab, tmp_path: Path) -> None:
    notebook, box = opened(lab, "batch_box()")
    pd.DataFrame({"nr": [1], "question": ["What is Go?"]}).to_excel(tmp_path / "questions.xlsx", index=False)
    choose(box, tmp_path / "questions.xlsx")
    expect(source(box)).to_have_text("1 question from questions.xlsx (column question). The first: What is Go?")
    (tmp_path / "old.csv").write_text("question\nЧто такое Go?\n", "cp1251")
    choose(box, tmp_path / "old.csv")
    expect(source(box)).to_contain_text("Choose the line in which the question reads right.")
    box.get_by_label("It reads right as").select_option("cp1251: Что такое Go?")
    expect(source(box)).to_have_text("1 question from old.csv (column question). The first: Что такое Go?")
    press(box, "Run")
    expect(status(box)).to_have_text("1 of 1 answered.")
    assert notebook.evaluate(SERVED) == ["Что такое Go?"]
    assert notebook.console == []


def test_by_keyboard_alone(lab: Lab) -> None:
    notebook, box = opened(
        lab,
        "trouble = faults(refused='b')\ntrouble.__enter__()",
        "box = batch_box()\nbox",
    )
    keyboard = notebook.page.keyboard
    cells_before = notebook.page.locator(".jp-Notebook .jp-CodeCell").count()
    box.get_by_label("Questions, one a line (Ctrl+Enter runs)").focus()
    for line in ("c", "a", "b"):
        keyboard.type(line)
        keyboard.press("Enter")
    keyboard.press("Control+Enter")
    expect(status(box)).to_have_text("2 of 3 answered, 1 failed: 1 BadRequestError.")
    expect(cells(box, 2)).to_have_text(["c", "a", "b"])
    header = box.get_by_role("columnheader", name="question")
    header.get_by_role("button").focus()
    keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(cells(box, 2)).to_have_text(["a", "b", "c"])
    keyboard.press("Space")
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(cells(box, 2)).to_have_text(["c", "b", "a"])
    for _ in range(7):  # to the last column: failures first, what has none last
        keyboard.press("Tab")
    keyboard.press("Enter")
    expect(cells(box, 2)).to_have_text(["b", "c", "a"])
    expect(cells(box, 9).first).to_contain_text("BadRequestError: ")
    assert box.locator("th[aria-sort]").count() == 1
    # the table itself can be reached, to scroll in it
    expect(box.get_by_role("region", name="Answers")).to_have_attribute("tabindex", "0")
    # none of these keys was taken for a shortcut of JupyterLab
    expect(notebook.page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(cells_before)
    assert notebook.console == []


def test_numbers_are_sorted_as_numbers(lab: Lab) -> None:
    _, box = opened(lab, "batch_box([f'{n}?' for n in range(1, 13)])")
    press(box, "Run")
    expect(status(box)).to_have_text("12 of 12 answered.")
    expect(cells(box, 1)).to_have_text([str(n) for n in range(1, 13)])
    box.get_by_role("columnheader", name="number").get_by_role("button").click()
    expect(cells(box, 1)).to_have_text([str(n) for n in range(12, 0, -1)])


def test_500_questions_clicks_elsewhere_and_stop(lab: Lab, tmp_path: Path) -> None:
    # one of them hangs, so the run does not end by itself
    many = "batch_box([*(f'What is {n}?' for n in range(499)), 'What is Go?'], max_concurrency=50)"
    notebook, box = opened(lab, HANG, COUNTER, many)
    press(box, "Run")
    for clicks in range(1, 6):
        notebook.page.get_by_role("button", name="clicks").click()
        expect(notebook.page.get_by_role("button", name="clicks")).to_have_text(f"{clicks} clicks")
        expect(status(box)).to_have_text("Asking 500 questions …")
    expect(cells(box, 1)).to_have_count(499)
    expect(box).to_contain_text("499 of 500 · ")
    expect(box.get_by_role("button", name="Run", exact=True)).to_be_disabled()
    press(box, "Stop")
    expect(status(box)).to_have_text(
        "Stopped: 499 of 500 are done and kept; 1 call was cut off (the service may charge for it)."
    )
    rows = download(box, tmp_path / "answers.csv")
    assert [row["question"] for row in rows] == [f"What is {n}?" for n in range(499)]
    served = notebook.evaluate(SERVED)
    assert len(served) == 500 and set(served) == {row["question"] for row in rows} | {"What is Go?"}
    assert notebook.console == []


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_for_everybody(lab: Lab, tmp_path: Path, theme: str) -> None:
    questions = tmp_path / "questions.csv"
    questions.write_text("number,question\n1,What is Go?\n2,What is Python?\n")
    notebook, box = opened(
        lab,
        "trouble = faults(refused='What is Python?')\ntrouble.__enter__()",
        "batch_box()",
    )
    notebook.theme(theme)
    assert axe(box) == []
    choose(box, questions)
    press(box, "Run")
    expect(status(box)).to_have_text("1 of 2 answered, 1 failed: 1 BadRequestError.")
    expect(cells(box, 1)).to_have_text(["1", "2"])
    assert axe(box) == []
    assert notebook.console == []
