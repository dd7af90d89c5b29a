"""Re-runs notebooks cleanly in practice mode and saves their outputs; with --check, says which were not saved so.

    python tools/rerun_notebooks.py                                # all of them
    python tools/rerun_notebooks.py notebooks/01_single_calls.ipynb
    python tools/rerun_notebooks.py --check                        # changes nothing; exits with 1 if one needs it

A run leaves a stamp in the notebook's metadata: a digest of its cells and outputs. Whoever edits a cell, or saves
other outputs, makes the stamp untrue, and --check notices.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("notebooks", "solutions")
SECONDS = 120  # for one cell
STAMP = "workbook"
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

# where Python says which file a warning is about, a notebook's cell has a path of this machine's own
CELL_FILE = re.compile(r"[^\s\"']*ipykernel_\d+[/\\]\d+\.py")
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:root|work|home|tmp|Users|var|private)/[\w.-]+|[A-Z]:\\\\?Users")


def find(names: list[str]) -> list[Path]:
    """The notebooks named, or all that are saved with outputs."""
    if names:
        return [Path(name).resolve() for name in names]
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.ipynb"))


def rerun(path: Path) -> None:
    """Runs all cells of a notebook in a new kernel and saves what they put out. Raises CellExecutionError."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory() as profile:
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            store_widget_state=False,
            coalesce_streams=True,
            extra_arguments=["--log-level=ERROR"],
        )
        client.execute(env=clean_environment(profile))
    save(path, notebook, seconds_of(notebook))


def seconds_of(notebook: nbformat.NotebookNode) -> float:
    """How long the cells ran, by what nbclient has noted with each."""
    noted = [cell.metadata.get("execution", {}) for cell in notebook.cells]
    return sum(
        (datetime.fromisoformat(each["shell.execute_reply"]) - datetime.fromisoformat(each["iopub.status.busy"]))
        / timedelta(seconds=1)
        for each in noted
        if "shell.execute_reply" in each and "iopub.status.busy" in each
    )


def clean_environment(profile: str) -> dict[str, str]:
    """The environment without the author's own keys, endpoints, progress and IPython settings; lifelike latencies."""
    own = ("OPENAI_", "AZURE_OPENAI_", "WORKBOOK_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return {
        **environment,
        "WORKBOOK_MODE": "practice",
        "WORKBOOK_PACE": "1",
        "WORKBOOK_PROGRESS": f"{profile}/progress.json",
        "IPYTHONDIR": profile,
    }


def save(path: Path, notebook: nbformat.NotebookNode, seconds: float) -> None:
    """Writes a notebook with nothing in it that another machine, or another day, would write otherwise.

    But for its times: those in its outputs, and the `seconds` that its cells ran, which `minutes.py` reckons with.
    """
    notebook.metadata = nbformat.from_dict({**METADATA, "seconds": round(seconds)})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata = nbformat.from_dict({name: cell.metadata[name] for name in ("tags",) if name in cell.metadata})
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = CELL_FILE.sub("cell.py", output.text)
            # a widget lives as long as its kernel; what stays is its form in plain text, or as a page
            output.get("data", {}).pop(WIDGET, None)
    notebook.metadata[STAMP] = digest(notebook)
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


def digest(notebook: nbformat.NotebookNode) -> str:
    """What the stamp says: a digest of all cells with their outputs."""
    cells = [
        [cell.cell_type, cell.source, cell.get("execution_count"), cell.get("outputs", [])] for cell in notebook.cells
    ]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()[:16]


def problems(path: Path) -> list[str]:
    """What is wrong with a saved notebook, in sentences; nothing where it is as `rerun` left it."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:
        return [f"it cannot be read ({type(error).__name__})."]
    found = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("its outputs are not those of one clean run from top to bottom.")
    for number, cell in enumerate(code, 1):
        meant = "raises-exception" in cell.metadata.get("tags", [])
        if not meant and any(output.output_type == "error" for output in cell.outputs):
            found.append(f"code cell {number} is saved with an error, and has no tag raises-exception.")
        if "warns" not in cell.metadata.get("tags", []) and any(o.get("name") == "stderr" for o in cell.outputs):
            found.append(f"code cell {number} is saved with a warning, and has no tag warns.")
        if machine := MACHINE_PATH.search(json.dumps(cell.outputs)):
            found.append(f"code cell {number} shows a path of a machine: {machine.group()}")
    if notebook.metadata.get(STAMP) != digest(notebook):
        found.append("it was changed since its outputs were made.")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help="default: all that are saved with outputs")
    parser.add_argument("--check", action="store_true", help="change nothing, say what is wrong")
    options = parser.parse_args()
    bad = 0
    for path in find(options.notebooks):
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        if not options.check:
            print(f"{name} …", flush=True)
            try:
                rerun(path)
            except CellExecutionError as error:
                print(f"{name}: a cell failed, nothing was saved.\n{error}")
                bad += 1
                continue
        for problem in problems(path):
            print(f"{name}: {problem} Run: python tools/rerun_notebooks.py {name}")
            bad += 1
    if options.check and not bad:
        print("All saved outputs are those of a clean run.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
