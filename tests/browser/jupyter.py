"""A real JupyterLab in a real Chromium, on the loopback interface, with a copy of the workbook and its own home."""

import itertools
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import BrowserContext, sync_playwright

from browser.notebook import Notebook

ROOT = Path(__file__).parents[2]
FOLDERS = ("notebooks", "exercises", "solutions")

SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    # all cells are in the page, not only those in view, and nothing after the last one
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none", "scrollPastEnd": False},
    # what one test did to a notebook, the next one does not find
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}

CHROMIUM_FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    # the proxies of the tests are dead ones, and not meant for the loopback interface, the only one to be reached
    *("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
]


class Lab:
    """Opens notebooks. They are closed, and their kernels ended, with `close_notebooks()`."""

    def __init__(self, workbook: Path, config: Path, url: str, token: str, browser: BrowserContext) -> None:
        self.workbook = workbook
        self._config, self._url, self._token, self._browser = config, url, token, browser
        self._numbers = itertools.count(1)
        self._open: list[Notebook] = []

    def open(self, path: str) -> Notebook:
        """A notebook of the workbook, as a learner finds it: "notebooks/03_timing.ipynb"."""
        shutil.rmtree(self._config / "lab", ignore_errors=True)  # another test's theme
        notebook = Notebook(self._browser.new_page(), path)
        self._open.append(notebook)
        # a workspace of its own: without it, JupyterLab opens again what the last page had open
        notebook.load(f"{self._url}/lab/workspaces/{next(self._numbers)}/tree/{path}?token={self._token}")
        return notebook

    def cells(self, *sources: str) -> Notebook:
        """A new notebook with these code cells, beside the lessons."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in sources],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}},
        )
        path = f"notebooks/cells_{next(self._numbers)}.ipynb"
        nbformat.write(notebook, self.workbook / path)
        return self.open(path)

    def close_notebooks(self) -> None:
        for notebook in self._open:
            notebook.page.close()
        self._open.clear()
        for session in self._server("GET"):
            self._server("DELETE", f"/{session['id']}")

    def _server(self, method: str, session: str = "") -> list[dict[str, str]]:
        headers = {"Authorization": f"token {self._token}"}
        answer = self._browser.request.fetch(f"{self._url}/api/sessions{session}", method=method, headers=headers)
        assert answer.ok, f"{method} {answer.url}: {answer.status} {answer.text()}"
        return answer.json() if answer.body() else []


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """All of it, in `folder`; at the end everything that was started is ended: Chromium, JupyterLab, its kernels."""
    workbook, home = folder / "workbook", folder / "home"
    _copy_workbook(workbook)
    config, token = home / "config", secrets.token_hex()
    (config / "labconfig").mkdir(parents=True)
    (config / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(SETTINGS))
    with tempfile.TemporaryDirectory() as runtime:  # a short path: the kernels' sockets lie there
        environment = _environment(workbook, home) | {"JUPYTER_RUNTIME_DIR": runtime}
        with _server(workbook, environment, token) as url, _chromium(environment) as browser:
            yield Lab(workbook, config, url, token, browser)


def _copy_workbook(target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in (*FOLDERS, "helpers"):
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", target)


def _environment(workbook: Path, home: Path) -> dict[str, str]:
    """That of the tests (practice mode, its pace, the guard), without anything of the user's Jupyter."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON", "XDG_"))}
    return kept | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "IPYTHONDIR": str(home / "ipython"),
        "WORKBOOK_PROGRESS": str(home / "progress.json"),
        # before the installed helpers
        "PYTHONPATH": os.pathsep.join([str(workbook), os.environ["PYTHONPATH"]]),
    }


@contextmanager
def _server(workbook: Path, environment: dict[str, str], token: str) -> Iterator[str]:
    """JupyterLab; gives its address."""
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.root_dir=."]
    command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--IdentityProvider.token={token}"]
    # window.jupyterapp, by which the tests ask for what is not drawn
    command += ["--LabApp.expose_app_in_browser=True"]
    # a kernel's ports are chosen before it starts, and another process may take one meanwhile; files nobody takes
    command += ["--KernelManager.transport=ipc"]
    log = workbook.parent / "jupyter.log"
    with log.open("w") as stderr:
        # in a session of its own: Ctrl+C ends the tests, and they end it
        process = subprocess.Popen(command, cwd=workbook, env=environment, stderr=stderr, start_new_session=True)
    try:
        end = time.monotonic() + 60
        while not (address := re.search(r"http://127\.0\.0\.1:\d+(?=/lab)", log.read_text())):
            assert process.poll() is None and time.monotonic() < end, f"JupyterLab did not start:\n{log.read_text()}"
            time.sleep(0.05)
        yield address[0]
    finally:
        process.terminate()  # it ends its kernels first
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()  # kernels end by themselves when their parent is gone
            process.wait()


@contextmanager
def _chromium(environment: dict[str, str]) -> Iterator[BrowserContext]:
    executable = shutil.which("chromium")
    assert executable, "These tests need Chromium, as `chromium` on the PATH. On Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS, env=environment)
        yield browser.new_context(viewport={"width": 1280, "height": 900})
        browser.close()
