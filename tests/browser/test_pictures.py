"""The pictures in both themes of JupyterLab."""

import pytest
from playwright.sync_api import Locator

from browser.jupyter import Lab
from browser.notebook import Notebook

CONNECT = "from helpers import concurrency_lab, connect, watch\nfrom openai import AsyncOpenAI\nconnect()"
CALL = """
async with AsyncOpenAI() as client:
    with watch("One call") as trace:
        await client.chat.completions.create(
            model="gpt-6-luna", messages=[{"role": "user", "content": "What is Go?"}]
        )
trace
"""


def colours(picture: Locator) -> str:
    """What the browser does with them before it draws the picture."""
    done: str = picture.evaluate("element => getComputedStyle(element).filter")
    return done


def pictures(notebook: Notebook) -> list[Locator]:
    return [notebook.output(2).locator("img"), notebook.page.locator(".workbook-concurrency-lab svg[role=img]")]


def test_they_follow_the_theme(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, CALL, "concurrency_lab()")
    notebook.run_all()
    assert [colours(picture) for picture in pictures(notebook)] == ["invert(0) hue-rotate(0deg)"] * 2
    notebook.theme("Dark")
    assert [colours(picture) for picture in pictures(notebook)] == ["invert(0.93) hue-rotate(180deg)"] * 2
    assert notebook.console == []


@pytest.mark.parametrize(("width", "shown"), [(1280, 800), (1920, 960)])
def test_they_use_the_room_that_there_is(lab: Lab, width: int, shown: int) -> None:
    notebook = lab.cells(CONNECT, CALL, "concurrency_lab()")
    notebook.page.set_viewport_size({"width": width, "height": 900})
    notebook.run_all()
    box = pictures(notebook)[0].bounding_box()
    assert box and shown <= box["width"] <= 960
