"""What would leave the computer while a check runs: each way out is one case. And who is not the run is left alone."""

import _socket
import asyncio
import concurrent.futures
import multiprocessing
import os
import platform
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from openai import AsyncOpenAI

from helpers import ask_ai, open_exercise
from helpers.checks import running
from helpers.checks.fence import PROGRAM, Refused
from helpers.checks.running import Run, Scenario, run
from helpers.course.verdict import Verdict

QUESTIONS = ("What is a heap?", "What is a stack?")
FAR = "192.0.2.1"  # of the addresses that nobody has
NAME = "far.example"
Function = Callable[[list[str]], Awaitable[Any]]

pytestmark = pytest.mark.usefixtures("notebook")


@pytest.fixture(autouse=True)
def quick_exams(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBOOK_PACE", "0.001")
    monkeypatch.setattr(running.ExamAPI, "latency", lambda *_: (0.05, 0.0))


async def ask_all(questions: list[str]) -> list[str]:
    async with AsyncOpenAI() as client:

        async def ask(question: str) -> str:
            asked: Any = [{"role": "user", "content": question}]
            response = await client.chat.completions.create(model="gpt-4o-mini", messages=asked)
            return response.choices[0].message.content or ""

        return await asyncio.gather(*map(ask, questions))


async def ran(function: Function) -> Run:
    return await run(function, Scenario((list(QUESTIONS),), QUESTIONS))


def checked(function: Function) -> Verdict:
    async def main() -> Verdict:
        return await open_exercise("answer_a_list").check(function)

    return asyncio.run(main())


def swallowed(way: Callable[[], Any]) -> None:
    """Tries a way out, and goes on where it is closed, as a learner's `except OSError` would."""
    try:
        way()
    except OSError as error:
        assert isinstance(error, Refused), error


# ---- ways out to another computer ----------------------------------------------------------------------------------


def tcp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def a_descriptor_of_another_socket() -> None:
    with tcp() as first, socket.socket(fileno=os.dup(first.fileno())) as second:
        second.connect((FAR, 80))


def raw_socket() -> None:
    sock = _socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.connect((FAR, 80))
    finally:
        sock.close()


def raw_datagram() -> None:
    sock = _socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.sendto(b"hello", (FAR, 9))
    finally:
        sock.close()


async def open_connection(host: str) -> None:
    await asyncio.open_connection(host, 80)


async def datagram_endpoint() -> None:
    await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(FAR, 9))


def ipv4_inside_ipv6() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
        sock.connect((f"::ffff:{FAR}", 80))


WAYS_OUT: dict[str, tuple[Callable[[], Any], str]] = {
    "connect": (lambda: tcp().connect((FAR, 80)), FAR),
    "connect_ex": (lambda: tcp().connect_ex((FAR, 80)), FAR),
    "connect by name": (lambda: tcp().connect((NAME, 80)), NAME),
    "the base class's connect": (lambda: _socket.socket.connect(tcp(), (FAR, 80)), FAR),
    "IPv4 inside IPv6": (ipv4_inside_ipv6, f"::ffff:{FAR}"),
    "create_connection": (lambda: socket.create_connection((FAR, 80)), FAR),
    "sendto": (lambda: udp().sendto(b"hello", (FAR, 9)), FAR),
    "sendto with flags": (lambda: udp().sendto(b"hello", 0, (FAR, 9)), FAR),
    "sendmsg": (lambda: udp().sendmsg([b"hello"], [], 0, (FAR, 9)), FAR),
    "_socket": (raw_socket, FAR),
    "_socket, datagram": (raw_datagram, FAR),
    "descriptor": (a_descriptor_of_another_socket, FAR),
    "getaddrinfo": (lambda: socket.getaddrinfo(NAME, 80), NAME),
    "getaddrinfo, bytes": (lambda: socket.getaddrinfo(NAME.encode(), 80), NAME),
    "gethostbyname": (lambda: socket.gethostbyname(NAME), NAME),
    "gethostbyname_ex": (lambda: socket.gethostbyname_ex(NAME), NAME),
    "gethostbyaddr": (lambda: socket.gethostbyaddr(FAR), FAR),
    "getfqdn": (lambda: socket.getfqdn(NAME), NAME),
    "getnameinfo": (lambda: socket.getnameinfo((FAR, 80), 0), FAR),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("way", "what"), WAYS_OUT.values(), ids=WAYS_OUT)
def test_each_way_to_another_computer_is_closed(way: Callable[[], Any], what: str) -> None:
    async def leaves(questions: list[str]) -> list[str]:
        swallowed(way)
        return await ask_all(questions)

    verdict = checked(leaves)
    assert verdict.kind == "left the computer", verdict
    assert f"tried to reach {what}; a check lets nothing leave" in verdict.seen


def in_a_thread(way: Callable[[], Any]) -> None:
    thread = threading.Thread(target=swallowed, args=(way,))
    thread.start()
    thread.join(10)


def in_a_pool(way: Callable[[], Any]) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(swallowed, way).result()


def in_a_thread_of_c(way: Callable[[], Any]) -> None:
    import _thread

    over = threading.Event()

    def work() -> None:
        swallowed(way)
        over.set()

    _thread.start_new_thread(work, ())
    assert over.wait(10)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("how", [in_a_thread, in_a_pool, in_a_thread_of_c])
def test_threads_of_the_function_count_too(how: Callable[[Callable[[], Any]], Any]) -> None:
    async def leaves(questions: list[str]) -> None:
        how(lambda: udp().sendto(b"hello", (FAR, 9)))
        how(lambda: socket.gethostbyname(NAME))

    assert asyncio.run(ran(leaves)).refused == [FAR, NAME]


def test_a_pool_of_an_earlier_cell_counts_as_who_gives_it_work() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()

        async def leaves(questions: list[str]) -> None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(pool, swallowed, lambda: socket.gethostbyname(NAME))

        assert asyncio.run(ran(leaves)).refused == [NAME]


def test_what_a_thread_hands_to_the_notebooks_loop_counts_too() -> None:
    async def leaves(questions: list[str]) -> None:
        loop = asyncio.get_running_loop()
        work = partial(asyncio.run_coroutine_threadsafe, loop=loop)
        await asyncio.to_thread(lambda: work(quietly(open_connection(FAR))).result())

    assert asyncio.run(ran(leaves)).refused == [FAR]


async def quietly(work: Awaitable[Any]) -> None:
    with pytest.raises(Refused):
        await work


@pytest.mark.parametrize("own_loop", [False, True])
@pytest.mark.parametrize("work", [lambda: open_connection(FAR), lambda: open_connection(NAME), datagram_endpoint])
def test_asyncios_own_connections(work: Callable[[], Awaitable[None]], own_loop: bool) -> None:
    async def leaves(questions: list[str]) -> None:
        if own_loop:
            await asyncio.to_thread(lambda: asyncio.run(quietly(work())))
        else:
            await quietly(work())

    assert asyncio.run(ran(leaves)).refused in ([FAR], [NAME])


@pytest.mark.parametrize("way", ["send", "sendall", "sendmsg", "sendfile"])
def test_a_connection_that_was_open_before_is_no_way_out(way: str) -> None:
    class Open(socket.socket):
        """At its other end is somebody far away; here nobody can be."""

        def getpeername(self) -> tuple[str, int]:
            return FAR, 443

    Path("file").write_bytes(b"hello")
    with Open(socket.AF_INET, socket.SOCK_STREAM) as sock, Path("file").open("rb") as file:
        given: Any = {"sendmsg": [b"hello"], "sendfile": file}.get(way, b"hello")

        async def leaves(questions: list[str]) -> None:
            swallowed(lambda: getattr(sock, way)(given))

        done = asyncio.run(ran(leaves))
    assert done.refused == [FAR]


def test_a_tls_connection_that_was_open_before_is_none_either() -> None:
    sock = SimpleNamespace(family=socket.AF_INET, getpeername=lambda: (FAR, 443))

    async def leaves(questions: list[str]) -> None:
        for name in ("send", "sendall"):
            swallowed(partial(getattr(ssl.SSLSocket, name), sock, b"hello"))

    assert asyncio.run(ran(leaves)).refused == [FAR, FAR]


def test_the_loop_of_windows_connects_past_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no audit event, so its methods are met; on another system something of the same shape stands for it."""
    went: list[Any] = []

    class Proactor:
        def connect(self, conn: Any, address: Any) -> None:
            went.append(address)

        def sendto(self, conn: Any, buf: bytes, flags: int = 0, addr: Any = None) -> None:
            went.append(addr)

        def send(self, conn: Any, buf: bytes, flags: int = 0) -> None:
            went.append(buf)

    monkeypatch.setattr(asyncio, "IocpProactor", Proactor, raising=False)
    near = ("127.0.0.1", 9)

    async def leaves(questions: list[str]) -> None:
        proactor = Proactor()
        with udp() as sock:
            sock.connect(near)
            swallowed(lambda: proactor.connect(sock, (FAR, 80)))
            swallowed(lambda: proactor.sendto(sock, b"hello", 0, (FAR, 9)))
            swallowed(lambda: proactor.sendto(sock, b"hello", addr=(FAR, 9)))
            proactor.connect(sock, near)
            proactor.send(sock, b"hello")

    assert asyncio.run(ran(leaves)).refused == [FAR] * 3
    assert went == [near, b"hello"]
    Proactor().connect(None, (FAR, 80))
    assert went[-1] == (FAR, 80), "after the check it is as before"


def test_uvloop_has_system_calls_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    went: list[str] = []

    class Loop:
        pass

    for name in (
        *("create_connection", "create_datagram_endpoint", "create_unix_connection", "getaddrinfo", "getnameinfo"),
        *("subprocess_exec", "subprocess_shell"),
    ):
        setattr(Loop, name, lambda self, *_, name=name, **__: went.append(name))
    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(Loop=Loop))
    make = asyncio.Protocol

    async def leaves(questions: list[str]) -> None:
        loop: Any = Loop()
        swallowed(lambda: loop.create_connection(make, FAR, 80))
        swallowed(lambda: loop.create_connection(make, host=NAME, port=80))
        swallowed(lambda: loop.create_datagram_endpoint(make, remote_addr=(FAR, 9)))
        swallowed(lambda: loop.getaddrinfo(NAME, 80))
        swallowed(lambda: loop.getnameinfo((FAR, 80)))
        swallowed(lambda: loop.create_unix_connection(make, "/run/some.sock"))
        swallowed(lambda: loop.subprocess_exec(make, "true"))
        swallowed(lambda: loop.subprocess_shell(make, "true"))
        loop.create_connection(make, "127.0.0.1", 80)

    refused = asyncio.run(ran(leaves)).refused
    assert refused == [FAR, NAME, FAR, NAME, FAR, f"{PROGRAM}, at /run/some.sock", PROGRAM, PROGRAM]
    assert went == ["create_connection"]


# ---- other programs ------------------------------------------------------------------------------------------------

MARK = Path("it_ran")
WRITES = [sys.executable, "-S", "-E", "-c", f"open({str(MARK)!r}, 'w')"]
SHELL = f"echo > {MARK}"


def mark() -> None:
    MARK.write_text("")


async def asyncio_program() -> None:
    await (await asyncio.create_subprocess_exec(*WRITES)).wait()


async def asyncio_shell() -> None:
    await (await asyncio.create_subprocess_shell(SHELL)).wait()


def in_a_child(fork: Callable[[], int]) -> None:
    if child := fork():
        os.waitpid(child, 0)
    else:
        try:
            os.execv(sys.executable, WRITES)
        finally:
            os._exit(1)


def process(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    started = context.Process(target=mark)
    started.start()
    started.join(20)


def pool_of_processes() -> None:
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        pool.submit(mark).result(20)


PROGRAMS: dict[str, Callable[[], Any]] = {
    "subprocess.run": lambda: subprocess.run(WRITES),
    "subprocess.Popen": lambda: subprocess.Popen(WRITES).wait(),
    "a shell": lambda: subprocess.getoutput(SHELL),
    "os.system": lambda: os.system(SHELL),
    "os.popen": lambda: os.popen(SHELL).read(),
    "asyncio.create_subprocess_exec": asyncio_program,
    "asyncio.create_subprocess_shell": asyncio_shell,
    "os.spawnv": lambda: os.spawnv(os.P_WAIT, sys.executable, WRITES),
    "multiprocessing, spawn": lambda: process("spawn"),
    "pool of processes": pool_of_processes,
}
if os.name == "posix":
    PROGRAMS |= {
        "os.posix_spawn": lambda: os.waitpid(os.posix_spawn(sys.executable, WRITES, dict(os.environ)), 0),
        "os.fork and os.exec": lambda: in_a_child(os.fork),
        "os.forkpty": lambda: in_a_child(lambda: os.forkpty()[0]),
        "os.execv": lambda: os.execv("/nowhere", WRITES),
        "multiprocessing, fork": lambda: process("fork"),
        "multiprocessing, forkserver": lambda: process("forkserver"),
    }


@pytest.mark.parametrize("start", PROGRAMS.values(), ids=PROGRAMS)
def test_no_other_program_is_started(start: Callable[[], Any], tmp_path: Path) -> None:
    async def starts(questions: list[str]) -> list[str]:
        try:
            begun = start()
            if asyncio.iscoroutine(begun):
                await begun
        except OSError as error:
            assert isinstance(error, Refused), error
        return await ask_all(questions)

    verdict = checked(starts)
    assert not (tmp_path / MARK).exists()
    assert verdict.kind == "left the computer", verdict
    assert "tried to start another program; a check lets nothing leave this computer" in verdict.seen


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are none here")
def test_a_unix_socket_leads_to_another_program() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind("door")
        server.listen()

        async def leaves(questions: list[str]) -> list[str]:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                swallowed(lambda: sock.connect("door"))
            return await ask_all(questions)

        assert "tried to reach another program, at door;" in checked(leaves).seen


# ---- what stays as it is -------------------------------------------------------------------------------------------


async def reads_a_file(questions: list[str]) -> list[str]:
    Path("questions.txt").write_text("\n".join(questions))
    return await ask_all(Path("questions.txt").read_text().splitlines())


async def speaks_within_the_computer(questions: list[str]) -> list[str]:
    one, other = socket.socketpair()
    with one, other, socket.create_server(("127.0.0.1", 0)) as server:
        one.sendall(b"hello")
        assert other.recv(5) == b"hello"
        with socket.create_connection(("localhost", server.getsockname()[1])) as sock:
            sock.sendall(b"hello")
    assert socket.gethostbyname("localhost") and socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST)
    return await ask_all(questions)


async def asks_what_computer_it_is(questions: list[str]) -> list[str]:
    platform._uname_cache = None  # type: ignore[attr-defined]
    assert platform.uname().processor is not None  # may ask a program `uname`
    return await ask_all(questions)


async def in_a_loop_of_its_own(questions: list[str]) -> list[str]:
    return await asyncio.to_thread(lambda: asyncio.run(ask_all(questions)))


@pytest.mark.parametrize(
    "function", [ask_all, reads_a_file, speaks_within_the_computer, asks_what_computer_it_is, in_a_loop_of_its_own]
)
def test_what_stays_here_passes(function: Function) -> None:
    done = asyncio.run(ran(function))
    assert (done.error, done.refused) == (None, [])
    assert len(done.result) == 2
    assert checked(function).kind in ("passed", "threads")


def test_what_others_do_meanwhile_is_let_through_and_nobodys_fault() -> None:
    """A thread and a task of earlier cells, the pool of threads that the task uses, and a thread that it starts."""
    ended: list[int] = []

    def program() -> None:
        ended.append(subprocess.run([sys.executable, "-S", "-E", "-c", ""]).returncode)

    async def main() -> Run:
        begun, done, in_time = asyncio.Event(), asyncio.Event(), threading.Event()

        def of_before() -> None:
            in_time.wait(10)
            program()

        async def goes_on() -> None:
            await begun.wait()
            program()
            await asyncio.to_thread(program)
            await asyncio.get_running_loop().run_in_executor(None, program)
            later = threading.Thread(target=program)
            later.start()
            await asyncio.to_thread(later.join, 10)
            in_time.set()
            await asyncio.to_thread(thread.join, 10)
            done.set()

        async def function(questions: list[str]) -> list[str]:
            begun.set()
            await done.wait()
            return await ask_all(questions)

        thread = threading.Thread(target=of_before)
        thread.start()
        task = asyncio.create_task(goes_on())
        what = await ran(function)
        await task
        return what

    what = asyncio.run(main())
    assert ended == [0] * 5
    assert what.refused == [] and len(what.result) == 2


def test_after_the_check_all_works_as_before() -> None:
    names = ("connect", "connect_ex", "sendto", "send", "sendall", "sendfile")

    def all_that_is_met() -> list[Any]:
        methods = [(name in vars(socket.socket), getattr(socket.socket, name)) for name in names]
        return [methods, threading.Thread.start, concurrent.futures.ThreadPoolExecutor.submit]

    async def leaves(questions: list[str]) -> None:
        swallowed(lambda: subprocess.run(WRITES))

    async def main() -> None:
        for _ in range(2):
            assert (await ran(leaves)).refused == [PROGRAM]
        assert not MARK.exists()
        assert subprocess.run(WRITES).returncode == 0
        await asyncio.to_thread(lambda: subprocess.run(WRITES))
        await asyncio_program()
        assert await ask_ai("What is Python?")

    before = all_that_is_met()
    asyncio.run(main())
    assert MARK.exists()
    assert all_that_is_met() == before
