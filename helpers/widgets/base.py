"""What all boxes share: how they are shown, where their work runs, and how they end."""

import asyncio
import html
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from importlib import resources
from string import Template
from typing import Any

import ipywidgets
from IPython.core.getipython import get_ipython

from .. import palette
from ..errors import WorkbookError

FRAME = 0.1  # seconds between two pictures of something that moves
_css = (resources.files(__package__) / "style.css").read_text("utf-8")
STYLE = Template(_css).substitute(vars(palette))  # a $NAME in it is a colour of the palette

# the box for which the current task works: its calls are told from those of other boxes and cells by it
working_for: ContextVar["Box | None"] = ContextVar("working_for", default=None)

_in_cells: dict[str, list["Box"]] = {}  # by the id of the cell that made them


class Box:
    """Something to use in a notebook's output. As the last line of a cell it shows itself.

    It has a form in plain text (its `repr`) for where no front end is. It does one piece of work at a time, on the
    event loop of the notebook. When its cell is run again, or with `close()`, it ends: its work is cancelled.
    """

    def __init__(self) -> None:
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # a script: nobody will click
            self._loop = None
        self._work: asyncio.Task[None] | None = None
        self.widget: ipywidgets.Widget | None = None
        self.status = Line("status", name="status")
        _belongs_to_its_cell(self)

    def show(self, *content: ipywidgets.Widget, name: str, label: str) -> None:
        """What the box consists of, from top to bottom; `name` is for style sheets and tests, `label` for readers."""
        above = [heading(label)] if label else []
        self.widget = ipywidgets.VBox([ipywidgets.HTML(f"<style>{STYLE}</style>"), *above, *content])
        self.widget.add_class("workbook-box")
        self.widget.add_class(f"workbook-{name}")

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        shown = {} if self.widget is None else _view_of(self.widget, **options)
        return {**shown, "text/plain": repr(self)}

    # ---- its work ------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        return self._work is not None and not self._work.done()

    def on_loop(self, handler: Callable[..., None]) -> Callable[..., None]:
        """`handler` as a callback for a widget.

        JupyterLab delivers clicks to a thread of their own; the handler runs on the notebook's loop, as all else does.
        """

        def callback(*arguments: Any) -> None:
            if self._loop is None:
                self._safely(handler, *arguments)
            else:
                with suppress(RuntimeError):  # the loop was closed: the kernel ends
                    self._loop.call_soon_threadsafe(self._safely, handler, *arguments)

        return callback

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Starts a piece of work, unless there is one already."""
        if not self.busy:
            self._work = asyncio.ensure_future(self._do(work))

    def stop(self) -> None:
        """Cancels the work."""
        if self._work is not None:
            self._work.cancel()

    async def _do(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        working_for.set(self)
        try:
            await work()
        except Exception as error:  # nobody awaits this task: what is not shown is lost
            self.failed(error)

    def _safely(self, handler: Callable[..., None], *arguments: Any) -> None:
        try:
            handler(*arguments)
        except Exception as error:
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """Shows what went wrong."""
        if isinstance(error, WorkbookError):
            self.status.say(str(error))
            return
        details = html.escape("".join(traceback.format_exception(error)))
        self.status.say(
            f"Something went wrong in this box: {type(error).__name__}: {error}. Run its cell again.",
            more=f"<details><summary>Where</summary><pre>{details}</pre></details>",
        )

    def close(self) -> None:
        """Cancels its work and takes it off the page."""
        self.stop()
        if self.widget is not None:
            for each in _all_in(self.widget):
                each.close()
            self.widget = None


def _view_of(widget: ipywidgets.Widget, **options: Any) -> dict[str, Any]:
    """What lets a front end show the widget; where ipywidgets has no such method (as version 7), made by hand."""
    if hasattr(widget, "_repr_mimebundle_"):
        return dict(widget._repr_mimebundle_(**options) or {})
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": view}


class Line(ipywidgets.HTML):  # type: ignore[misc]  # ipywidgets has no types
    """A line of text. As a "status" it is read aloud by screen readers when it changes.

    `name` is for style sheets and tests.
    """

    def __init__(self, role: str = "", *, name: str) -> None:
        super().__init__()
        self.add_class(f"workbook-{name}")
        self._role = f' role="{role}"' if role else ""
        self.text = ""
        self.say("")

    def say(self, text: str, *, more: str = "") -> None:
        """Shows `text` as it is: nothing in it is rendered or run. `more` is HTML."""
        self.text = text
        self.value = f'<div class="workbook-line"{self._role}>{html.escape(text)}</div>{more}'


def heading(text: str) -> ipywidgets.HTML:
    return ipywidgets.HTML(f'<div class="workbook-heading">{html.escape(text)}</div>')


def row(*content: ipywidgets.Widget) -> ipywidgets.Box:
    """Widgets beside each other, on as many lines as they need."""
    box = ipywidgets.Box(content)
    box.add_class("workbook-row")
    return box


def button(text: str, handler: Callable[..., None], *, disabled: bool = False, name: str = "") -> ipywidgets.Button:
    made = ipywidgets.Button(description=text, disabled=disabled)
    made.on_click(handler)
    if name:
        made.add_class(f"workbook-{name}")
    return made


def _all_in(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    return [widget, *(each for child in getattr(widget, "children", ()) for each in _all_in(child))]


# ---- a cell that is run again ends the boxes that it made before -------------------------------------------------


def _belongs_to_its_cell(box: Box) -> None:
    shell: Any = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = parent.get("metadata", {}).get("cellId")
    if cell is None:  # not in a notebook
        return
    if _end_boxes not in shell.events.callbacks["pre_run_cell"]:
        shell.events.register("pre_run_cell", _end_boxes)
    _in_cells.setdefault(cell, []).append(box)


def _end_boxes(info: Any) -> None:
    for box in _in_cells.pop(getattr(info, "cell_id", None) or "", []):
        box.close()
