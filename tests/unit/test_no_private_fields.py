"""The tests reach what they test by what it shows: renaming a private name in helpers/ fails (almost) none of them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PRIVATE = re.compile(r"_(?!_|repr_|render_)\w*[a-z]\w*")  # `_repr_html_` and the like are IPython's, and public
# in code for a kernel, or in what monkeypatch changes
IN_A_TEXT = re.compile(rf"(?:(\w+)|[)\]])\.({PRIVATE.pattern})\b")
OURS = {"helpers", *(path.stem for path in TESTS.iterdir())}

# By file: how many such uses there may be, and why there is no other way. Lower it where one goes.
ALLOWED = {
    "batch/test_stopping.py": (1, "the batch that is remembered last is forgotten between tests"),
    "batch/test_store.py": (7, "what the disk is asked to do is seen at the store's own connection only"),
    "live/conftest.py": (1, "the keys that are hidden are forgotten between tests"),
    "live/test_keys_in_other_forms.py": (2, "thousands of forms of a key, without a kernel for each"),
    "browser/test_key_panel.py": (1, "the service on this computer plays one that is far away"),
    "browser/test_password_box.py": (1, "the service on this computer plays one that is far away"),
    "practice/test_logbook.py": (1, "what is kept where no file can be written is forgotten between tests"),
    "practice/test_quizzes.py": (1, "what is kept where no file can be written is forgotten between tests"),
    "practice/test_running.py": (1, "that a check gives back each shared client is seen at their dictionary only"),
    "unit/conftest.py": (1, "the mock API ends its answers in a way for which it has no setting"),
    "unit/test_calls.py": (2, "that no client stays in memory is seen at their dictionaries only"),
    "unit/libraries.py": (5, "other libraries' names: the list of those that helpers/ uses"),
    "unit/test_bugs_are_no_services_fault.py": (2, "another library's names, in which a bug is planted"),
    "unit/test_doors.py": (2, "what is left of requests on the server's event loop is seen there only"),
    "unit/test_key_panel.py": (1, "the service on this computer plays one that is far away"),
    "unit/test_mock_api.py": (1, "the list of written answers has no other door"),
    "unit/test_names_not_ours.py": (6, "other libraries' names, and the two places that use them"),
    "unit/test_prediction.py": (1, "what was predicted is forgotten between tests"),
    "unit/test_timeline.py": (3, "the colours and lines of the picture, which is read back from its SVG"),
    "unit/test_trace.py": (4, "that no bytes are kept is seen at the recorded exchange only"),
    "unit/test_without_names_not_ours.py": (1, "the one place that uses another library's name"),
}


def own(tree: ast.AST) -> set[str]:
    """The private names that a file of tests gives to things of its own."""
    return {
        name
        for node in ast.walk(tree)
        if (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (name := node.name))
        or (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and (name := node.target.id))
        or (isinstance(node, ast.Attribute) and ast.unparse(node).startswith("self.") and (name := node.attr))
    }


def of_others(tree: ast.AST) -> set[str]:
    """What a file imports from other libraries: their private names are another matter."""
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).partition(".")[0] not in OURS
    }


def root_of(node: ast.expr) -> str:
    """`box` of `box.widget.children[0]`; "" where it is no plain name."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def uses(source: str) -> list[str]:
    """Each use of a private name of helpers/ in a file of tests, as "line 12: _name"."""
    tree = ast.parse(source)
    not_theirs = own(tree)
    passed_over = {"self", "cls", "os", *of_others(tree)}
    found = [
        (line, name)
        for node in ast.walk(tree)
        for line, name in _in_node(node, passed_over)
        if PRIVATE.fullmatch(name) and name not in not_theirs
    ]
    return [f"line {line}: {name}" for line, name in sorted(found)]


def _in_node(node: ast.AST, passed_over: set[str]) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Attribute(value=value, attr=attr) if root_of(value) not in passed_over:
            yield node.lineno, attr
        case ast.ImportFrom(module=str(module), names=names) if module.startswith("helpers"):
            yield from ((node.lineno, each.name) for each in names)
        case ast.Call(func=ast.Attribute(attr="setattr"), args=[on, ast.Constant(str(name)), *_]):
            if root_of(on) not in passed_over:  # monkeypatch.setattr(module, "_name", …)
                yield node.lineno, name
        case ast.Constant(value=str(text)):
            yield from ((node.lineno, name) for on, name in IN_A_TEXT.findall(text) if on not in passed_over)


FILES = [
    path
    for path in sorted(TESTS.rglob("*.py"))
    if path.name != Path(__file__).name and ".servers" not in path.parts  # what others wrote
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_no_more_than_are_allowed(path: Path) -> None:
    found = uses(path.read_text("utf-8"))
    allowed, _ = ALLOWED.get(path.relative_to(TESTS).as_posix(), (0, ""))
    assert len(found) <= allowed, (
        f"{path.name} uses private names of helpers/, at {', '.join(found)}. Find the thing by what it shows: "
        f"tests/boxes.py does that for a box, and for anything else there may be a public name."
    )


def test_what_is_allowed_says_why_and_is_there() -> None:
    assert {*ALLOWED} <= {path.relative_to(TESTS).as_posix() for path in FILES}
    assert all(len(why.split()) > 5 for _, why in ALLOWED.values())


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("box._go.click()", ["line 1: _go"]),
        ("box.widget.children[0]._go", ["line 1: _go"]),
        ("from boxes import find\nfind(box, 'Run')._go", ["line 2: _go"]),
        ("box._go = None", ["line 1: _go"]),
        ("from helpers.widgets.lab import _knee", ["line 1: _knee"]),
        ('monkeypatch.setattr(logbook, "_kept", {})', ["line 1: _kept"]),
        ('monkeypatch.setattr("helpers.course.logbook._kept", {})', ["line 1: _kept"]),
        ('lab.each("""\nbox._ask.click()\n""")', ["line 1: _ask"]),
        ("import helpers\nhelpers.batch._last", ["line 2: _last"]),
        ("import openai\nopenai._base_client", []),
        ('lab.each("os._exit(0)")', []),
        ("box._repr_html_(), answer.__dict__, verdict._repr_mimebundle_()", []),
        ("class Own:\n    def _read(self): self._kept = 1\nown._read(), own._kept", []),
        ("_, _name = box.rows", []),
    ],
)
def test_what_counts(source: str, found: list[str]) -> None:
    assert uses(source) == found
