"""What a learner's program runs in: a process of its own, in practice mode, behind the fence, which notes what it does.

    python -m helpers.checks.child REPORT ADDRESS PROGRAM ARGUMENTS…

Each note is a line of JSON in the file REPORT, written at once: a process that is killed has noted what came before.
For the program it is as if Python had been given its file: `__main__`, `sys.argv`, `sys.path`, traceback, exit code.
"""

import asyncio
import json
import os
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import openai

from ..errors import WorkbookError
from ..session.state import state
from ..wire import send
from ..wire.clients import is_sync
from ..wire.exchange import Exchange
from ..wire.failures import explain
from .fence import fence
from .raised import innermost

_stays = ExitStack()  # the fence: also for threads that the program leaves running, until the process ends


class Reporter:
    """Writes the notes: what was sent from which client and event loop, what was refused, how it ended."""

    def __init__(self, report: str) -> None:
        self._file = os.open(report, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.refused: list[str] = []  # at the fence, so far
        self._clients: list[Any] = []  # kept, also their loops: another one must not be taken for them
        self._loops: list[Any] = [None]

    def note(self, event: str, **facts: Any) -> None:
        os.write(self._file, (json.dumps({"event": event, **facts, "refused": self.refused}) + "\n").encode())

    def sent(self, exchange: Exchange, client: object) -> None:
        """A request is on its way. Clients and event loops are numbered from 1; without a loop it is 0."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        numbers = _number(self._clients, client) + 1, _number(self._loops, loop)
        thread = threading.current_thread() is not threading.main_thread()
        self.note("sent", client=numbers[0], loop=numbers[1], ordinary=is_sync(client), thread=thread)
        exchange.at_end(lambda ended: self.note("came", outcome=ended.outcome, broke=ended.note))

    def failed(self, error: BaseException, program: str) -> None:
        first = innermost(error) or error
        told = explain(first) if isinstance(first, openai.OpenAIError) else first
        said, look = (told.happened, told.what_to_do) if isinstance(told, WorkbookError) else (str(told), "")
        line = _line(first, program) or _line(error, program)
        self.note("failed", kind=type(first).__name__, said=said, look=look, line=line)

    def ended(self) -> None:
        self.note("ended", open=sum(not client.is_closed for client in self._clients))


def _line(error: BaseException, program: str) -> int:
    """The last line of the program that an error passed through; 0 where it passed through none."""
    line, traceback = 0, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == program:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _number(known: list[Any], thing: object) -> int:
    for number, each in enumerate(known):
        if each is thing:
            return number
    known.append(thing)
    return len(known) - 1


def main(report: str, address: str, program: str, *arguments: str) -> None:
    reporter = Reporter(report)
    # a `connect()` in the program leads to the check's mock API, too
    state.doors, state.practice_url = [SimpleNamespace(api=None)], address
    send.install()
    send.observers.append(reporter.sent)
    reporter.refused = _stays.enter_context(fence(address, lambda: True))
    sys.argv[:] = [program, *arguments]
    sys.path[0] = str(Path(program).parent)
    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__file__ = program
    code = compile(Path(program).read_bytes(), program, "exec", dont_inherit=True)
    reporter.note("began")
    try:
        exec(code, vars(module))
    except Exception as error:
        reporter.failed(error, program)
        raise
    finally:
        reporter.ended()


if __name__ == "__main__":
    main(*sys.argv[1:])
