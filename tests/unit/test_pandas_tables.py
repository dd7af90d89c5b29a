"""pandas' tables in a notebook: texts at the left, numbers at the right, and nothing else changed."""

import re

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers.session.pandas_tables import align_texts_left, as_html

TABLE = pd.DataFrame(
    {"question": ["What is <td>?", None], "tokens": [12, 3], "ok": [True, False], "error": ["none", 'a "quoted" one']}
)


def aligned_left(html: str) -> list[str]:
    return re.findall(r'<t[dh] style="text-align: left">(.*?)</t[dh]>', html)


def test_texts_and_their_names_stand_left() -> None:
    html = as_html(TABLE)
    assert aligned_left(html) == [
        *("question", "error", "What is &lt;td&gt;?", "none"),
        *("None" if "None" in html else "NaN", 'a "quoted" one'),
    ]
    assert re.sub(' style="text-align: left"', "", html) == TABLE._repr_html_(), "and nothing else is changed"


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(),
        pd.DataFrame({"n": [1, 2]}),
        pd.DataFrame({f"c{n}": ["text"] for n in range(60)}),  # more columns than pandas shows
        TABLE.set_index(["question", "tokens"]),
        pd.DataFrame({("a", "b"): ["text"], ("a", "c"): [1]}),
    ],
)
def test_tables_of_other_shapes_are_drawn(table: pd.DataFrame) -> None:
    assert re.sub(' style="text-align: left"', "", as_html(table)) == table._repr_html_()


def test_in_a_notebook_it_is_so_after_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = InteractiveShell.instance()
    try:
        align_texts_left()
        data, _ = shell.display_formatter.format(TABLE)
        assert "question" in aligned_left(data["text/html"])
    finally:
        InteractiveShell.clear_instance()
