"""What a learner does with a notebook in JupyterLab, and sees of it."""

import ast
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, TimeoutError, expect

# for every script that runs in the page: this notebook, and its code cells
PRELUDE = """
const panel = Array.from(jupyterapp.shell.widgets('main')).find(widget => widget.context?.path === path);
const cells = (panel?.content.widgets ?? []).filter(cell => cell.model.type === 'code');
const prompt = cell => cell.node.querySelector('.jp-InputPrompt').textContent;
const outputs = cell => cell.model.outputs.toJSON();
const fails = cell => outputs(cell).some(output => output.output_type === 'error');
"""

# Every cell has run, or one has failed, and JupyterLab has taken back those after it.
ALL_RAN = """
const sent = cells.filter(cell => cell.model.sharedModel.source.trim());
const ran = sent.filter(cell => /\\d/.test(prompt(cell)));
return !sent.some(cell => prompt(cell).includes('*')) && (ran.length === sent.length || ran.some(fails));
"""

ERRORS = """
return cells.flatMap((cell, index) => {
    if (cell.model.getMetadata('tags')?.includes('raises-exception')) return [];
    const own = outputs(cell).filter(output => output.output_type === 'error');
    // an error in an Output widget is drawn as text only
    const nested = Array.from(cell.node.querySelectorAll('.widget-output pre'), pre => pre.textContent);
    return [
        ...own.map(output => `${output.ename}: ${output.evalue}`),
        ...nested.filter(text => text.includes('Traceback (most recent call last)')),
    ].map(text => `cell ${index + 1}: ${text}`);
});
"""

EVALUATE = """
const content = {code: '', silent: true, stop_on_error: false, user_expressions: {value: `repr(${argument})`}};
const late = new Promise((_, reject) => setTimeout(() => reject(new Error('The kernel did not answer.')), 60000));
const reply = await Promise.race([panel.sessionContext.session.kernel.requestExecute(content).done, late]);
return reply.content.user_expressions.value;
"""


class Notebook:
    """A notebook in a page of its own. Cells are code cells, numbered from 1."""

    def __init__(self, page: Page, path: str) -> None:
        self.page = page
        self.path = path
        # JupyterLab itself writes no error here: each one comes from the notebook
        self.console: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.console.append(f"uncaught {error.message}\n{error.stack}"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.page.close()

    def load(self, url: str) -> None:
        """Waits until there is a kernel, and every cell."""
        self.page.goto(url)
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("Python 3 (ipykernel) | Idle", timeout=60_000)
        self._wait("return cells.length && cells.every(cell => cell.isAttached && !cell.isPlaceholder())", 30)

    def run(self, number: int, seconds: float = 60) -> None:
        """Shift+Enter in a cell; waits until it has run."""
        self.start(number)
        self.wait(number, seconds)

    def start(self, number: int) -> None:
        """Shift+Enter in a cell; does not wait for its end."""
        self._forget_runs("[cells[argument]]", number - 1)
        self._cell(number).locator(".cm-content").click(position={"x": 5, "y": 5})
        self.page.keyboard.press("Shift+Enter")
        self._wait("return prompt(cells[argument]) !== '[ ]:'", 10, number - 1)

    def wait(self, number: int, seconds: float = 60) -> None:
        """Until a started cell has run."""
        self._wait("return !prompt(cells[argument]).includes('*')", seconds, number - 1)
        assert self._script("return /\\d/.test(prompt(cells[argument]))", number - 1), f"cell {number} was not run"
        self._drawn()

    def run_all(self, seconds: float = 120) -> None:
        """Run All; waits until all cells have run, or one has failed (see `errors`)."""
        self._forget_runs("cells")
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        self._wait(ALL_RAN, seconds)
        self._drawn()

    def save(self) -> None:
        """As Ctrl+S does."""
        self._script("await panel.context.save()")

    def interrupt(self) -> None:
        """The ■ of the toolbar."""
        self.page.locator('[data-command="notebook:interrupt-kernel"]').click()

    def output(self, number: int) -> Locator:
        """The output area of a cell; what fills it later is best awaited with playwright's `expect`."""
        return self._cell(number).locator(".jp-Cell-outputArea")

    def text(self, number: int) -> str:
        """What a cell has put out until now, without the number beside a result."""
        outputs = self.output(number).locator("> .jp-OutputArea-child > .jp-OutputArea-output")
        return "\n".join(text.strip() for text in outputs.all_inner_texts())

    def errors(self) -> list[str]:
        """Of all cells that are not tagged raises-exception."""
        errors: list[str] = self._script(ERRORS)
        return errors

    def evaluate(self, expression: str) -> Any:
        """The value of a Python expression in the kernel, as soon as the kernel is idle."""
        value = self._script(EVALUATE, expression)
        assert value["status"] == "ok", f"{expression}: {value['ename']}: {value['evalue']}"
        return ast.literal_eval(ast.literal_eval(value["data"]["text/plain"]))

    def theme(self, name: str) -> None:
        """ "Light" or "Dark"."""
        theme = f"JupyterLab {name}"
        self._script("await jupyterapp.commands.execute('apputils:change-theme', {theme: argument})", theme)
        self._wait("return document.body.dataset.jpThemeName === argument", 30, theme)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)

    def screenshot(self, path: Path) -> None:
        """The whole notebook, not only what is in view."""
        seen = self.page.viewport_size
        assert seen
        scroller = self.page.locator(".jp-WindowedPanel-outer")
        hidden = scroller.evaluate("element => element.scrollHeight - element.clientHeight")
        # Chromium draws no picture that is higher than 16384 pixels
        self.page.set_viewport_size({"width": seen["width"], "height": min(seen["height"] + hidden, 16_000)})
        scroller.evaluate("element => element.scrollTo(0, 0)")
        self._drawn()
        self.page.screenshot(path=path)
        self.page.set_viewport_size(seen)

    def _cell(self, number: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(number - 1)

    def _forget_runs(self, cells: str, argument: Any = None) -> None:
        """A saved notebook shows the numbers of an old run; after this, a number means that a cell has run."""
        self._script(f"for (const cell of {cells}) cell.model.executionCount = null", argument)

    def _drawn(self) -> None:
        """The browser has drawn what came with the end of a cell."""
        self._script("await new Promise(then => requestAnimationFrame(() => requestAnimationFrame(then)))")

    def _script(self, body: str, argument: Any = None) -> Any:
        return self.page.evaluate("async " + _function(body), [self.path, argument])

    def _wait(self, body: str, seconds: float, argument: Any = None) -> None:
        try:  # not an async function: its promise would count as true at once
            self.page.wait_for_function(_function(body), arg=[self.path, argument], timeout=seconds * 1000)
        except TimeoutError:
            raise AssertionError(f"{self.path}: not run after {seconds} s:\n{self._not_run()}") from None

    def _not_run(self) -> str:
        try:
            cells = self._script("return cells.map(cell => [prompt(cell), cell.model.sharedModel.source.trim()])")
        except Error as error:
            return f"the page does not answer: {error.message}"
        return "\n".join(
            f"  cell {number} {prompt} {source.splitlines()[0]}"
            for number, (prompt, source) in enumerate(cells, 1)
            if source and not prompt[1].isdigit()
        )

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console.append(f"{message.text} ({message.location['url']})")


def _function(body: str) -> str:
    return f"([path, argument]) => {{ {PRELUDE} {body} }}"
