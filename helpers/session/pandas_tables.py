"""pandas' tables in a notebook: texts stand at the left, where one begins to read them."""

import re
import sys
from typing import Any

ROW = re.compile(r"<tr.*?</tr>", re.DOTALL)
LEFT = ' style="text-align: left"'


def align_texts_left() -> None:
    """From now on, in this notebook; in a script there is nothing to do. A second time does nothing more."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    formatters = getattr(getattr(shell, "display_formatter", None), "formatters", {})
    if html := formatters.get("text/html"):
        for module in ("pandas", "pandas.core.frame"):  # by its name: it is loaded when the learner loads it
            html.for_type_by_name(module, "DataFrame", as_html)


def as_html(table: Any) -> str | None:
    """As pandas draws a table, with the cells of texts, and their names, at the left.

    >>> import pandas as pd
    >>> as_html(pd.DataFrame({"answer": ["A language."], "tokens": [12]})).count("text-align: left")
    2
    """
    drawn = table._repr_html_()
    if drawn is None:  # pandas was told to show text only
        return None
    from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

    numbers = [is_numeric_dtype(kind) or is_bool_dtype(kind) or is_datetime64_any_dtype(kind) for kind in table.dtypes]

    def aligned(row: "re.Match[str]") -> str:
        for tag in ("td", "th"):
            cells = row[0].split(f"<{tag}>")
            above = len(cells) - 1 - len(numbers)  # what stands before the columns: the index
            if above >= 0 and len(cells) > 1 and not (tag == "th" and "<td" in row[0]):
                styles = [*[""] * above, *("" if number else LEFT for number in numbers)]
                return cells[0] + "".join(map(f"<{tag}{{}}>{{}}".format, styles, cells[1:]))
        return row[0]

    return drawn if "<td>...</td>" in drawn else ROW.sub(aligned, drawn)
