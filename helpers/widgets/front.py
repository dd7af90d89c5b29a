"""Controls that ipywidgets lacks: fields for much text, a file, a password; a slider with a name, a table to sort."""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

import anywidget
import traitlets

from ..session.environment import Secret


def _javascript(name: str) -> str:
    return (resources.files(__package__) / name).read_text("utf-8")


class TextField(anywidget.AnyWidget):
    """A field for several lines of text. `sent` is called with the text on Ctrl+Enter (on a Mac also ⌘+Enter)."""

    _esm = _javascript("text_field.js")
    value = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    placeholder = traitlets.Unicode("").tag(sync=True)
    rows = traitlets.Int(3).tag(sync=True)

    def __init__(self, sent: Callable[[], None], **settings: Any) -> None:
        super().__init__(**settings)

        def receive(_widget: Any, content: Any, _buffers: Any) -> None:
            if not isinstance(content, dict):
                return
            for why in ("kept", "sent"):
                if isinstance(content.get(why), str):
                    self.value = content[why]
            if isinstance(content.get("sent"), str):
                sent()

        self.on_msg(receive)


class FileField(anywidget.AnyWidget):
    """A button with which a file is chosen: `value` has its `name` and `content`, and is to be emptied when taken."""

    _esm = _javascript("file_field.js")
    label = traitlets.Unicode("").tag(sync=True)
    accept = traitlets.Unicode("").tag(sync=True)
    value: Any = traitlets.List(traitlets.Dict()).tag(sync=True, echo_update=False)


class Beside(NamedTuple):
    """A plain field that goes with a password. A `wide` one gets what room there is."""

    name: str
    label: str
    value: str = ""
    wide: bool = False


class PasswordField(anywidget.AnyWidget):
    """A field that does not show what is typed into it, with plain fields and a button.

    `sent` is called with the password, and with what stands in the other fields by their names, on Enter and when the
    button is pressed; it is emptied at once. What is typed is never in the state of a widget, which may be saved with
    the notebook. While it is `waiting`, nothing is sent.
    """

    _esm = _javascript("password_field.js")
    label = traitlets.Unicode("").tag(sync=True)
    button = traitlets.Unicode("").tag(sync=True)
    beside: "traitlets.List[Any]" = traitlets.List().tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)
    waiting = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self, sent: Callable[[Secret, Mapping[str, str]], None], *, beside: Sequence[Beside], **settings: Any
    ) -> None:
        super().__init__(beside=[each._asdict() for each in beside], **settings)

        def receive(_widget: Any, _content: Any, buffers: Any) -> None:
            try:
                typed = json.loads(bytes(buffers[0]))
                # from here on, no debugger's or event loop's message shows it
                sent(Secret(typed["sent"]), {each.name: str(typed["beside"][each.name]) for each in beside})
            except (LookupError, TypeError, ValueError):  # nothing that this field's page sends
                return

        self.on_msg(receive)

    def put(self, name: str, value: str) -> None:
        """Puts something else into a plain field."""
        self.beside = [{**each, "value": value} if each["name"] == name else each for each in self.beside]


class Slider(anywidget.AnyWidget):
    """A slider of whole numbers. (To a screen reader, the one of ipywidgets has no name.)"""

    _esm = _javascript("slider.js")
    label = traitlets.Unicode("").tag(sync=True)
    value = traitlets.Int(1).tag(sync=True)
    least = traitlets.Int(1).tag(sync=True)
    most = traitlets.Int(100).tag(sync=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)

        def receive(_widget: Any, content: Any, _buffers: Any) -> None:
            kept = content.get("kept") if isinstance(content, dict) else None
            if isinstance(kept, int) and self.least <= kept <= self.most:
                self.value = kept

        self.on_msg(receive)


class Column(NamedTuple):
    """Of a table; without `digits` after the point, a column of texts."""

    label: str
    digits: int | None = None


class Table(anywidget.AnyWidget):
    """A table that its header's buttons sort, with a button that downloads it as a file.

    Texts are shown as they are: nothing in them is rendered or run. The first column is a number that tells the rows
    apart. `file` gives the file's content when somebody asks for it.
    """

    _esm = _javascript("table.js")
    columns: "traitlets.List[Any]" = traitlets.List().tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    download = traitlets.Unicode("").tag(sync=True)
    there = traitlets.Dict().tag(sync=True)

    def __init__(
        self, columns: Sequence[Column], file: Callable[[], bytes], *, name: str, label: str, download: str
    ) -> None:
        self.rows: list[Sequence[str | float | None]] = []
        self._edition = 0
        super().__init__(
            columns=[
                {"label": each.label, "kind": "text" if each.digits is None else "number", "digits": each.digits}
                for each in columns
            ],
            label=label,
            download=download,
            there={"edition": 0, "count": 0},
        )

        def receive(_widget: Any, content: Any, _buffers: Any) -> None:
            if not isinstance(content, dict):
                return
            if "file" in content:
                self.send({"file": name}, [file()])
            elif content.get("edition") == self._edition:
                start = content.get("rows", 0)
                self.send({"rows": self.rows[start:], "from": start, "edition": self._edition})

        self.on_msg(receive)

    def clear(self) -> None:
        self.rows = []
        self._edition += 1
        self.announce()

    def announce(self) -> None:
        """Lets the page know how many rows there are; it comes for them when it has drawn the last ones."""
        self.there = {"edition": self._edition, "count": len(self.rows)}
