"""The fixture `lab`: a real JupyterLab in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from browser.jupyter import Lab, running_lab

expect.set_options(timeout=30_000)  # milliseconds; a busy machine is no failure


# Not for the whole session: as long as playwright is there, a thread has a running event loop,
# and the tests of other folders that use asyncio.run in it would fail.
@pytest.fixture(scope="package")
def _lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def lab(_lab: Lab) -> Iterator[Lab]:
    """Opens notebooks; at the end of the test they are closed, and their kernels ended."""
    yield _lab
    _lab.close_notebooks()
