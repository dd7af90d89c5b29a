"""The concurrency lab and the heartbeat as their users see them."""

import re

import pytest
from playwright.sync_api import Locator, expect

from browser.axe import axe
from browser.jupyter import Lab

CONNECT = "from helpers import concurrency_lab, connect, heartbeat\nconnect()"


def status(box: Locator) -> Locator:
    return box.get_by_role("status")


def test_measuring_by_keyboard(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, "experiment = concurrency_lab()\nexperiment", "print(experiment)")
    notebook.run(1)
    notebook.run(2)
    box = notebook.page.locator(".workbook-concurrency-lab")
    slider = box.get_by_label("calls in flight", exact=True)
    expect(slider).to_have_value("2")
    slider.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowRight", "ArrowLeft"):
        notebook.page.keyboard.press(key)
    expect(slider).to_have_value("4")
    expect(box.locator(".workbook-slider span")).to_have_text("4")
    measure = box.get_by_role("button", name="Measure")
    for _ in range(3):  # past the two lists
        notebook.page.keyboard.press("Tab")
    expect(measure).to_be_focused()
    notebook.page.keyboard.press("Enter")
    expect(status(box)).to_have_text("Measuring 4 in flight …")
    expect(box).to_contain_text(re.compile(r"\d answers …"))
    expect(box).to_contain_text("being measured")
    expect(status(box)).to_have_text(
        re.compile(r"At 4 in flight: [\d.]+ answers a second, no 429s, 95 % answered within [\d.]+ s\."), timeout=30_000
    )
    expect(box.get_by_role("img", name="At 4 in flight: ")).to_be_visible()

    slider.focus()
    notebook.page.keyboard.press("End")
    measure.press("Space")
    expect(status(box)).to_contain_text("The knee lies between 4 and 60:", timeout=30_000)
    notebook.run(3)
    assert re.search(r"\n +4 +[\d.]+ +0 %.*\n +60 +[\d.]+ +\d+ %", notebook.text(3))
    assert notebook.errors() == notebook.console == []


def test_stop_and_clear(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, "experiment = concurrency_lab()\nexperiment")
    notebook.run(1)
    notebook.run(2)
    box = notebook.page.locator(".workbook-concurrency-lab")
    box.get_by_role("button", name="Measure").click()
    expect(status(box)).to_have_text("Measuring 2 in flight …")
    box.get_by_role("button", name="Stop").click()
    expect(status(box)).to_have_text("Stopped: nothing is kept of this measurement.")
    box.get_by_label("rate limit").select_option("40 a second")
    expect(box).to_contain_text("rate limit: 40 a second")
    assert notebook.evaluate("experiment.setting.rate") == 40
    assert notebook.console == []


def test_a_blocked_loop_stops_the_pulse(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, "pulse = heartbeat()\npulse", "import time\ntime.sleep(3)")
    notebook.run(1)
    notebook.run(2)
    box = notebook.page.locator(".workbook-heartbeat")
    expect(box).to_contain_text("The loop is running.")
    beat = box.locator(".sign")
    first = beat.get_attribute("data-beat")
    expect(beat).not_to_have_attribute("data-beat", first or "")

    notebook.start(3)
    expect(box).to_contain_text(re.compile(r"The loop is blocked: no beat for \d\.\d s\."))
    assert notebook.output(3).page.locator(".jp-InputPrompt >> text=[*]").count(), "while the cell ran"
    notebook.wait(3)
    expect(box).to_contain_text("The loop is running.")
    expect(status(box)).to_have_text(re.compile(r"The loop stood still for 3\.\d s: something blocked it\."))
    expect(box.get_by_role("img", name=re.compile(r"it stood still for 3\.\d s"))).to_be_visible()
    box.get_by_role("button", name="Stop").press("Enter")
    expect(box).to_contain_text("Resting. Press Start.")
    assert "heartbeat" not in notebook.evaluate("[each.name for each in __import__('threading').enumerate()]")
    assert notebook.errors() == notebook.console == []


def test_stop_pressed_while_the_loop_is_blocked(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, "pulse = heartbeat()\npulse", "import time\ntime.sleep(2)", "pulse.beating")
    for number in (1, 2):
        notebook.run(number)
    box = notebook.page.locator(".workbook-heartbeat")
    expect(box).to_contain_text("The loop is running.")
    notebook.start(3)
    expect(box).to_contain_text("The loop is blocked")
    box.get_by_role("button", name="Stop").click()
    expect(box).to_contain_text("Resting. Press Start.")
    notebook.run(4)
    assert notebook.text(4) == "False"
    assert notebook.errors() == notebook.console == []


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_can_be_read(lab: Lab, theme: str) -> None:
    notebook = lab.cells(
        CONNECT,
        "experiment = concurrency_lab()\nexperiment",
        "await experiment.measure(12, seconds=0.5)",
        "heartbeat()",
    )
    notebook.theme(theme)
    for number in (1, 2, 3, 4):
        notebook.run(number)
    expect(notebook.page.locator(".workbook-heartbeat")).to_contain_text("The loop is running.")
    assert axe(notebook, ".workbook-concurrency-lab, .workbook-heartbeat") == []
    notebook.page.locator(".workbook-heartbeat").get_by_role("button", name="Stop").click()
    expect(notebook.page.locator(".workbook-heartbeat")).to_contain_text("Resting.")
    assert axe(notebook, ".workbook-heartbeat") == []


def test_who_wants_less_motion_gets_none(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, "heartbeat()")
    notebook.run(1)
    notebook.run(2)
    sign = notebook.page.locator(".workbook-heartbeat .beating .sign")
    expect(sign).to_have_css("animation-name", "workbook-beat")
    notebook.page.emulate_media(reduced_motion="reduce")
    expect(sign).to_have_css("animation-name", "none")
