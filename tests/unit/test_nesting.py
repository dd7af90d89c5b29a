"""`import nest_asyncio` beside the helpers, in a process of its own."""

import subprocess
import sys
from pathlib import Path

ASK = "import helpers, nest_asyncio; print(nest_asyncio.__name__, callable(nest_asyncio.apply))"


def test_pasted_code_gets_the_maintained_one() -> None:
    told = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == "nest_asyncio2 True\n"


def test_also_where_the_old_one_is_installed(tmp_path: Path) -> None:
    (tmp_path / "nest_asyncio.py").write_text("raise SystemExit('the old one was loaded')")
    ask = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {ASK}"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == "nest_asyncio2 True\n"
