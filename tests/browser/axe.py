"""What axe-core finds wrong with a part of a page, for those who do not see it, or see it badly, or use no mouse."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Locator

from browser.notebook import Notebook

# JupyterLab's body has no height and hides what overflows it: axe would take all of the notebook for invisible,
# and find nothing. Browsers apply that overflow to the window.
RUN = """async parts => {
    document.body.style.height = '100vh';
    try { return (await axe.run({include: parts})).violations; }
    finally { document.body.style.height = ''; }
}"""


def axe(where: Notebook | Locator, selector: str = ".jp-Notebook") -> list[str]:
    """The violations, each with its element: in what a locator finds, or in what a CSS selector finds in a notebook."""
    parts = where.page.locator(selector) if isinstance(where, Notebook) else where
    assert parts.count(), f"there is nothing to look at: {parts}"
    parts.page.evaluate(AXE_SCRIPT)
    return [
        f"{violation['id']} ({violation['impact']}): {violation['help']}: {node['html']}\n{node['failureSummary']}"
        for violation in parts.evaluate_all(RUN)
        for node in violation["nodes"]
    ]
