"""Each function of helpers/calls.py can be shown in class."""

import ast
from pathlib import Path

import pytest

CALLS = Path(__file__).parents[2] / "helpers" / "calls.py"
MOST = 25  # lines, without the docstring: what fits on a projector


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = set(range(function.lineno, (function.end_lineno or 0) + 1))
    if ast.get_docstring(function) is not None:
        doc = function.body[0]
        lines -= set(range(doc.lineno, (doc.end_lineno or 0) + 1))
    return len(lines)


FUNCTIONS = [
    node
    for node in ast.walk(ast.parse(CALLS.read_text("utf-8")))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_it_is_short_enough_to_be_shown(function: ast.FunctionDef) -> None:
    assert length(function) <= MOST, (
        f"{function.name} has {length(function)} lines without its docstring. The lessons show the source of these "
        f"calls in class, so that each is seen as the lesson's own call, grown up: at most {MOST} lines fit on a "
        "projector. Move a part of it into a function with a name of its own."
    )


def test_lines_are_counted_without_the_docstring() -> None:
    (function,) = ast.parse('def f(\n    a,\n):\n    """Says.\n\n    More.\n    """\n    return a\n').body
    assert isinstance(function, ast.FunctionDef) and length(function) == 4
