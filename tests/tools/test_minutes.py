"""tools/minutes.py: what it reckons with, and that no lesson says less than it takes."""

import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from notebooks.kernel import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import minutes

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    """360 words and what stands above them, 20 lines of code, a box, and half a minute of waiting: about 4 minutes."""
    (tmp_path / "lessons.toml").write_text("lessons = []\n", "utf-8")
    cells = [
        new_markdown_cell("# A lesson\n\n**3 minutes.**\n\n" + "word " * 356),
        new_code_cell("x = 1\n\n" * 19 + 'predict("How many?")'),
    ]
    nbformat.write(new_notebook(cells=cells, metadata={"seconds": 30}), tmp_path / "lesson.ipynb")
    return tmp_path / "lesson.ipynb"


def test_words_lines_boxes_and_waits_are_added_up(lesson: Path) -> None:
    is_ = minutes.reckon(lesson)
    assert (is_.words, is_.lines, is_.seconds) == (360, 20, 30)
    assert is_.minutes == pytest.approx(2 + 1 + minutes.BOXES["predict"] + 0.5)


def test_a_figure_that_is_too_low_is_told(
    lesson: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["minutes.py", str(lesson)])
    assert minutes.main() == 1
    assert "lesson.ipynb: state 4, or take something out" in capsys.readouterr().out


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_no_lesson_takes_longer_than_it_says(path: Path) -> None:
    assert minutes.stated(path) >= minutes.reckon(path).minutes, "tools/minutes.py says what it takes"
