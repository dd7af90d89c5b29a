"""Names of other libraries that are not ours to use: private ones, headers, and the words of their messages.

Each may go with any new version. NAMES says where each is used, and what is lost when it goes; each is looked for in
the library of today, so that an upgrade says it before a learner does. What there is without it stands in
test_without_names_not_ours.py.
"""

import ast
import asyncio
import concurrent.futures.thread
import ctypes
import http.server
import inspect
import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import anywidget
import httpx2
import ipykernel.iostream
import ipywidgets
import jupyter_client.session
import openai
import openai._base_client
import pytest
import tqdm
from IPython.core.interactiveshell import ExecutionInfo, InteractiveShell
from openai import AsyncAzureOpenAI, AsyncOpenAI, DefaultAioHttpClient
from unit import libraries as today

from helpers.widgets.front import TextField

ROOT = Path(__file__).parents[2]
HELPERS = ROOT / "helpers"

posixsubprocess: Any = sys.modules.get("_posixsubprocess")  # of `subprocess`; Windows has none


# ---- the list ------------------------------------------------------------------------------------------------------


class Name(NamedTuple):
    """A name or a text as it stands in `where`; `lost` is what the workbook does not do without it."""

    name: str
    where: str
    lost: str
    is_there: Callable[[], object]

    @property
    def sentence(self) -> str:
        return f"Without {self.name!r} ({self.where}), {self.lost}."


SENDER, FAILURES, CHECK = "batch/sender.py", "wire/failures.py", "session/live/check.py"
RUNNING, WATCHDOG, FENCE, RAISED = "checks/running.py", "checks/watchdog.py", "checks/fence.py", "checks/raised.py"
NOTING = "checks/noting.py"
USUAL_WAY = "the batch takes the SDK's usual way, at more than the double CPU"
NO_WORDS = "an error is told in the library's own words"
NO_END = "a task that swallows its cancellation goes on after its check"
NO_ADVICE = "a check tells Python's error alone, without what to do about it"
NO_BREAK = "a `while True` in a check is not broken off, and takes the kernel with it"

NAMES = [
    # openai
    Name("openai._models", SENDER, USUAL_WAY, lambda: openai._models.FinalRequestOptions),
    Name(
        "_build_request",
        SENDER,
        USUAL_WAY,
        lambda: today.client()._build_request(openai._models.FinalRequestOptions(method="post", url="/x")).headers.raw,
    ),
    Name("_client", SENDER, USUAL_WAY, lambda: isinstance(today.client()._client, httpx2.AsyncClient)),
    Name(
        "_make_status_error_from_response",
        SENDER,
        USUAL_WAY,
        lambda: isinstance(
            today.client()._make_status_error_from_response(
                httpx2.Response(429, request=httpx2.Request("POST", "http://x"))
            ),
            openai.RateLimitError,
        ),
    ),
    *(
        Name(name, SENDER, f"{USUAL_WAY}, since nobody can tell whether its key changes", has)
        for name, has in {
            "_api_key_provider": lambda: vars(today.client())["_api_key_provider"] is None,
            "_provider_runtime": lambda: vars(today.client())["_provider_runtime"] is None,
            "workload_identity": lambda: today.client().workload_identity is None,
            "custom_auth": lambda: today.client().custom_auth is None,
        }.items()
    ),
    Name("security", SENDER, "an administrator's key could go along with each question of a batch", today.key_only),
    Name(
        "_reset_client",
        "wire/clients.py",
        "openai.chat.completions… goes on asking whom it asked before, after the next connect()",
        lambda: callable(openai._reset_client),  # type: ignore[attr-defined]
    ),
    Name(
        "x-stainless-lang",
        "wire/exchange.py",
        "the SDK's requests are told from others by their user agent, and more slowly",
        lambda: today.sent()[0].headers["x-stainless-lang"],
    ),
    Name(
        "x-stainless-",
        "wire/model_calls.py",
        "the requests of OpenAI's other SDKs are told by their user agent alone",
        lambda: [name for name in today.sent()[0].headers if name.startswith("x-stainless-")],
    ),
    Name(
        "x-stainless-retry-count",
        "wire/exchange.py",
        "the SDK's retries are drawn as calls of their own, and a failed call is said to have been sent once",
        lambda: [each.headers["x-stainless-retry-count"] for each in today.sent(retries=1)] == ["0", "1"],
    ),
    Name(
        r"\w+/(Python|JS) \d",
        "wire/model_calls.py",
        "the SDK's requests are told from others by its headers alone",
        lambda: re.match(r"\w+/(Python|JS) \d", today.sent()[0].headers["user-agent"]),
    ),
    Name(
        "Azure",
        "wire/model_calls.py",
        "an Azure client that asks an address of another kind is not told as one",
        lambda: "Azure" in AsyncAzureOpenAI(api_key="k", api_version="1", azure_endpoint="http://x").user_agent,
    ),
    Name(
        "Client.aclose",
        "mock_api/server.py",
        "a learner's forgotten client may be closed on the mock API's loop, which prints a traceback",
        lambda: all(
            kind.aclose.__qualname__.endswith("Client.aclose")
            for kind in (openai._base_client.AsyncHttpxClientWrapper, DefaultAioHttpClient)
        ),
    ),
    Name(
        "aclose",
        RUNNING,
        "a client that closes itself after a check is told as a task that was left running",
        lambda: httpx2.AsyncClient.aclose.__qualname__.endswith("aclose"),
    ),
    Name(
        "_client.py",
        WATCHDOG,
        "building a client, which takes its time once, is told as code that blocks the loop",
        lambda: today.file_of(AsyncOpenAI.__init__).endswith("_client.py"),
    ),
    Name(
        '"openai" in Path',
        NOTING,
        "a `create()` that nobody awaited is not found, since the SDK's wrapper stands around it",
        lambda: "openai" in Path(today.file_of(AsyncOpenAI.__init__)).parts,
    ),
    Name("credentials", FAILURES, NO_WORDS, lambda: "credentials" in today.raised(today.makes_a_client_without_a_key)),
    Name(
        "APIRemovedInV1",
        RAISED,
        NO_ADVICE,
        lambda: "APIRemovedInV1" in today.raised(lambda: openai.Completion.create()),
    ),  # type: ignore[attr-defined]
    # httpx2 and aiohttp
    *(
        Name(text, where, lost, lambda: "client has been closed" in today.raised(today.asks_a_closed_client))
        for text, where, lost in [
            ("client has been closed", FAILURES, NO_WORDS),
            ("client has been closed", RAISED, NO_ADVICE),
        ]
    ),
    *(
        Name(name, FAILURES, "a connection that broke off is told as one that was never made, or as a timeout", has)
        for name, has in {
            "RemoteProtocolError": lambda: httpx2.RemoteProtocolError,
            "ReadError": lambda: httpx2.ReadError,
            "WriteError": lambda: httpx2.WriteError,
            "ClientOSError": lambda: aiohttp.ClientOSError,
            "Disconnected": lambda: "Disconnected" in aiohttp.ServerDisconnectedError.__name__,
        }.items()
    ),
    *(
        Name(name, FAILURES, "a service that cannot be reached is told as a timeout", has)
        for name, has in {
            "ConnectError": lambda: httpx2.ConnectError,
            "ClientConnector": lambda: aiohttp.ClientConnectorError.__name__.startswith("ClientConnector"),
            "ConnectTimeout": lambda: httpx2.ConnectTimeout,
            "ConnectionTimeout": lambda: aiohttp.ConnectionTimeoutError.__name__.startswith("ConnectionTimeout"),
            "ClientConnectionError": lambda: aiohttp.ClientConnectionError,
            "PoolTimeout": lambda: httpx2.PoolTimeout,
        }.items()
    ),
    Name(
        "Timeout",
        FAILURES,
        "a timeout is told as a service that cannot be reached",
        lambda: all("Timeout" in each.__name__ for each in (openai.APITimeoutError, httpx2.ReadTimeout, TimeoutError)),
    ),
    Name(
        "RequestNotRead",
        "wire/bodies.py",
        "what is sent piece by piece fails while it is watched",
        lambda: "RequestNotRead" in today.raised(today.streams_piece_by_piece),
    ),
    *(
        Name(
            name,
            CHECK,
            "live mode tells that the proxy refuses, and not that it wants a password",
            lambda name=name: name in today.speaks_plainly(today.REFUSED_BY_A_PROXY, today.asks_by_a_proxy),
        )
        for name in ("ProxyError", "407")
    ),
    # asyncio and concurrent.futures
    Name(
        "different event loop", FAILURES, NO_WORDS, lambda: "different event loop" in today.raised(today.crosses_loops)
    ),
    Name("loop is closed", FAILURES, NO_WORDS, lambda: "loop is closed" in today.raised(today.calls_a_closed_loop)),
    *(
        Name(name, RUNNING, NO_END, today.task_that_waits)
        for name in ("_log_destroy_pending", "_fut_waiter", "_callbacks")
    ),
    Name("_unregister_task", RUNNING, NO_END, lambda: callable(asyncio.tasks._unregister_task)),
    Name(
        "exception was never retrieved",
        RUNNING,
        "asyncio prints a traceback beside a check's verdict",
        lambda: today.said_of_a_lost_error().endswith("exception was never retrieved"),
    ),
    *(
        Name(
            name,
            WATCHDOG,
            "no line of the learner's is found, so that nothing is said to block, and nothing is broken off",
            lambda: today.file_of(asyncio.Handle._run).endswith("events.py"),
        )
        for name in ("_run", "events.py")
    ),
    Name(
        "_worker",
        WATCHDOG,
        "a run that waits for ever beside an idle pool of threads is stopped at five seconds, and not sooner",
        lambda: concurrent.futures.thread._worker.__code__,
    ),
    Name(
        "_global_shutdown_lock",
        WATCHDOG,
        "after a thread's work was broken off, asyncio.to_thread may hang until the kernel is restarted",
        lambda: (
            concurrent.futures.thread._global_shutdown_lock.acquire(timeout=1)
            and (concurrent.futures.thread._global_shutdown_lock.release() is None)
        ),
    ),
    Name(
        "submit",
        WATCHDOG,
        "what breaks off a check may leave the locks of a pool of threads locked",
        lambda: today.file_of(concurrent.futures.ThreadPoolExecutor.submit) == concurrent.futures.thread.__file__,
    ),
    # CPython
    *(
        Name("sys._current_frames", where, lost, lambda: threading.get_ident() in sys._current_frames())
        for where, lost in {
            WATCHDOG: "a check does not say which line blocks the loop, and does not break off what never ends",
            "checks/owner.py": "a check may take a thread of another library's for the learner's",
        }.items()
    ),
    Name(
        "sys._getframe",
        FENCE,
        "a check stops the little programs that Python's own `platform` asks what computer this is, too",
        lambda: sys._getframe(0).f_globals["__name__"] == __name__,
    ),
    Name("PyThreadState_SetAsyncExc", WATCHDOG, NO_BREAK, lambda: ctypes.pythonapi.PyThreadState_SetAsyncExc),
    Name("Py_IncRef", RUNNING, NO_END, lambda: ctypes.pythonapi.Py_IncRef),
    *(
        Name(
            name,
            FENCE,
            "a check does not stop the processes that multiprocessing starts",
            lambda: posixsubprocess is None or callable(posixsubprocess.fork_exec),
        )
        for name in ("_posixsubprocess", "fork_exec")
    ),
    *(
        Name(
            name,
            WATCHDOG,
            "a learner's code that waits for a lock or a socket is not told as what blocks the loop",
            has,
        )
        for name, has in {
            "socket.py": lambda: today.file_of(socket.SocketIO.readinto).endswith("socket.py"),
            "ssl.py": lambda: (
                today.file_of(ssl.SSLSocket.recv).endswith("ssl.py") and today.file_of(ssl.SSLSocket.read)
            ),
            "threading.py": lambda: today.file_of(threading.Semaphore.acquire).endswith("threading.py"),
        }.items()
    ),
    *(
        Name(
            name,
            NOTING,
            "a coroutine that nobody awaited is not found by a check",
            lambda: re.match(
                "coroutine 'nothing' was never awaited(?s:.*)File \"(.+)\", line", today.warned_of(today.nothing)
            ),
        )
        for name in ("was never awaited", 'File "(.+)", line')
    ),
    Name(
        "WRONG_VERSION_NUMBER",
        CHECK,
        "live mode does not say that an address wants http:// in place of https://",
        lambda: "WRONG_VERSION_NUMBER" in today.speaks_plainly(b"HTTP/1.1 400 Bad Request\r\n\r\n", today.asks_in_tls),
    ),
    Name(
        "gaierror",
        CHECK,
        "live mode does not say that a host cannot be found, but that it cannot be reached",
        lambda: today.raised(today.looks_up_nobody).startswith("gaierror"),
    ),
    Name(
        "BaseHTTP/",
        "session/live/unlisted.py",
        "a small service in Python without a list of models is taken for a web page",
        lambda: http.server.BaseHTTPRequestHandler.server_version.startswith("BaseHTTP/"),
    ),
    # the words of Python and asyncio, by which a check gives advice
    *(
        Name(text, RAISED, NO_ADVICE, lambda text=text, call=call: text in today.raised(call))
        for text, call in {
            "asyncio.run() cannot be called": today.runs_in_a_loop,
            "'coroutine' object": today.uses_a_coroutine,
            "'_GatheringFuture' object": today.uses_a_gathering,
            "context manager protocol": lambda: today.enters(asyncio.Semaphore(1)),
            "await wasn't used with future": today.leaves_a_future,
            "Passing coroutines is forbidden": today.waits_for_coroutines,
            "InvalidStateError": today.asks_too_early,
            "'_asyncio.Task' object": today.uses_a_task,
            "unhashable type: 'list'": today.gathers_a_list,
            "a coroutine or an awaitable is required": today.gathers_results,
            "is not defined": lambda: eval("nobody"),
        }.items()
    ),
    *(
        Name(
            text,
            RAISED,
            NO_ADVICE,
            lambda: re.search("can't be (awaited|used in 'await' expression)", today.raised(lambda: today.awaits(1))),
        )
        for text in ("can't be used in 'await' expression", "object can't be awaited")  # before Python 3.14, and since
    ),
    # Jupyter and its widgets
    Name(
        "_original_stdstream_copy",
        "session/live/kernel.py",
        "what a program prints that the learner starts may show a key in JupyterLab's own terminal",
        lambda: "_original_stdstream_copy" in inspect.getsource(ipykernel.iostream.OutStream),
    ),
    Name(
        "session.send",
        "session/live/kernel.py",
        "live mode refuses to start in a notebook, since it could not hide the key in what the kernel sends",
        lambda: today.takes(jupyter_client.session.Session.send, "stream", "msg_or_type", "content"),
    ),
    Name(
        '"ipykernel"',
        "batch/progress.py",
        "the bar of a batch is shown in red, like an error",
        lambda: ipykernel.iostream.OutStream.__module__.startswith("ipykernel"),
    ),
    Name(
        "cell_id",
        "widgets/base.py",
        "a cell that is run again leaves the work of its last box running",
        lambda: today.takes(ExecutionInfo.__init__, "cell_id"),
    ),
    Name(
        "_render_traceback_",
        "course/exercise.py",
        "■ during a check is told by a traceback, and not in two sentences",
        lambda: "_render_traceback_" in inspect.getsource(InteractiveShell.showtraceback),
    ),
    Name(
        "_repr_mimebundle_",
        "widgets/base.py",
        "a box shows itself by a view that is made by hand",
        lambda: "application/vnd.jupyter.widget-view+json" in (ipywidgets.HTML()._repr_mimebundle_() or {}),
    ),
    *(
        Name(
            name,
            where,
            "a picture or a table is shown as plain text",
            lambda name=name: name in today.asked_by_ipython(),
        )
        for name, where in {
            "_repr_mimebundle_": "wire/trace.py",
            "_repr_markdown_": "course/logbook.py",
            "_repr_html_": "course/overview.py",
        }.items()
    ),
    Name(
        "_esm",
        "widgets/front.py",
        "the fields for texts and passwords stay empty",
        lambda: issubclass(TextField, anywidget.AnyWidget) and TextField(print).has_trait("_esm"),
    ),
    Name(
        "tqdm(",
        "batch/progress.py",
        "a batch shows no progress bar",
        lambda: today.takes(tqdm.tqdm.__init__, "total", "file", "delay", "mininterval", "ncols", "bar_format"),
    ),
    Name(
        "--jp-shadow-base-lightness",
        "timeline/card.py",
        "pictures are white cards in JupyterLab's dark themes, too",
        lambda: today.theme_variable("--jp-shadow-base-lightness") == {"light": "0", "dark": "32"},
    ),
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{name.name} in {name.where}")
def test_the_library_of_today_has_it(name: Name) -> None:
    """What is lost with the name stands in the list, and in the failure's message."""
    try:
        found, why = bool(name.is_there()), "It is not there any more."
    except Exception as error:
        found, why = False, f"{type(error).__name__}: {error}"
    assert found, f"{name.sentence} {why}"


def test_what_is_lost_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(openai, "_reset_client")
    (name,) = (each for each in NAMES if each.name == "_reset_client")
    with pytest.raises(
        AssertionError, match=r"^Without '_reset_client' \(wire/clients.py\), openai\.chat\.completions"
    ):
        test_the_library_of_today_has_it(name)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{name.name} in {name.where}")
def test_the_list_names_what_is_used(name: Name) -> None:
    assert name.name in (HELPERS / name.where).read_text("utf-8"), f"{name.where} does without it: take it off the list"


# ---- a name that is not in the list --------------------------------------------------------------------------------

# underscored, and not another library's secret: of named tuples, of our own classes, the end of HTTP_PROXY
OURS = {"_asdict", "_fields", "_introduced", "_proxy"}


def foreign(source: str) -> Iterator[tuple[int, str]]:
    """The line and the name of each use: of private attributes of what is not `self`, private modules, their names as
    strings, the SDK's headers, and of texts that are looked for in errors."""
    tree = ast.parse(source)
    slots = [
        each for each in ast.walk(tree) if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__slots__"
    ]
    left_out = {id(node) for each in slots for node in ast.walk(each)}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls", "super()"):
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            names = [node.value] if node.value.isidentifier() else []
            if re.fullmatch(r"x-stainless[\w-]*", node.value):
                yield node.lineno, node.value
        elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant) and _reads_a_message(node):
            yield node.lineno, str(node.left.value)
        for name in names:
            if re.match(r"_[a-z]", name) and name not in OURS:
                yield node.lineno, name  # type: ignore[attr-defined]


def _reads_a_message(node: ast.Compare) -> bool:
    texts = ast.unparse(node.comparators[0])
    return isinstance(node.ops[0], ast.In) and (texts.startswith("str(") or texts in ("texts", "names", "name"))


def test_each_name_that_is_not_ours_is_in_the_list() -> None:
    for path in sorted(HELPERS.rglob("*.py")):
        where = path.relative_to(HELPERS).as_posix()
        listed = [each.name for each in NAMES if each.where == where]
        for line, name in foreign(path.read_text("utf-8")):
            assert any(name in each for each in listed) or name in READS_ITS_OWN.get(where, ()), (
                f"helpers/{where}, line {line}, uses {name!r}, which is not ours: it may go with any new version. Do "
                "without it; or let the code answer rightly when it is gone, and say in NAMES, and in HOUSE.md, what "
                "is lost then. (If it is the workbook's own, make it public, or put it into OURS.)"
            )


# what only looks like it: the workbook's own texts and columns, names that it asks of itself, IPython's protocol
READS_ITS_OWN = {
    "batch/csv_file.py": ("question",),
    "batch/questions.py": ("question",),
    "course/verdict.py": ("_repr_mimebundle_",),
    "session/pandas_tables.py": ("_repr_html_",),
    "session/state.py": ("KEY",),
}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("client._prepared", "_prepared"),
        ("self.client._prepared", "_prepared"),
        ("sys._xoptions", "_xoptions"),
        ("import _thread", "_thread"),
        ("from openai._types import Omit", "_types"),
        ("from openai import _types", "_types"),
        ("getattr(client, '_prepared')", "_prepared"),
        ("headers['x-stainless-os']", "x-stainless-os"),
        ("'went wrong' in str(error)", "went wrong"),
    ],
)
def test_such_names_are_found(source: str, name: str) -> None:
    assert [each for _, each in foreign(source)] == [name]
    assert not list(foreign("self._own, super()._own, cls._own"))
