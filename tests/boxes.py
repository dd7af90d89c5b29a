"""Drives the boxes without a browser, as their users do.

What is there is found by what the page shows: a label, a button's text, or the `workbook-…` class that style sheets use
too. What a user does reaches the box as the very message that its page would send.
"""

import asyncio
import html
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from xml.etree import ElementTree

import ipywidgets
from IPython.core.formatters import DisplayFormatter
from waiting import until

from helpers.widgets.base import Box
from helpers.widgets.front import PasswordField, Slider, Table, TextField

Part = ipywidgets.Widget


# ---- finding -----------------------------------------------------------------------------------------------------


def parts(box: Box | Part) -> list[Part]:
    """All that is on the page, from top to bottom; nothing where the box was closed."""
    top = box.widget if isinstance(box, Box) else box
    return [] if top is None else list(_visible(top))


def _visible(part: Part) -> Iterator[Part]:
    layout = getattr(part, "layout", None)
    if layout is not None and layout.display == "none":
        return
    yield part
    for child in getattr(part, "children", ()):
        yield from _visible(child)


def names(part: Part) -> list[str]:
    """By what it can be found: its classes without "workbook-", and what is written on it or beside it."""
    classes = [name.removeprefix("workbook-") for name in part.get_state().get("_dom_classes", ())]
    said = [getattr(part, name, "") for name in ("description", "label", "button", "download")]
    return [name for name in (*classes, *said) if name]


def find_all(box: Box | Part, name: str) -> list[Part]:
    return [part for part in parts(box) if name in names(part)]


def find(box: Box | Part, name: str) -> Part:
    found = find_all(box, name)
    there = sorted({name for part in parts(box) for name in names(part)})
    assert len(found) == 1, f"{len(found)} things on the page are called {name!r}; there are {there}"
    return found[0]


def is_shown(box: Box | Part, name: str) -> bool:
    return bool(find_all(box, name))


def is_disabled(box: Box | Part, name: str) -> bool:
    """Whether it is grey, or waits and takes nothing."""
    part = find(box, name)
    return part.disabled or getattr(part, "waiting", False)


def is_chosen(box: Box | Part, name: str) -> bool:
    """Whether it is marked as the one that was chosen."""
    return "chosen" in names(find(box, name))


# ---- doing -------------------------------------------------------------------------------------------------------


def message(part: Part, content: object, buffers: Sequence[bytes] = ()) -> None:
    """What a page sends of its own accord, whatever that may be."""
    _to_kernel(part, {"method": "custom", "content": content}, list(map(memoryview, buffers)))


def _change(box: Box | Part, name: str, **state: object) -> None:
    part = find(box, name)
    assert not getattr(part, "disabled", False), f"{name!r} is disabled: nobody can change it"
    _to_kernel(part, {"method": "update", "state": state, "buffer_paths": []}, [])


def _to_kernel(part: Part, data: dict[str, object], buffers: list[memoryview]) -> None:
    part.comm.handle_msg({"content": {"data": data}, "buffers": buffers})


def press(box: Box | Part, name: str, *, anyway: bool = False) -> None:
    """A click on a button; `anyway` one that was on its way already when the button became grey."""
    button = find(box, name)
    assert isinstance(button, ipywidgets.Button), f"{name!r} is no button"
    assert anyway or not button.disabled, f"the button {name!r} is grey: nobody can press it"
    message(button, {"event": "click"})


async def run(box: Box, name: str) -> None:
    """Presses a button, and waits until what it began has ended, and the button can be pressed again."""
    press(box, name)
    await finished(box)
    await until(lambda: not is_disabled(box, name))


async def stop(box: Box, name: str = "Stop") -> None:
    """Presses the button that ends what is going on, and waits until it has ended."""
    press(box, name)
    await until(lambda: not box.busy and is_disabled(box, name))


async def finished(box: Box) -> None:
    """Waits until the box has taken what was done last, and has nothing more to do."""
    await asyncio.sleep(0)  # a press reaches the box with the next turn of the loop
    await until(lambda: not box.busy)


def type_into(box: Box, label: str, text: object) -> None:
    _change(box, label, value=text)


def ctrl_enter(box: Box, label: str, text: str) -> None:
    """Types a text and sends it by Ctrl+Enter."""
    field = find(box, label)
    assert isinstance(field, TextField)
    message(field, {"sent": text})


def choose(box: Box | Part, label: str, option: str) -> None:
    _change(box, label, index=options(box, label).index(option))


def options(box: Box | Part, label: str) -> list[str]:
    return list(find(box, label).get_state()["_options_labels"])


def tick(box: Box, label: str, on: bool = True) -> None:
    _change(box, label, value=on)


def slide(box: Box, label: str, value: int) -> None:
    slider = find(box, label)
    assert isinstance(slider, Slider) and slider.least <= value <= slider.most
    _change(box, label, value=value)


def upload(box: Box, label: str, name: str, content: bytes) -> None:
    chosen = {"name": name, "type": "", "size": len(content), "content": memoryview(content), "last_modified": 0}
    _change(box, label, value=[chosen])


def send_form(box: Box, button: str, password: str, *, anyway: bool = False, **typed: str) -> None:
    """Sends a form with a password; what is not `typed` into its other fields is what stands there."""
    form = find(box, button)
    assert isinstance(form, PasswordField)
    assert anyway or not (form.disabled or form.waiting), "the page sends nothing now"
    beside = {each["name"]: each["value"] for each in form.beside} | typed
    message(form, {}, [json.dumps({"sent": password, "beside": beside}).encode()])


# ---- looking -----------------------------------------------------------------------------------------------------


def displayed(thing: object) -> dict[str, Any]:
    """What a cell shows whose last line it is, by the kind of content."""
    data, _ = DisplayFormatter().format(thing)
    return data


def shown(box: Box | Part) -> str:
    """All texts on the page, from top to bottom, those of pictures and tables too."""
    return "\n".join(filter(None, map(_text, parts(box))))


def _text(part: Part) -> str:
    match part:
        case ipywidgets.HTML():
            return text_of(part.value)
        case Table():
            return "\n".join(" | ".join(map(str, row)) for row in part.rows)
        case TextField():
            return f"{part.label}\n{part.value}"
        case PasswordField():
            beside = [f"{each['label']}\n{each['value']}" for each in part.beside]
            return "\n".join([part.label, *beside, part.button])
        case ipywidgets.Dropdown():
            return f"{part.description}\n{options(part, part.description)[part.index or 0]}"
    value = getattr(part, "value", "")
    said = getattr(part, "description", "") or getattr(part, "label", "")
    return f"{said}\n{value}" if isinstance(value, (str, int)) and not isinstance(value, bool) else str(said)


def text_of(page: str) -> str:
    """The text of a piece of HTML, without its marks."""
    return html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)))


def markup(box: Box | Part) -> str:
    """All that the page takes as HTML, but for its style sheet."""
    pages = [part.value for part in parts(box) if isinstance(part, ipywidgets.HTML)]
    return "\n".join(page for page in pages if not page.startswith("<style>"))


def front_end_state(box: Box) -> str:
    """All that a front end is told of the box, hidden things too, and its plain form."""
    states = [{name: str(value) for name, value in part.get_state().items()} for part in _all(box.widget)]
    return json.dumps([states, repr(box)])


def _all(part: Part | None) -> list[Part]:
    return [] if part is None else [part, *(each for child in getattr(part, "children", ()) for each in _all(child))]


def line(box: Box, name: str) -> str:
    """The text of a line, such as "status" or "totals"; any markup in it would be text."""
    found = re.search(r'<div class="workbook-line"[^>]*>([^<]*)</div>', find(box, name).value)
    assert found is not None, f"{name!r} is no line of text"
    return html.unescape(found[1])


def status(box: Box) -> str:
    return line(box, "status")


def value(box: Box, name: str) -> Any:
    """What stands in a field, or where a slider or a bar stands."""
    for part in parts(box):
        for beside in getattr(part, "beside", ()):
            if beside["label"] == name:
                return beside["value"]
    return find(box, name).value


def picture(box: Box) -> str:
    """The picture as SVG; "" where there is none yet."""
    return str(find(box, "picture").value)


def words_in_picture(box: Box) -> list[str]:
    """All that stands in the picture, its title first."""
    return [text for each in ElementTree.fromstring(picture(box)).iter() if (text := each.text)]


class Card(NamedTuple):
    """One model's answer in a question box."""

    model: str
    text: str
    facts: str


def cards(box: Box) -> list[Card]:
    found = []
    for part in find_all(box, "answer"):
        said = {name: text_of(text) for name, text in re.findall(r'<div class="(\w+)">(.*?)</div>', part.value, re.S)}
        if said:
            found.append(Card(said["model"], said.get("text", ""), said["facts"]))
    return found


class Asked(NamedTuple):
    """One question with choices: its buttons, and the place where it is said why."""

    part: Part

    @property
    def choices(self) -> list[str]:
        return [each.description for each in find_all(self.part, "choice")]

    @property
    def said(self) -> str:
        return next(text_of(page) for page in markup(self.part).splitlines() if "workbook-said" in page)

    def press(self, number: int) -> None:
        """The choice number 0, 1 …"""
        press(self.part, self.choices[number])


def questions(box: Box) -> list[Asked]:
    return list(map(Asked, find_all(box, "question")))


class Pulse(NamedTuple):
    """What a heartbeat shows beside its button."""

    state: str  # beating, blocked, resting
    beats: int  # until now
    text: str


def pulse_of(box: Box) -> Pulse:
    found = re.search(r'<div class="workbook-pulse (\w+)">.*data-beat="(\d+)".*?</span><span>([^<]*)<', markup(box))
    assert found is not None
    return Pulse(found[1], int(found[2]), html.unescape(found[3]))


# ---- the table, as the page fetches it ---------------------------------------------------------------------------


@contextmanager
def heard(part: Part) -> Iterator[list[tuple[Any, Any]]]:
    """What the kernel sends to a part of the page meanwhile, each with its buffers."""
    told: list[tuple[Any, Any]] = []
    part.send = lambda content, buffers=None: told.append((content, buffers))
    try:
        yield told
    finally:
        del part.send


def rows(box: Box) -> list[list[Any]]:
    """The rows of the table, in the order of their numbers."""
    (table,) = (part for part in parts(box) if isinstance(part, Table))
    with heard(table) as told:
        message(table, {"rows": 0, "edition": table.there["edition"]})
    ((content, _),) = told
    fetched: list[list[Any]] = json.loads(json.dumps(content["rows"][: table.there["count"]]))
    return sorted(fetched, key=lambda row: row[0])


def download(box: Box, button: str = "Download as CSV") -> tuple[str, bytes]:
    """The name and the content of the file."""
    table = find(box, button)
    with heard(table) as told:
        message(table, {"file": True})
    (((content, (file,))),) = told
    return content["file"], bytes(file)
