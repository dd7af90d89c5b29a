"""`pip install .` into a new environment, from a copy of what git would take: then the helpers answer, anywhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds with one command: it downloads what is not in pip's cache
PROGRAM = """
import asyncio
import helpers

print(helpers.__file__)
helpers.connect()
for name in helpers.__all__:
    getattr(helpers, name)


async def main():
    print(await helpers.ask_ai("What is Python?"))
    answers = await helpers.process_questions_batch(["What is a list?", "What is a set?"], progress=False)
    print(answers.summary.succeeded)


asyncio.run(main())
"""


def test_an_installed_copy_answers(tmp_path: Path) -> None:
    copy, environment = tmp_path / "copy", tmp_path / "environment"
    names = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], ROOT).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    run([sys.executable, "-m", "venv", str(environment)], tmp_path)
    python = str(environment / "bin" / "python")
    run([python, "-m", "pip", "install", "--quiet", "."], copy)
    shutil.rmtree(copy)

    # isolated: from elsewhere, and with nothing of this checkout on the path
    where, *_, answer, count = run([python, "-I", "-c", PROGRAM], tmp_path).splitlines()
    assert Path(where).is_relative_to(environment)
    assert "language" in answer
    assert count == "2"


def run(command: list[str], folder: Path) -> str:
    """What a command prints. What keeps the tests on this computer would keep pip from its index."""
    no_network = ("HTTP_PROXY", "HTTPS_PROXY", "SSL_CERT_FILE", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in no_network}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
