"""A practice kernel: cells that fail, the lesson's kind of code, interrupts, restarts, and an orderly end."""

import socket
from pathlib import Path

import psutil
import pytest

from notebooks.kernel import ROOT, Cell, failures, kernel, run_all


def test_a_cell_that_never_answers_is_noticed(tmp_path: Path) -> None:
    cells = [Cell("1 + 1"), Cell("import asyncio; await asyncio.Event().wait()"), Cell("2 + 2")]
    with kernel(tmp_path) as client:
        run_all(client, cells, seconds=3)
    assert [cell.status for cell in cells] == ["ok", "unanswered", "unanswered"]
    assert len(failures(cells)) == 2


def test_a_cell_that_fails_is_noticed(tmp_path: Path) -> None:
    cells = [Cell("1 / 0", may_fail=True), Cell("int('x')"), Cell("2 + 2")]
    with kernel(tmp_path) as client:
        run_all(client, cells)
    assert [cell.status for cell in cells] == ["error", "error", "aborted"]
    assert failures(cells)[0].startswith("cell 2 (\"int('x')\"): error ValueError")


SETUP = """
from helpers import connect
connect()
import nest_asyncio
nest_asyncio.apply()
"""

# code as it stands in tutorials: a client in each function, a key in the source, asyncio.run at the end
SCRIPTS = [
    """
import asyncio
from openai import AsyncOpenAI

async def tell(topic):
    client = AsyncOpenAI(api_key="your-key")
    reply = await client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": topic}])
    return reply.choices[0].message.content

async def main():
    print("one:", await tell("What is Python?"))

asyncio.run(main())
""",
    """
import time

async def timed(client, model, topic):
    begin = time.time()
    reply = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": topic}])
    return {"model": model, "tokens": reply.usage.total_tokens, "time": time.time() - begin}

async def main():
    client = AsyncOpenAI(api_key="your-key")
    rows = await asyncio.gather(*[timed(client, model, "What is Go?") for model in ["gpt-4o-mini", "gpt-4o"]])
    print("two:", [row["model"] for row in rows])

asyncio.run(main())
""",
    """
from openai import OpenAI

topics = ["What is Python?", "What is Go?", "What is Rust?"]

def one_by_one():
    client = OpenAI(api_key="your-key")
    replies = []
    for t in topics:
        reply = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": t}])
        replies.append(reply.choices[0].message.content)
    return replies

async def at_once():
    client = AsyncOpenAI(api_key="your-key")
    async def tell(t):
        reply = await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": t}])
        return reply.choices[0].message.content
    return await asyncio.gather(*[tell(t) for t in topics])

print("three:", len(one_by_one()), len(asyncio.run(at_once())))
""",
    """
async def careful(client, topic):
    try:
        reply = await client.chat.completions.create(model="gpt-99", messages=[{"role": "user", "content": topic}])
        return {"success": True, "answer": reply.choices[0].message.content}
    except Exception as problem:
        return {"success": False, "error": str(problem)}

async def main():
    client = AsyncOpenAI(api_key="your-key")
    print("four:", await asyncio.gather(*[careful(client, t) for t in topics]))

asyncio.run(main())
""",
    """
async def stream():
    client = AsyncOpenAI(api_key="your-key")
    pieces = await client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "What is Go?"}], stream=True)
    print("five:", len([piece async for piece in pieces]) > 5)

asyncio.run(stream())
await stream()
""",
]


def test_code_of_the_lessons_shape_runs_unchanged(tmp_path: Path) -> None:
    cells = [Cell(SETUP), *map(Cell, SCRIPTS)]
    with kernel(tmp_path) as client:
        run_all(client, cells)
    assert not failures(cells)
    one, two, three, four, five = (cell.text for cell in cells[1:])
    assert one.startswith("one: Python is")
    assert two == "two: ['gpt-4o-mini', 'gpt-4o']\n"
    assert three == "three: 3 3\n"
    assert four.count("'success': False") == 3 and "gpt-99" in four
    assert five == "five: True\n" * 2


def test_nest_asyncio_applied_with_calls_in_flight(tmp_path: Path) -> None:
    cells = [
        Cell("from helpers import ask_ai, connect, watch; connect(); import asyncio"),
        Cell("calls = [asyncio.ensure_future(ask_ai(q)) for q in ('What is Go?', 'What is Rust?', 'What is Java?')]"),
        Cell("import nest_asyncio2; nest_asyncio2.apply()"),
        Cell("asyncio.run(ask_ai('What is Python?'))"),
        Cell("print(len([text for text in await asyncio.gather(*calls) if text]))"),
    ]
    with kernel(tmp_path) as client:
        run_all(client, cells)
    assert not failures(cells)
    assert cells[-1].text == "3\n"


def test_time_magic_says_what_lesson_03_says_of_it(tmp_path: Path) -> None:
    cells = [Cell("%%time\nimport asyncio\nawait asyncio.sleep(0)")]
    with kernel(tmp_path) as client:
        run_all(client, cells)
    assert any("SyntaxError" in error and "'await' outside function" in error for error in cells[0].errors)
    lesson = (ROOT / "notebooks" / "03_timing.ipynb").read_text(encoding="utf-8")
    assert "SyntaxError: 'await' outside function" in lesson


def test_two_kernels_and_a_restart(tmp_path: Path) -> None:
    ask = "from helpers import ask_ai, connect; connect(); print(await ask_ai('What is Python?'))"
    with kernel(tmp_path) as first, kernel(tmp_path) as second:
        for client in (first, second):
            cells = [Cell(ask)]
            run_all(client, cells)
            assert not failures(cells)
    with kernel(tmp_path) as again:
        cells = [Cell(ask)]
        run_all(again, cells)
        assert not failures(cells)


STUCK = """
import threading
import time
from helpers import faults
from helpers.session.state import state as _session

def tell():
    while not _session.api.served:
        time.sleep(0.01)
    print("in flight", flush=True)

with faults(hanging="stuck"):
    _session.api.served.clear()
    threading.Thread(target=tell).start()
    {call}
"""


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("ask(OpenAI())", "KeyboardInterrupt"),
        ("await ask(AsyncOpenAI())", "CancelledError"),
    ],
)
def test_an_interrupt_stops_a_call_and_leaves_practice_mode_working(tmp_path: Path, call: str, error: str) -> None:
    stuck = Cell(STUCK.format(call=call), may_fail=True)
    cells = [
        Cell("from helpers import ask_ai, connect; from openai import AsyncOpenAI, OpenAI; connect()"),
        Cell(
            "def ask(client):\n"
            "    messages = [{'role': 'user', 'content': 'stuck'}]\n"
            "    return client.chat.completions.create(model='gpt-6-luna', messages=messages)"
        ),
        stuck,
        Cell("print(await ask_ai('What is Python?'))"),
    ]
    with kernel(tmp_path) as client:
        run_all(client, cells, on_text=lambda cell: client.interrupt() if cell is stuck else None)
    assert not failures(cells)
    assert stuck.errors[0].startswith(error)
    assert cells[-1].text.startswith("Python is")


def test_leaving_the_kernel_leaves_nothing_behind(tmp_path: Path) -> None:
    """An orderly end, with a client that nobody closed, and boxes at work: no process, no port, no complaint."""
    ask = Cell("from helpers import ask_ai, connect, session; connect(); await ask_ai('What is Go?')")
    boxes = Cell(
        "import asyncio; from helpers import batch_box, concurrency_lab, faults, heartbeat, question_box\n"
        f"import sys; sys.path.append({str(ROOT / 'tests')!r}); from boxes import press\n"
        "trouble = faults(hanging=1); trouble.__enter__()\n"
        "box, batch = question_box('What is Go?'), batch_box(['What is Go?'])\n"
        "lab, pulse = concurrency_lab(), heartbeat()\n"
        "pulse.start(); press(box, 'Ask'); press(batch, 'Run'); press(lab, 'Measure'); await asyncio.sleep(0.3)\n"
        "print(box.busy, batch.busy, lab.busy, pulse.beating)"
    )
    address = Cell("import os; print(os.getpid(), session.state.state.url)")
    with (tmp_path / "stderr").open("w+") as stderr:
        with kernel(tmp_path, stderr=stderr, ends_itself=True) as client:
            run_all(client, [ask, boxes, address])
        stderr.seek(0)
        complaints = [line for line in stderr if "WARNING" not in line]
    assert boxes.text == "True True True True\n"
    assert complaints == []
    pid, url = address.text.split()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(url.split(":")[2].split("/")[0])), timeout=1)
    assert not psutil.pid_exists(int(pid))
    assert [path.name for path in tmp_path.iterdir()] == ["stderr"]
