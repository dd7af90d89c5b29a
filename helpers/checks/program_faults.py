"""What can be said of any program: before it runs, of how it ended, and of what it asked. See also judging.py."""

import ast
import inspect
import re
from collections import Counter
from pathlib import Path
from typing import Any

from ..words import counted, duration, one_line
from .fence import PROGRAM
from .findings import Finding, Findings, short
from .processes import ProgramRun, Request, Start

# ---- before it is run ----------------------------------------------------------------------------------------------


def read_program(given: Any, wanted: str, called: str) -> tuple[Path, str] | Finding:
    """The file that a check was given, and what is in it; or what is wrong with it."""
    check = f'await {called}.check("{wanted}")'
    if not isinstance(given, (str, Path)):
        if inspect.iscoroutine(given):
            given.close()  # nobody will await it
        return Finding(
            "not a file",
            "This check takes the name of a file: your program is run as a process of its own.",
            f"Write it in quotes: `{check}`.",
        )
    program = Path(given).absolute()
    try:
        source = program.read_text("utf-8-sig")
    except FileNotFoundError:
        return Finding(
            "no file",
            f"There is no file `{program.name}` in the folder of this notebook.",
            f"Run the cell that begins with `%%writefile {wanted}`: it writes the file. Then check again.",
        )
    except (OSError, UnicodeDecodeError) as error:
        return Finding(
            "unreadable file",
            f"The file `{program.name}` cannot be read as a program in UTF-8 ({type(error).__name__}).",
            f"Write it anew with a cell that begins with `%%writefile {wanted}`.",
        )
    try:
        tree = ast.parse(source)
        compile(source, program.name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return _no_python(source, error)
    if not any(isinstance(node, ast.Call) for node in ast.walk(tree)):
        return Finding(
            "not attempted",
            f"`{program.name}` does nothing yet.",
            f"Write the program in its cell, run that cell, then check again; `{called}.hint()` helps.",
        )
    return next(_on_paper(tree), (program, source))


def _no_python(source: str, error: SyntaxError | ValueError) -> Finding:
    number = getattr(error, "lineno", None) or 0
    line = (source.splitlines()[number - 1 : number] or [""])[0].strip()
    said = getattr(error, "msg", None) or str(error)
    look = "Look at that line and at the one before it: is a bracket, a quotation mark or a colon missing?"
    if "outside" in said and re.search(r"\bawait\b|async (with|for)\b", line):
        look = "Only a notebook awaits at the top level. In a program `await` stands inside `async def main()`, which "
        look += "`asyncio.run(main())` starts."
    elif line.startswith(("%", "!")):
        look = "Lines with `%` or `!` are for notebooks: a program is plain Python. Take that line out."
    where = f" in line {number} (`{one_line(line, 60)}`)" if line else ""
    return Finding("no python", f"Your program cannot start: {said}{where}.", look, broken=True)


KEY = re.compile(r"\bsk-[\w-]{8,}")
KEY_NAMES = ("OPENAI_API_KEY", "api_key")


def _on_paper(tree: ast.Module) -> Findings:
    """What can be seen without running it."""
    for node in ast.walk(tree):
        if line := _key_in(node):
            yield Finding(
                "key in the source",
                f"Line {line} of your program has an API key in it: who gets the file gets your key, too.",
                "Leave it out: `AsyncOpenAI()` takes the key from the environment variable OPENAI_API_KEY by itself.",
            )
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if any(name.startswith("nest_asyncio") for name in names):
            yield Finding(
                "nest_asyncio",
                "Your program uses nest_asyncio, which is made for places where an event loop is running already.",
                "In a program none is running: take both lines out, and start with `asyncio.run(main())`.",
            )


def _key_in(node: ast.AST) -> int:
    """The line in which a key is written down; 0 where none is."""

    def text(value: ast.AST | None) -> bool:
        return isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value.strip() != ""

    if isinstance(node, ast.Constant) and isinstance(node.value, str) and KEY.search(node.value):
        return node.lineno
    if isinstance(node, ast.keyword) and node.arg in KEY_NAMES and text(node.value):
        return node.value.lineno
    if isinstance(node, ast.Assign) and text(node.value):
        target = node.targets[0]
        name = ast.unparse(target.slice if isinstance(target, ast.Subscript) else target).strip("'\"")
        if name.rpartition(".")[2].lower().endswith(("api_key", "apikey")):
            return node.lineno
    return 0


# ---- how it went -----------------------------------------------------------------------------------------------------


def it_ended(run: ProgramRun, start: Start) -> Findings:
    """It came to its end, by itself and well."""
    if start.stopped:
        if not start.requests:
            so_far, look = "it had sent no call", "Something waits before the first call: what does it wait for?"
        elif any(each.due > start.ended for each in start.requests):
            so_far, look = "not all its calls had been answered", "What sends call after call? See what ends that loop."
        else:
            so_far = "all its calls had been answered"
            look = (
                "What goes on when `main` is done: a `while True`, a `run_forever()`, a thread? A program has to end."
            )
        seconds = start.ended - (start.loaded or start.began)
        yield Finding(
            "endless",
            f"After {duration(seconds)} your program had not ended, and {so_far}; so it was stopped.",
            look,
        )
    if start.refused:
        what = start.refused[0]
        program = what == PROGRAM
        yield Finding(
            "left the computer",
            f"Your program tried to {'start' if program else 'reach'} {what}; a check lets nothing leave this "
            "computer.",
            "Do the work in the program itself: a call is all that it needs."
            if program
            else "Make the client with `AsyncOpenAI()` alone: key and address come from the environment.",
        )
    yield from one_loop(start)
    if start.noted("failed"):
        yield _raised(run, start.noted("failed")[0])
    if start.code and not start.killed:
        last = one_line(start.errors.strip().rpartition("\n")[2], 100)
        said = f", and said “{last}”" if last else ""
        yield Finding(
            "exit code",
            f"Your program ended with the exit code {start.code}{said}: whoever started it is told that it failed.",
            "A program that did its work ends with 0, by itself: leave out `sys.exit`, or give it nothing.",
            broken=True,
        )


def one_loop(start: Start) -> Findings:
    """No client is used on a second event loop: its connections belong to the first, which asyncio.run has closed."""
    loops: dict[int, set[int]] = {}
    for note in start.noted("sent"):
        if note["loop"]:
            loops.setdefault(note["client"], set()).add(note["loop"])
    most = max(map(len, loops.values()), default=0)
    if most > 1:
        failed = start.noted("failed")
        lost = sum(note["outcome"] != "ok" for note in start.noted("came"))
        how = (
            f"the second time it raised “{failed[0]['kind']}: {short(failed[0]['said'])}”"
            if failed
            else f"{lost} of its {counted(len(start.noted('sent')), 'call')} ended without an answer"
        )
        yield Finding(
            "several loops",
            f"`asyncio.run` was called again and again ({counted(most, 'time')}) with one client for all: {how}.",
            "Each `asyncio.run` makes an event loop and closes it, and the client's connections belong to the first. "
            "Call it once, with a `main()` in which the client is opened, used and closed.",
            broken=bool(failed),
        )


_SIGNS = [
    (
        "Event loop is closed",
        "Something is used after its event loop was closed: open, use and close the client in the one `main()` that "
        "`asyncio.run` starts.",
    ),
    ("no running event loop", "What needs an event loop belongs into `main()`, which `asyncio.run(main())` starts."),
    ("no current event loop", "What needs an event loop belongs into `main()`, which `asyncio.run(main())` starts."),
    (
        "attached to a different loop",
        "Make coroutines and tasks inside `main()`: what was made before has another loop.",
    ),
    ("asyncio.run() cannot be called", "It is called from inside a coroutine: there, write `await …` in its place."),
    (
        "a coroutine was expected",
        "`asyncio.run` wants a call of your coroutine, with parentheses: `asyncio.run(main())`.",
    ),
    ("'coroutine' object", "An `await` is missing before the call that made this coroutine."),
    ("client has been closed", "The client was closed before its calls were done: `await` them inside `async with`."),
    ("asynchronous context manager", "`async with` is for `AsyncOpenAI`: is this the ordinary client?"),
    ("await wasn't used with future", "An `await` is missing before `asyncio.gather(…)`."),
    ("'_GatheringFuture' object", "An `await` is missing before `asyncio.gather(…)`."),
    ("context manager protocol", "Write `async with` in place of `with`, inside `async def main()`."),
    ("can't be used in 'await' expression", "What stands behind `await` is no coroutine: is it the ordinary client?"),
    ("object can't be awaited", "What stands behind `await` is no coroutine: is it the ordinary client?"),
    ("FileNotFoundError", "Take the names of files from the command line, `sys.argv`: the check gives other ones."),
    ("already exists", "At a second start the table is there: write `CREATE TABLE IF NOT EXISTS`."),
    ("UNIQUE constraint", "That row is in the table already: ask only what is missing; or `INSERT OR REPLACE`."),
    ("no such table", "The table has to be made first, with `CREATE TABLE IF NOT EXISTS`."),
    (
        "is not defined",
        "A program knows nothing of the notebook's cells: define, or import, in the file all that it uses.",
    ),
    ("ModuleNotFoundError", "Import only what is installed, and what your program really needs."),
    ("EOFError", "Nobody types into this program: take the questions from its command line, `sys.argv[1:]`."),
    ("IndexError", "A list is shorter than this line takes it to be. (There may be any number of questions.)"),
    ("unrecognized arguments", "Take any number of questions: `nargs` of argparse, or just `sys.argv[1:]`."),
]


def _raised(run: ProgramRun, note: dict[str, Any]) -> Finding:
    said = note["said"]
    while len(said) > 100 and (shorter := re.sub(r"<[^<>]{20,}>", "…", said)) != said:  # a task, with its coroutine
        said = shorter
    what = f"{note['kind']}: {one_line(said, 160)}" if said else note["kind"]
    code = run.source.splitlines()[note["line"] - 1].strip() if note["line"] else ""
    where = f" in line {note['line']} (`{one_line(code, 60)}`)" if code else ""
    look = next(
        (advice for sign, advice in _SIGNS if sign in what),
        note["look"] or f"Run `python {run.file.name}` in a terminal: the traceback shows the way there.",
    )
    return Finding("raised", f"Your program ended with an error{where}: {what}", look, broken=True)


_NEVER_AWAITED = re.compile(r"coroutine '(.+)' was never awaited")


def it_sent(run: ProgramRun, start: Start, questions_are: str) -> Findings:
    """It sent calls, and each asks a question of the scenario. `questions_are`: where, in a sentence."""
    questions, calls = run.scenario.questions, start.requests
    if forgotten := _NEVER_AWAITED.search(start.errors):
        name = forgotten[1].rpartition(".")[2]
        yield Finding(
            "never awaited",
            f"`{name}` was called and never awaited{'' if calls else ', and so nothing was sent'}.",
            "Calling an `async def` only makes a coroutine. In a program `asyncio.run(main())` starts the first one, "
            "and `await` all others.",
        )
    if not calls and start.printed.strip():
        yield Finding(
            "invented",
            "Your program printed something, but it sent no call: these answers are invented.",
            "The check asks other questions than the notebook; send them with `client.chat.completions.create(…)`.",
        )
    if not calls:
        unstarted = "asyncio.run" not in run.source and "async def" in run.source
        yield Finding(
            "nothing sent",
            "Your program ended without sending a single call"
            + (": it defines a coroutine, and nothing starts it." if unstarted else "."),
            "At its end a program starts its coroutine: `asyncio.run(main())`."
            if unstarted
            else "`asyncio.run` cancels what is still running when `main` returns: keep the tasks that you make, and "
            "`await asyncio.gather(*tasks)` in `main`."
            if "create_task" in run.source
            else f"Is the list of questions empty? {questions_are}",
        )
    for call in calls:
        if sum(question in call.question for question in questions) > 1:
            yield Finding(
                "one call for all",
                "One of your calls asks several questions together.",
                "Make a call for each question: only then each has an answer of its own, and they wait together.",
            )
        if asks(run, call) is None:
            yield Finding(
                "another question",
                f"Your program asked “{short(call.question)}”, which the check did not give it.",
                f"The check gives other ones than the notebook. {questions_are}",
            )


def asked_once(run: ProgramRun, start: Start) -> Findings:
    """Each question of the scenario was asked once."""
    questions = run.scenario.questions
    wanted, asked = Counter(questions), Counter(asked_in(run, start))
    if missing := list((wanted - asked).elements()):
        yield Finding(
            "not asked",
            f"{counted(len(missing), 'question')} of {len(questions)} never came: “{short(missing[0])}” was not asked.",
            "Go through all of them; and see that one failure does not end the loop.",
        )
    yield from not_twice(run, start)


def not_twice(run: ProgramRun, start: Start) -> Findings:
    """No question was asked more than once."""
    asked = Counter(asked_in(run, start))
    if twice := [question for question, times in asked.items() if times > 1]:
        several = len({note["loop"] for note in start.noted("sent")} - {0}) > 1
        yield Finding(
            "asked again",
            f"Your program asked “{short(twice[0])}” {asked[twice[0]]} times.",
            "`asyncio.run(main())` stands in a program once: each time it runs all of `main`."
            if several
            else "Each call is paid for. Is one made at the top of the file, and again in `main`?",
        )


def it_got_answers(run: ProgramRun, start: Start) -> Findings:
    """It waited for each answer."""
    came = start.noted("came")
    if not came or sum(note["outcome"] == "ok" for note in came) >= len(run.scenario.questions):
        return
    # nothing drops a connection here but the program itself: it has closed its client
    if cut := sum(note["outcome"] == "cancelled" or note["broke"] == "dropped" for note in came):
        yield Finding(
            "left running",
            f"Your program did not wait for {counted(cut, 'call')}: cut off before the answer came.",
            "`asyncio.run` cancels what is still running when `main` returns: keep the tasks that you make, and "
            "`await asyncio.gather(*tasks)` in `main`.",
        )
    if broken := [note["broke"] for note in came if note["outcome"] == "failed"]:
        yield Finding(
            "answers lost",
            f"{counted(len(broken), 'call')} of yours failed ({broken[0]}), and the answer is lost.",
            "Is the client's timeout too short for what is asked? Its default leaves a call ten minutes.",
        )


def asked_in(run: ProgramRun, start: Start) -> list[str]:
    """The questions that were asked, without the SDK's own retries."""
    return [question for call in start.requests if not call.retry and (question := asks(run, call))]


def asks(run: ProgramRun, call: Request) -> str | None:
    """The question of the scenario that a request asks; None where it asks something else."""
    return next((question for question in run.scenario.questions if question in call.question), None)
