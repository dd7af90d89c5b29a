"""HOUSE.md says what is where in helpers/, and what may import what; the code keeps to it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
HELPERS = ROOT / "helpers"
FACE = "__init__"
NOT_PRIVATE = {"_asdict", "_fields"}  # of named tuples; underscored so that they are no field's name


class Room(NamedTuple):
    floor: int
    about: str
    may_import: frozenset[str]


class Arrow(NamedTuple):
    """One import within helpers/, by the modules' names without `helpers.` ("wire.trace")."""

    importer: str
    imported: str
    at_once: bool  # when the module is loaded, and not when a function runs or a type checker reads it

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported}"


@cache
def house() -> dict[str, Room]:
    """The table in HOUSE.md, by the name of each room's folder or file."""
    rows = re.findall(
        r"^\| (\d) \| `([\w.]+)/?` \| (.*) \| ?(.*) \|$", (ROOT / "HOUSE.md").read_text("utf-8"), re.MULTILINE
    )
    return {
        name: Room(int(floor), about, frozenset(re.findall(r"`(\w+)`", rooms))) for floor, name, about, rooms in rows
    }


def rooms() -> dict[str, Room]:
    return {name.removesuffix(".py"): room for name, room in house().items()}


@cache
def modules() -> dict[str, Path]:
    """Every module's file, by its name without `helpers.`; the face is "__init__"."""
    found = {}
    for path in sorted(HELPERS.rglob("*.py")):
        parts = path.relative_to(HELPERS).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == FACE and len(parts) > 1 else parts)] = path
    return found


def room_of(module: str) -> str:
    return module.partition(".")[0]


def imports_of(module: str, tree: ast.Module, is_package: bool) -> Iterator[Arrow]:
    # where a relative import starts from
    here = [] if module == FACE else module.split(".")
    here = here if is_package else here[:-1]
    late = {id(node) for each in ast.walk(tree) if _comes_late(each) for node in ast.walk(each)}
    for node in ast.walk(tree):
        at_once = id(node) not in late
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "helpers":
                    yield Arrow(module, alias.name.removeprefix("helpers").lstrip(".") or FACE, at_once)
        elif isinstance(node, ast.ImportFrom):
            target = node.module.split(".") if node.module else []
            if node.level:
                target = here[: len(here) - node.level + 1] + target
            elif target[:1] == ["helpers"]:
                target = target[1:]
            else:
                continue
            for alias in node.names:
                for name in (".".join([*target, alias.name]), ".".join(target) or FACE):
                    if name in modules():
                        yield Arrow(module, name, at_once)
                        break
                else:
                    raise AssertionError(f"{module}: what does `{ast.unparse(node)}` import?")


def _comes_late(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return True
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@cache
def arrows() -> tuple[Arrow, ...]:
    return tuple(
        arrow
        for module, path in modules().items()
        for arrow in imports_of(module, ast.parse(path.read_text("utf-8")), path.name == f"{FACE}.py")
    )


def between_rooms() -> list[Arrow]:
    return [each for each in arrows() if room_of(each.importer) not in (FACE, room_of(each.imported))]


# ---- the rooms -----------------------------------------------------------------------------------------------------


def test_the_page_names_what_is_there_and_nothing_else() -> None:
    there = {path.name for path in HELPERS.iterdir() if path.name != "__pycache__"}
    assert set(house()) == there, "each room and file of helpers/ has a line in the table of HOUSE.md"


def test_a_module_that_the_page_names_is_in_that_room() -> None:
    for name, room in rooms().items():
        if (HELPERS / name).is_dir():
            for module in re.findall(r"`([a-z_]+)`", room.about):
                assert f"{name}.{module}" in modules(), f"HOUSE.md: {name}/ has no {module}"


def test_nothing_is_imported_from_above_or_beside() -> None:
    floors = {name: room.floor for name, room in rooms().items()}
    wrong = [
        str(arrow) for arrow in between_rooms() if floors[room_of(arrow.imported)] >= floors[room_of(arrow.importer)]
    ]
    assert wrong == [], "a room stands on the floors below, and knows nothing of those above or beside it"


def test_each_room_imports_only_what_the_page_allows() -> None:
    allowed = {name: room.may_import for name, room in rooms().items()}
    wrong = [str(arrow) for arrow in between_rooms() if room_of(arrow.imported) not in allowed[room_of(arrow.importer)]]
    assert wrong == [], "move what is needed down, or allow it in the last column of HOUSE.md's table"


def test_the_page_allows_only_what_lies_below() -> None:
    for name, room in rooms().items():
        assert all(rooms()[other].floor < room.floor for other in room.may_import), name


@pytest.mark.parametrize(
    ("room", "may"),
    [
        ("timeline", {"palette", "words"}),
        ("mock_api", {"catalog", "errors", "numeric", "open_files", "words"}),
        ("numeric", set()),
        ("palette", set()),
        ("words", set()),
        ("errors", set()),
    ],
)
def test_rooms_that_could_stand_alone(room: str, may: set[str]) -> None:
    assert {room_of(arrow.imported) for arrow in between_rooms() if room_of(arrow.importer) == room} <= may


def test_checks_batch_and_calls_know_nothing_of_each_other() -> None:
    neighbours = {"checks", "batch", "calls"}
    assert [
        str(each) for each in between_rooms() if {room_of(each.importer), room_of(each.imported)} <= neighbours
    ] == []


def test_an_endpoint_knows_neither_the_brain_nor_a_door() -> None:
    above = {f"mock_api.{name}" for name in ("api", "connections", "server", "transport")}
    wrong = [
        str(each) for each in arrows() if each.importer.startswith("mock_api.endpoints") and each.imported in above
    ]
    assert wrong == []


def test_no_circle_of_imports() -> None:
    following: dict[str, set[str]] = {}
    for arrow in arrows():
        if arrow.at_once:
            following.setdefault(arrow.importer, set()).add(arrow.imported)
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a circle of imports: {' → '.join([*way[way.index(module) :], module])}"
        if module not in done:
            for each in sorted(following.get(module, ())):
                visit(each, (*way, module))
            done.add(module)

    for module in modules():
        visit(module, ())


# ---- the colours ---------------------------------------------------------------------------------------------------


def test_no_colour_stands_outside_of_the_palette() -> None:
    texts = [path for path in HELPERS.rglob("*") if path.suffix in (".py", ".css", ".js", ".html", ".svg")]
    found = {path.name for path in texts if re.search(r"#(?:[0-9a-fA-F]{3,4}){1,2}\b", path.read_text("utf-8"))}
    assert found == {"palette.py"}, "give a colour a name in palette.py, and use that"


# ---- names that are not ours ---------------------------------------------------------------------------------------


def test_names_of_other_libraries_are_listed() -> None:
    """An underscored name that nothing in helpers/ defines is another library's."""
    trees = {module: ast.parse(path.read_text("utf-8")) for module, path in modules().items()}
    own = {name for tree in trees.values() for node in ast.walk(tree) for name in _defined(node)}
    page = (ROOT / "HOUSE.md").read_text("utf-8")
    for module, tree in trees.items():
        for name in {name for node in ast.walk(tree) for name in _used(node)} - own - NOT_PRIVATE:
            assert name in page, f"{module} uses {name}, which is not ours: say in HOUSE.md what is lost without it"


def _defined(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
        yield node.attr


def _used(node: ast.AST) -> Iterator[str]:
    names = []
    if isinstance(node, ast.Attribute):
        names = [node.attr]
    elif isinstance(node, ast.ImportFrom):
        names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr", "setattr"):
        names = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    yield from (name for name in names if name.startswith("_") and not name.startswith("__"))
