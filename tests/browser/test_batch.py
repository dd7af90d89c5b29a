"""A batch in a cell: its bar, and what ■ leaves."""

from playwright.sync_api import expect

from browser.jupyter import Lab

CONNECT = "from helpers import connect, last_batch, process_questions_batch, watch\nconnect()"
BATCH = """
questions = [f"Question {number}?" for number in range(500)]
with watch() as trace:
    answers = await process_questions_batch(questions, max_concurrency=2)
"""
AFTERWARDS = """
import asyncio
kept, summary = last_batch(), last_batch().summary
running = [task for task in asyncio.all_tasks() if "helpers" in str(task.get_coro())]
print(len(kept), [answer.question for answer in kept] == questions, summary.succeeded + summary.failed.total())
print(sum(answer.success for answer in kept) == summary.succeeded > 20, summary.stopped, running)
print({call.outcome for call in trace.calls} <= {"ok", "cancelled"}, len(trace.calls) < 500)
"""


def test_a_batch_is_stopped_and_keeps_what_it_has(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, BATCH, AFTERWARDS)
    notebook.run(1)
    notebook.start(2)
    expect(notebook.output(2)).to_contain_text("answers/s")
    expect(notebook.output(2)).to_contain_text("cost=")
    notebook.interrupt()
    notebook.wait(2)
    expect(notebook.output(2)).to_contain_text("What was finished is kept: see last_batch().")
    notebook.run(3)
    assert notebook.text(3).splitlines() == ["500 True 500", "True It was interrupted. []", "True True"]


def test_a_short_batch_shows_no_bar(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, 'answers = await process_questions_batch(["What is Go?"])\nprint(len(answers))')
    notebook.run_all()
    assert notebook.text(2) == "1" and notebook.errors() == []
