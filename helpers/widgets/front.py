"""The two controls that ipywidgets does not have: a text field that Ctrl+Enter sends, and a table to sort."""

from collections.abc import Callable
from importlib import resources
from typing import Any

import anywidget
import traitlets


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
            if isinstance(content, dict) and isinstance(content.get("sent"), str):
                self.value = content["sent"]
                sent()

        self.on_msg(receive)
