"""Makes each exercise from its solution: the same notebook without what is tagged `solution`, and without outputs.

python tools/make_exercises.py            # writes exercises/*.ipynb
python tools/make_exercises.py --check    # changes nothing; exits with 1 if one is not what its solution makes
"""

import argparse
import sys
from pathlib import Path

import nbformat
from rerun_notebooks import METADATA

ROOT = Path(__file__).resolve().parent.parent
SOLUTION = "solution"


def made_from(solution: Path) -> str:
    """The text of the exercise that belongs to a solution."""
    notebook = nbformat.read(solution, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if SOLUTION not in cell.metadata.get("tags", [])]
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.validate(notebook)
    text: str = nbformat.writes(notebook)
    return text + "\n"


def make(root: Path) -> None:
    for solution in sorted((root / "solutions").glob("*.ipynb")):
        exercise = root / "exercises" / solution.name
        exercise.write_text(made_from(solution), encoding="utf-8", newline="\n")


def problems(root: Path) -> list[str]:
    """Which exercises are not what their solutions make, in sentences that say what to do."""
    found = []
    solutions = {path.name: path for path in (root / "solutions").glob("*.ipynb")}
    for name, solution in sorted(solutions.items()):
        exercise = root / "exercises" / name
        if not exercise.exists():
            found.append(f"exercises/{name} is missing. Run: python tools/make_exercises.py")
        elif exercise.read_text("utf-8") != made_from(solution):
            found.append(
                f"exercises/{name} is not what solutions/{name} makes. Edit the solution, not the exercise, and run: "
                "python tools/make_exercises.py"
            )
    for exercise in sorted((root / "exercises").glob("*.ipynb")):
        if exercise.name not in solutions:
            found.append(f"exercises/{exercise.name} has no solution. Write solutions/{exercise.name}, or delete it.")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, say what is wrong")
    if not parser.parse_args().check:
        make(ROOT)
        return 0
    found = problems(ROOT)
    print("\n".join(found) or "Every exercise is what its solution makes.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
