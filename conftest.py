"""What all tests run in: practice mode, at a small pace, with no way to a real service.

It holds for the kernels of the notebooks too: they inherit the environment.
"""

import gc
import os
import runpy
import tempfile
from pathlib import Path

import certifi
import pytest

TESTS = Path(__file__).parent / "tests"
GUARD = TESTS / "guard"
LEFT_OUT = [TESTS / name for name in ("authors", "browser", "foreign")]  # they need more than requirements.txt

OURS = Path(tempfile.mkdtemp())
# No test needs the certificates of the whole web, and to load them takes nearly all of the time of making a client.
END = "-----END CERTIFICATE-----\n"
(OURS / "one.pem").write_text(certifi.contents().partition(END)[0] + END, "utf-8")

os.environ.update(
    WORKBOOK_MODE="practice",
    WORKBOOK_PACE="0.05",
    # what the tests do is no learner's progress
    WORKBOOK_PROGRESS=str(OURS / "progress.json"),
    SSL_CERT_FILE=str(OURS / "one.pem"),
    # whatever key is set on this machine, the tests never see it; this one must show up nowhere
    OPENAI_API_KEY="canary-key-of-the-tests",
    # nobody listens there: a request that does not stay on the loopback interface fails
    HTTP_PROXY="http://127.0.0.1:9",
    HTTPS_PROXY="http://127.0.0.1:9",
    PYTHONPATH=os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")])),
)
for name in ("OPENAI_BASE_URL", "OPENAI_ADMIN_KEY", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
    os.environ.pop(name, None)

runpy.run_path(str(GUARD / "sitecustomize.py"))


def pytest_collection_finish() -> None:
    """The tests stay: a collection of garbage, of which each check makes some, need not go through them all."""
    gc.collect()
    gc.freeze()


def pytest_report_header(config: pytest.Config) -> str | None:
    """Says what a run leaves out."""
    for argument in config.args:
        path = (config.invocation_params.dir / argument.split("::")[0]).resolve()
        if any(path.is_relative_to(folder) or folder.is_relative_to(path) for folder in LEFT_OUT):
            return None
    return "without what takes long, a real browser, and servers of others: `bash .ci/run` runs all of it"
