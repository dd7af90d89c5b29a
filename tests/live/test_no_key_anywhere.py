"""A learner's key, brought in by every way there is, and then everything that may show it: it is nowhere.

It may be in the environment of the kernel and its children, where the SDK reads it, and in the learner's own `.env`.
"""

import base64
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from notebooks.kernel import ROOT

from live.canary import Canaries, new_key
from live.listener import Listener, command_lines, files_below, listening
from live.service import (
    Service,
    broken_off,
    chunk,
    completion,
    cut,
    event,
    hangs,
    refuses,
    running,
    says,
    streams,
    zipped,
)

pytestmark = pytest.mark.slow  # all that can show a key, in a kernel of its own

LEARNERS = ("helpers", "notebooks", "exercises", "solutions")  # folders
HIDDEN = "(your key, hidden)"

# a question, and what comes in place of an answer; the SDK raises each of its errors for one of them
ODD = {
    "bad request": refuses(400),
    "bad request, elsewhere": says(400, {"detail": [{"loc": ["header"], "msg": "KEY is no token"}]}),
    "wrong key": refuses(401, "invalid_api_key"),
    "wrong key, zipped": zipped(refuses(401, "invalid_api_key")),
    "wrong key, in pieces": cut(refuses(401, "invalid_api_key")),
    "not allowed": refuses(403),
    "not there": refuses(404, "model_not_found"),
    "conflict": refuses(409),
    "no sense": refuses(422),
    "too many": refuses(429, "rate_limit_exceeded"),
    "no credit": refuses(429, "insufficient_quota"),
    "its own fault": refuses(500),
    "a teapot": refuses(418),
    "a page": says(200, "<html><title>Welcome, KEY</title></html>", "text/html", x_your_key="KEY"),
    "an error page": says(502, "<html><title>Sorry, KEY</title></html>", "text/html", x_your_key="KEY"),
    "no JSON": says(200, "KEY: welcome", x_your_key="KEY"),
    "half JSON": says(200, '{"choices": [{"message": {"content": "KEY', x_your_key="KEY"),
    "a list": says(200, ["KEY", {"KEY": "KEY"}]),
    "away": says(307, "to KEY", "text/plain", location="/v1/chat/completions", x_your_key="KEY"),
    "hanging": hangs,
    "/hanging/models": hangs,
    "/refused/models": refuses(401, "invalid_api_key"),
    "dropped": broken_off(says(200, "")),
    "half an answer": broken_off(says(200, completion("You are KEY"))),
    "an echo": says(200, completion("You are KEY", {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2})),
    "a stream": cut(
        streams(chunk("You are KEY"), chunk("!", {"prompt_tokens": 1, "completion_tokens": 1}), "data: [DONE]\n\n")
    ),
    "a zipped stream": zipped(streams(chunk("You are KEY"), "data: [DONE]\n\n")),
    "a stream with an error": cut(streams(chunk("Well"), event({"error": {"message": "KEY is wrong"}}))),
    "a stream of nonsense": cut(streams(chunk("Well"), "data: {KEY\n\n")),
    "a broken stream": broken_off(cut(streams(chunk("You are KEY"), event({"error": {"message": "KEY"}})))),
}

SETUP = """
import asyncio, json, logging, os, pickle, subprocess, sys, threading, traceback, warnings
import ipywidgets, openai, pandas as pd
from dataclasses import asdict
from IPython.display import HTML, JSON, Markdown, display
from openai import AsyncOpenAI, OpenAI
from helpers import *
sys.path.append(TESTS); from boxes import download, find, is_disabled, parts, press
def ask(client, question, **more):
    return client.chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": question}], **more)
key = os.environ["OPENAI_API_KEY"]
""".replace("TESTS", repr(str(ROOT / "tests")))

LOGGING = """
logging.basicConfig(level=logging.DEBUG, filename="all.log", force=True)
for name in ("openai", "httpx2", "httpcore2", "aiohttp", "asyncio"):
    logging.getLogger(name).setLevel(logging.DEBUG)
logging.captureWarnings(True)
warnings.simplefilter("always")
"""

# what shows a key to whoever has it: as it is, shortened, in colours, in another form
SHOWN = """
print(os.environ["OPENAI_API_KEY"])
os.environ["OPENAI_API_KEY"]
print(os.environ)
os.environ
%env
%env OPENAI_API_KEY
!echo $OPENAI_API_KEY
found = !echo $OPENAI_API_KEY
found
settings = {"headers": {"Authorization": "Bearer " + key}, "timeout": 60, "more": [key] * 3}
%who
%whos
key?
settings?
print("sent with:", settings, file=sys.stderr)
pd.Series(settings)
pd.DataFrame([{"name": "me", "key": key}])
from pprint import pprint; pprint(settings)
print(json.dumps({"key": key}), repr(key), key.encode(), [key], {key: key})
display(HTML(f"<b>{key}</b>"), Markdown(key))
JSON({key: key})
shown = ipywidgets.Text(value=key, description=key); shown
out = ipywidgets.Output(); display(out); out.append_stdout(key)
shown.close(), out.close(); del shown, out
import base64; print(base64.b64encode(key.encode()).decode(), base64.b64encode(f"me:{key}".encode()))
import reprlib; print(reprlib.repr(key), reprlib.repr(settings), key[:30], "\\n".join([key[:60], key[60:]]))
get_ipython().set_next_input(key)
answer = input(f"Is it {key}? ")
from helpers import session; vars(session.state.state), vars(session.state.state.live), session.state.state.live.access
"""

CALLS = """
client, aclient = OpenAI(max_retries=0, timeout=0.3), AsyncOpenAI(max_retries=0, timeout=0.3)
vars(client)
client.__dict__
client.api_key, client.auth_headers
aclient.__dict__
client?
vars(await shared_client())
client.models.list()
ask(client, "What is Go?")
await ask(aclient, "What is Go?")
for piece in ask(client, "What is Rust?", stream=True): print(piece)
async for piece in await ask(aclient, "What is Rust?", stream=True): print(piece.choices)
len(await asyncio.gather(*(ask(aclient, f"What is Java? {n}") for n in range(10))))
raw = client.with_raw_response.chat.completions.create(
    model="gpt-6-luna", messages=[{"role": "user", "content": "an echo"}])
raw.text, raw.headers, dict(raw.headers), raw.http_response.request.headers, dict(raw.http_response.request.headers)
vars(raw.http_response), vars(raw.http_request)
openai.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": "What is C?"}])
await ask_ai("What is Go?")
await ask_model(aclient, "gpt-6-luna", "an echo")
await compare_models("What is Go?")
sync_multiple_calls(["What is Go?", "What is Rust?"])
await async_multiple_calls(["What is Go?", "What is Rust?"])
await stream_model(aclient, "gpt-6-luna", "a stream", print)
await safe_api_call(aclient, "an echo")
with watch("all") as trace: await asyncio.gather(compare_models("What is Python?"), safe_api_call(aclient, "wrong key"))
trace
print(trace, repr(trace), trace.calls, [call.attempts for call in trace.calls], vars(trace))
display(HTML(str(trace._repr_mimebundle_()))); timelines(trace, trace)
account()
print(repr(account()), estimate(["What is Go?"] * 100))
welcome()
progress()
"""

FAIL = """
def fails(question, stream):
    key = os.environ["OPENAI_API_KEY"]
    headers = {"Authorization": f"Bearer {key}", "and": [key, key]}
    for piece in ask(client, question, stream=stream):
        print(len(str(piece)))
    raise RuntimeError("it did not fail")
async def fails_async(question, stream):
    key = os.environ["OPENAI_API_KEY"]
    headers = {"Authorization": f"Bearer {key}"}
    answer = await ask(aclient, question, stream=stream)
    if stream:
        async for piece in answer:
            print(len(str(piece)))
    raise RuntimeError("it did not fail")
"""

ERRORS = """
async def every_error():
    errors = {}
    for question in ODD:
        for stream in (False, True):
            for call in (fails, fails_async):
                try:
                    await (asyncio.to_thread(call, question, stream) if call is fails else call(question, stream))
                except Exception as error:
                    errors[question, stream, call.__name__] = error
    for name, options in {"nobody": {"base_url": "http://127.0.0.1:9/v1"}, "no address": {"base_url": "here"}}.items():
        try:
            with OpenAI(max_retries=0, **options) as mine:
                ask(mine, "What is Go?")
        except Exception as error:
            errors[name] = error
    return errors
errors = await every_error()
print(sorted({type(error).__name__ for error in errors.values()}))
each = list(errors.values())
answered = [error.response for error in each if hasattr(error, "response")]
for error in each: print(error, repr(error), error.args, vars(error))
print([repr(error.request) for error in each if hasattr(error, "request")], answered)
print([error.request.headers for error in each if hasattr(error, "request")][:5])
print([response.headers for response in answered], [error.body for error in each if hasattr(error, "body")])
print([dict(response.headers) for response in answered], [response.text for response in answered])
for error in each[::4]: traceback.print_exception(error)
print(*("".join(traceback.TracebackException.from_exception(e, capture_locals=True).format()) for e in each[::9]))
for error in each: logging.error("it failed: %s", error, exc_info=error)
from helpers.wire.failures import explain; explained = [explain(error) for error in each]; print(explained)
dict(list(errors.items())[:3])
"""

# each into a file of its own, which is to have no key in it
FILES = """
def into(name, content):
    with open(name, "wb") as file:
        file.write(content if isinstance(content, bytes) else str(content).encode())
into("errors.txt", [(str(error), repr(error), vars(error)) for error in each])
into("bodies.txt", [response.text for response in answered])
into("headers.txt", [response.headers for response in answered])
into("raw headers.txt", [dict(response.headers) for response in answered])
into("streamed.txt", [list(ask(client, question, stream=True)) for question in ("a stream", "a zipped stream")])
into("explained.pickle", pickle.dumps(explained))
def pickled(error):
    try:
        return pickle.dumps(error)
    except Exception as problem:
        return repr(problem).encode()
into("errors.pickle", b"".join(map(pickled, each)))
into("trace.pickle", b"".join(map(pickled, trace.calls)))
into("widgets.json", json.dumps(ipywidgets.Widget.get_manager_state()))
print([pickled(error) for error in each][:3])
"""

BATCH = """
questions = ["What is Go?", *[each for each in ODD if each not in ("hanging", "wrong key", "no credit", "not there")]]
answers = await process_questions_batch(questions, client=aclient, max_retries=0, timeout=2, save_to="kept.db")
answers
print(answers.summary, [asdict(answer) for answer in answers])
pd.DataFrame(answers).to_csv("kept.csv"); pd.DataFrame([asdict(answer) for answer in answers]).to_csv("more.csv")
pd.DataFrame(answers)
await process_questions_batch(["What is Go?", "wrong key"], max_retries=0, save_to="wrong key.db")
async for answer in process_questions_as_completed(questions[:3], max_retries=0): print(answer)
last_batch()
with_header = AsyncOpenAI(default_headers={"X-Token": key})
await process_questions_batch(["What is Go?", "What is C?"], client=with_header, save_to="more.db", progress=False)
box = question_box("an echo"); box
press(box, "Ask"); await asyncio.sleep(0.2); print(box)
boxes = batch_box(["What is Go?", "wrong key", "an echo"]); boxes
press(boxes, "Run"); await asyncio.sleep(0.3); print(boxes)
print(download(boxes)); into("box.csv", download(boxes)[1]); del box, boxes
"""

EXERCISE = """
async def answer_a_list(questions):
    return await asyncio.gather(*map(ask_ai, questions))
async def shows(questions):
    raise ValueError(key)
async def echoes(questions):
    return [key for question in questions]
print(*[await open_exercise("answer_a_list").check(function) for function in (answer_a_list, shows, echoes)])
await open_exercise("answer_a_list").check(echoes)
progress().export("progress.csv"); progress()
"""

CHILDREN = """
subprocess.run([sys.executable, "-c", "import os, time; print(os.environ); time.sleep(0.4)"])
subprocess.run([sys.executable, "-c", "import os; raise SystemExit(os.environ['OPENAI_API_KEY'])"])
subprocess.run([sys.executable, "-c", "import os, helpers; helpers.connect(live=True); print(os.environ)"])
"""

# what writes by itself: into the log, the terminal, or a picture
BESIDES = """
logging.warning("with %s", settings)
logging.error("it failed", exc_info=ValueError(key), stack_info=True)
warnings.warn(f"with {settings}")
print(key, file=sys.__stdout__, flush=True); print(key, file=sys.__stderr__, flush=True); await asyncio.sleep(0.1)
os.write(1, f"{settings}\\n".encode()); os.write(2, f"{key}\\n".encode()); await asyncio.sleep(0.1)
picture = ipywidgets.Image(value=f"<svg><text>{key}</text></svg>".encode(), format="svg+xml"); picture
picture.close(); display({"text/plain": key, "application/x-mine": {"keys": {"mine": (key, [key])}}}, raw=True)
import multiprocessing; child = multiprocessing.Process(target=print, args=(key,)); child.start(); child.join()
"""

# where there is one
SHELL = [
    "%%bash\nenv; echo $OPENAI_API_KEY >&2",
    'print(subprocess.run(["env"], capture_output=True, text=True).stdout)',
    'os.system("env; for each in $(seq 2000); do echo $OPENAI_API_KEY; done")',
    "!for each in $(seq 300); do echo $OPENAI_API_KEY; done",
]

# how cells fail; in each kind of traceback that shows values
FAILING = """
fails("wrong key", False)
await fails_async("not allowed", False)
fails("a stream with an error", True)
OpenAI(base_url=5)
await process_questions_batch(["What is Go?"], save_to="/nowhere/at/all.db")
await ask_ai("wrong key")
connect(live=True, base_url="http://127.0.0.1:9/v1", key_from="MY_OTHER_KEY")
connect(live=True, key_from=key)
connect(live=True, base_url=f"http://{key}@127.0.0.1:9/v1")
connect(live=True, base_url=key)
connect(live=True, budget=key)
await process_questions_batch(["What is Go?"], options={"extra_headers": {"X-Token": key}}, save_to="third.db")
raise ValueError(key)
assert key == "another", settings
"""

# and where nobody waits for them
UNATTENDED = """
threading.Thread(target=fails, args=("wrong key", False)).start()
import gc; task = asyncio.ensure_future(fails_async("wrong key", False)); await asyncio.sleep(0.1)
del task; gc.collect()
soon = asyncio.get_running_loop().call_soon(fails, "wrong key", False); await asyncio.sleep(0.1)
pressed = ipywidgets.Button(); pressed.on_click(lambda button: fails("wrong key", False)); pressed.click()
"""


@dataclass
class Lab:
    """A learner's computer: a home, a copy of the workbook, and a service that plays the real one."""

    home: Path
    workbook: Path
    service: Service
    keys: list[str] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    lines: set[str] = field(default_factory=set)  # the command lines of all processes
    unexpected: list[str] = field(default_factory=list)  # cells that did not end as they should

    @property
    def listener(self) -> Listener:
        return self.listeners[-1]

    def new_key(self, **shape: str) -> str:
        self.keys.append(new_key(**shape))
        return self.keys[-1]

    @contextmanager
    def kernel(self) -> Iterator[None]:
        log = self.home / f"terminal{len(self.listeners)}.txt"
        with listening(self.workbook / "notebooks", log) as listener:
            self.listeners.append(listener)
            yield

    def each(self, cells: str, expected: str = "ok") -> None:
        """A cell begins with each line that is not indented."""
        for source in re.split(r"\n(?=\S)", cells.strip()):
            cell = self.listener.run(source)
            if cell.status != expected:
                self.unexpected.append(f"{cell.status}: {source}: {cell.text[-200:]}")

    def works(self, source: str) -> str:
        cell = self.listener.run(source.strip())
        assert cell.status == "ok", cell.text[-500:]
        return cell.text

    def hangs(self, source: str) -> None:
        """A call that never ends, until ■ is pressed."""
        before = len(self.service.came)
        cell = self.listener.run(source, interrupt_when=lambda: len(self.service.came) > before)
        assert cell.status == "error", cell.text[-500:]

    def write_env(self, content: bytes) -> None:
        (self.workbook / ".env").write_bytes(content)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """After all that a learner does, with keys that came in by every way."""
    home, workbook = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("workbook")
    for name in LEARNERS:
        shutil.copytree(
            ROOT / name,
            workbook / name,
            ignore=shutil.ignore_patterns(".progress*", "answers.csv", "answers.db*"),
        )
    (home / "tmp").mkdir()
    places = {
        "HOME": home,
        "USERPROFILE": home,
        "IPYTHONDIR": home / "ipython",
        "JUPYTER_CONFIG_DIR": home / "jupyter" / "config",
        "JUPYTER_DATA_DIR": home / "jupyter" / "data",
        "JUPYTER_RUNTIME_DIR": home / "jupyter" / "runtime",
        "XDG_CACHE_HOME": home / "cache",
        "XDG_CONFIG_HOME": home / "config",
        "XDG_DATA_HOME": home / "data",
        "TMPDIR": home / "tmp",
        "PYTHONPATH": os.pathsep.join([str(workbook), os.environ["PYTHONPATH"]]),
    }
    with running(ODD) as service, pytest.MonkeyPatch.context() as patch:
        for name in ("WORKBOOK_MODE", "WORKBOOK_PROGRESS", "OPENAI_API_KEY", "HTTP_PROXY", "HTTPS_PROXY"):
            patch.delenv(name)
        for name, path in places.items():
            patch.setenv(name, str(path))
        patch.setenv("OPENAI_BASE_URL", service.url)
        patch.setenv("OPENAI_LOG", "debug")
        lab = Lab(home, workbook, service)
        with command_lines(lab.lines):
            with lab.kernel():
                type_it(lab)
            patch.setenv("OPENAI_API_KEY", lab.new_key())
            patch.setenv("OPENAI_ADMIN_KEY", lab.new_key())
            with lab.kernel():
                assert "It works" in lab.works("from helpers import connect; connect(live=True)")
                use_everything(lab)
                bring_it_in_files(lab)
                bring_it_by_name(lab)
                bring_it_in_the_panel(lab)
                write_it_into_cells(lab)
                leave_live_mode(lab)
                lab.listener.history()
        yield lab


def use_everything(lab: Lab) -> None:
    """All that a learner does in live mode, and much that goes wrong."""
    lab.works(f"ODD = {[question for question in ODD if not question.startswith('/')]}")
    lab.each("%logstart -o -q lines.py")
    lab.each(SETUP + LOGGING + SHOWN + CALLS + FAIL + ERRORS + FILES + BATCH + EXERCISE + CHILDREN)
    lab.each(BESIDES)
    for source in SHELL if os.name == "posix" else ():
        lab.works(source)
    lab.each("%logstop\n%history -o -f history.txt\n%notebook saved.ipynb")
    for mode in ("Context", "Verbose"):
        lab.works(f"%xmode {mode}")
        lab.each(FAILING, "error")
        lab.each("%tb")
        lab.hangs("ask(OpenAI(), 'hanging')")
        lab.hangs("connect(live=True, base_url=os.environ['OPENAI_BASE_URL'].replace('/v1', '/hanging'))")
    lab.hangs("await ask_ai('hanging')")
    lab.each(UNATTENDED)
    lab.each("%notebook failed.ipynb")
    lab.works("%xmode Context")
    for code in ("key", "client.api_key", "settings", "os.environ"):
        lab.listener.inspect(code)


def use_it(lab: Lab, key: str) -> None:
    """That this is the key, and what shows one most often."""
    lab.service.came.clear()
    lab.works("client, aclient = OpenAI(max_retries=0), AsyncOpenAI(max_retries=0)")
    lab.works("answer = ask(client, 'What is Go?')")
    assert [came.key == key for came in lab.service.came] == [True], "another key was sent"
    lab.each("""
print(os.environ["OPENAI_API_KEY"])
key = os.environ["OPENAI_API_KEY"]
vars(client)
%whos
""")
    lab.each('await ask_ai("wrong key")\nfails("wrong key", False)', "error")


# what an editor, a shell or a learner makes of it
ENV_FILES = {
    "UTF-8": ("utf-8", "OPENAI_API_KEY={}\n"),
    "with a mark at its beginning": ("utf-8-sig", "OPENAI_API_KEY={}\n"),
    "as PowerShell writes it": ("utf-16", "OPENAI_API_KEY={}\r\n"),
    "quoted": ("utf-8", "# mine\nOPENAI_API_KEY = '{}'  # tell nobody\n"),
    "with spaces": ("utf-8", "export OPENAI_API_KEY =   {}  \r\n"),
}


def bring_it_in_files(lab: Lab) -> None:
    for encoding, content in ENV_FILES.values():
        key = lab.new_key()
        lab.write_env(content.format(key).encode(encoding))
        lab.works("del os.environ['OPENAI_API_KEY']")
        assert "with the key in .env" in lab.works("connect(live=True)")
        use_it(lab, key)


def bring_it_by_name(lab: Lab) -> None:
    """Another service's, beside the usual one."""
    usual, key = lab.new_key(), lab.new_key(beginning="", also="+/=.:")
    lab.write_env(f"OPENAI_API_KEY={usual}\nMY_SERVICE_KEY={key}\n".encode())
    lab.works("del os.environ['OPENAI_API_KEY']")
    assert "MY_SERVICE_KEY in .env" in lab.works("connect(live=True, key_from='MY_SERVICE_KEY')")
    use_it(lab, key)
    lab.each("%xmode Verbose\nvars(session.state.state), vars(session.state.state.lent)")
    lab.hangs("connect(live=True, base_url=os.environ['OPENAI_BASE_URL'].replace('/v1', '/hanging'))")


# the name of a computer in the learner's own network
NAME = """
import socket
real = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **named: real("127.0.0.1" if host == "bigbox" else host, *more, **named)
"""


def type_it(lab: Lab) -> None:
    """Into the box that asks for it."""
    key = lab.listener.typed = lab.new_key()
    lab.works(NAME)
    address = lab.service.url.replace("127.0.0.1", "bigbox")
    lab.works(f"from helpers import connect; connect(live=True, base_url={address!r})")
    assert [box["password"] for box in lab.listener.boxes] == [True]
    lab.each(SETUP + FAIL)
    use_it(lab, key)
    lab.works(f"connect(); connect(live=True, base_url={address!r})")
    assert len(lab.listener.boxes) == 1, "it was asked for again"
    use_it(lab, key)
    lab.each(SHOWN)


# until what was begun by the button is done
WAIT = "while is_disabled(panel, 'Go live') or panel.busy: await asyncio.sleep(0.02)"


def bring_it_in_the_panel(lab: Lab) -> None:
    """Into the field that is meant for it, and into the others."""
    lab.works("connect()")
    lab.works("panel = key_panel(); panel")
    lab.works("print(panel)")
    field, url = lab.works("find(panel, 'Go live').model_id").strip("'\n"), lab.service.url
    wrong = [
        {"sent": lab.new_key(), "beside": {"address": url.replace("/v1", "/refused"), "budget": "0.25"}},
        {"sent": "", "beside": {"address": lab.new_key(), "budget": "0.25"}},
        {"sent": "", "beside": {"address": url, "budget": lab.new_key()}},
        {"sent": f"{url}/{lab.new_key()}", "beside": {"address": "", "budget": ""}},
    ]
    for content in wrong:
        lab.listener.send(field, content)
        lab.each(f"await asyncio.sleep(0.02)\n{WAIT}\nprint(panel.status.text)\npanel")
        assert "'practice'" in lab.works("session.state.state.mode")
    key = lab.new_key()
    lab.listener.send(field, {"sent": key, "beside": {"address": url, "budget": "0.25"}})
    lab.each(f"await asyncio.sleep(0.02)\n{WAIT}\nprint(panel, vars(panel), *map(vars, parts(panel)))")
    lab.works("into('panel.json', json.dumps(ipywidgets.Widget.get_manager_state()))")
    use_it(lab, key)
    lab.works("panel.close()")


def write_it_into_cells(lab: Lab) -> None:
    """The cell has it then; what it puts out has not."""
    key = lab.keys[-1]
    for source in (f"OpenAI(api_key='{key}', base_url=5)", f"'{key}'", f"1 / 0, '{key}'", f"fails(f'{key}', False)"):
        lab.listener.run(source, secret=True)


def leave_live_mode(lab: Lab) -> None:
    lab.works("connect()")
    lab.each(
        "print(key)\nvars(session.state.state), vars(session.state.state.lent)\nawait ask_ai('What is Go?')\n%whos"
    )


def nowhere(lab: Lab, places: Iterable[tuple[str, bytes]]) -> None:
    """Asserts that no key is in any of these contents."""
    canaries = Canaries(lab.keys)
    found = [f"{place}: {leak}" for place, content in places if (leak := canaries.found_in(content))]
    assert not found, "\n".join(found)


def test_a_key_would_be_found() -> None:
    key, other = new_key(), new_key()
    secret = key.removeprefix("sk-proj-")
    find = Canaries([other, key]).found_in
    shown = [
        key,
        secret[:16],
        f"{secret[40:90]}...",
        f"\x1b[31m{secret[:9]}\x1b[0m{secret[9:30]}",
        f"a{secret[50:66]}b",
    ]
    coded = [base64.b64encode(f"{before}{key}".encode()).decode() for before in ("", "me:", "a:", "Bearer ")]
    for text in shown + coded:
        assert find(f"what there is: {text}; and more".encode()).startswith("key 1"), text
        assert find(json.dumps([text]).encode()) and find(text.encode("utf-16"))
    for text in (f"sk-proj-{secret[:15]}", secret[::-1], new_key(), "", "sk-proj-" * 9):
        assert not find(text.encode())


# ---- that it did take place --------------------------------------------------------------------------------------

SDK_ERRORS = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "InternalServerError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "UnprocessableEntityError",
]


def test_the_sdk_has_raised_each_of_its_errors(lab: Lab) -> None:
    told = next(cell.text for cell in lab.listener.ran if cell.source.startswith("print(sorted("))
    assert [name for name in SDK_ERRORS if f"'{name}'" not in told] == []


def test_each_cell_ended_as_it_should(lab: Lab) -> None:
    assert not lab.unexpected, "\n".join(lab.unexpected)


def test_the_key_was_covered(lab: Lab) -> None:
    said = b"".join(content for listener in lab.listeners for _, content in listener.said())
    assert said.count(HIDDEN.encode()) > 1_000


# ---- where it is not ---------------------------------------------------------------------------------------------


def test_not_in_what_the_kernel_sends(lab: Lab) -> None:
    nowhere(lab, (said for listener in lab.listeners for said in listener.said()))


def test_not_in_any_file(lab: Lab) -> None:
    assert len(list(lab.home.rglob("*"))) > 5 and (lab.workbook / "exercises" / ".progress.json").exists()
    files = [(path.name, content) for path, content in files_below(lab.home, lab.workbook) if path.name != ".env"]
    names = {name for name, _ in files}
    assert names >= {
        "all.log",
        "kept.db",
        "more.db",
        "kept.csv",
        "errors.pickle",
        "terminal0.txt",
        "history.sqlite",
        "failed.ipynb",
    }
    nowhere(lab, files)


def test_not_in_the_process_list(lab: Lab) -> None:
    assert any("time.sleep(0.4)" in line for line in lab.lines), "the child of a cell was not seen"
    nowhere(lab, [("a process", line.encode()) for line in lab.lines])
