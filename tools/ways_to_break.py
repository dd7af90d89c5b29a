"""The ways in which `mutate_solutions.py` breaks a solution, each a class that says in a sentence what is then wrong.

A way looks at one node of the code after the other. `broken` gives what stands in a node's place when it is broken, as
code in a string or as nodes; None where this way cannot break it. It changes no node: it makes new ones.
"""

import ast
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import NamedTuple

Broken = ast.AST | list[ast.stmt] | str | None


class Mutant(NamedTuple):
    """A solution that is broken in one way, at one place."""

    way: str
    line: int  # where it is broken, in the solution
    source: str


class Way(ast.NodeTransformer):
    """One way to break code, at one place of it."""

    only: tuple[str, ...] = ()  # the solutions in which that is wrong; none: in all of them

    def __init__(self, place: int) -> None:
        self.place = place  # how many places before it are left as they are
        self.line = 0  # where it was broken; 0: nowhere

    def broken(self, node: ast.AST) -> Broken:
        raise NotImplementedError

    def visit(self, node: ast.AST) -> object:
        broken = None if self.line else self.broken(node)
        if broken is None:
            return self.generic_visit(node)
        self.place -= 1
        if self.place >= 0:
            return self.generic_visit(node)
        self.line = node.target.lineno if isinstance(node, ast.comprehension) else node.lineno  # type: ignore[attr-defined]
        if isinstance(broken, str):
            parsed = ast.parse(broken).body
            return parsed if isinstance(node, ast.stmt) else parsed[0].value  # type: ignore[attr-defined]
        return broken


@cache  # what is spared is looked for among them, too
def mutants(source: str, name: str) -> tuple[Mutant, ...]:
    """Every way, at every place where it changes something; no code twice."""
    return tuple(_mutants(source, name))


def _mutants(source: str, name: str) -> Iterator[Mutant]:
    known = {ast.unparse(ast.parse(source))}
    for way in WAYS:
        place = 0
        while not way.only or name in way.only:
            breaker = way(place)
            tree = ast.fix_missing_locations(breaker.visit(ast.parse(source)))  # type: ignore[type-var]
            if not breaker.line:
                break
            place += 1
            code = ast.unparse(tree)  # type: ignore[arg-type]
            if code not in known and _is_python(code):
                known.add(code)
                yield Mutant(way.__name__, breaker.line, code)


def _is_python(code: str) -> bool:
    try:
        compile(code, "mutant", "exec")
    except SyntaxError:
        return False
    return True


# ---- what the ways have in common ------------------------------------------------------------------------------------

text = ast.unparse


def calls(node: ast.AST, name: str) -> bool:
    """Whether a node calls what ends with this name, such as `gather` or `perf_counter`."""
    return isinstance(node, ast.Call) and name == getattr(node.func, "attr", getattr(node.func, "id", ""))


def gathered(node: ast.AST) -> str | None:
    """What stands behind the star in `await asyncio.gather(*…)`."""
    if isinstance(node, ast.Await) and calls(node.value, "gather"):
        return text(node.value.args[0].value)  # type: ignore[attr-defined]
    return None


def changed(node: ast.AST, **fields: object) -> ast.AST:
    """A copy with other fields."""
    copy = deepcopy(node)
    for name, value in fields.items():
        setattr(copy, name, ast.parse(value).body[0].value if isinstance(value, str) else value)  # type: ignore[attr-defined]
    return copy


def names(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)


# ---- waiting ---------------------------------------------------------------------------------------------------------


class NoAwait(Way):
    """An `await` is missing."""

    def broken(self, node: ast.AST) -> Broken:
        return node.value if isinstance(node, ast.Await) else None


class OneByOne(Way):
    """What was asked at once is asked one by one."""

    def broken(self, node: ast.AST) -> Broken:
        calls = gathered(node)
        return calls and f"[await each for each in {calls}]"


class FirstAlone(Way):
    """The first call is waited for before the others begin."""

    def broken(self, node: ast.AST) -> Broken:
        calls = gathered(node)
        return calls and f"[await (calls := list({calls}))[0], *await asyncio.gather(*calls[1:])]"


class InFinishOrder(Way):
    """The results come in the order in which the calls end."""

    def broken(self, node: ast.AST) -> Broken:
        calls = gathered(node)
        return calls and f"[await each for each in asyncio.as_completed({calls})]"


class InReverse(Way):
    """The results come in reverse."""

    def broken(self, node: ast.AST) -> Broken:
        return gathered(node) and f"({text(node)})[::-1]"


class AGuess(Way):
    """A pause of some length stands where the tasks should be waited for."""

    only = ("task_nobody_keeps",)

    def broken(self, node: ast.AST) -> Broken:
        calls = gathered(node)
        return calls and f"[await asyncio.sleep(0.7), [each.result() for each in {calls}]][1]"


class AGuessOfCoroutines(Way):
    """Tasks are made, and a pause of some length stands where they should be waited for."""

    only = AGuess.only

    def broken(self, node: ast.AST) -> Broken:
        calls = gathered(node)
        tasks = f"[asyncio.ensure_future(each) for each in {calls}]"
        return calls and f"[tasks := {tasks}, await asyncio.sleep(0.7), [each.result() for each in tasks]][-1]"


class WaitsOn(Way):
    """It waits on after all the answers are there."""

    only = ("task_nobody_keeps", "keep_a_deadline")

    def broken(self, node: ast.AST) -> Broken:
        return f"await asyncio.sleep(1.5)\n{text(node)}" if isinstance(node, ast.Return) else None


class NoTask(Way):
    """A coroutine stands where a task was made of it."""

    def broken(self, node: ast.AST) -> Broken:
        return node.args[0] if isinstance(node, ast.Call) and calls(node, "create_task") else None


class BlockingPause(Way):
    """`time.sleep` stands where `await asyncio.sleep` was, or before a call."""

    def broken(self, node: ast.AST) -> Broken:
        if not isinstance(node, ast.Await) or isinstance(node.value, ast.Name) or gathered(node):
            return None
        if calls(node.value, "sleep"):
            return f"time.{text(node.value.func).split('.')[-1]}({text(node.value.args[0])})"  # type: ignore[attr-defined]
        return f"[time.sleep(0.2), {text(node)}][1]"


class OrdinaryClient(Way):
    """The ordinary client asks, and blocks the loop."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Await) and calls(node.value, "create"):
            return text(node.value).replace("client.", "openai.OpenAI().", 1)
        return None


# ---- clients ---------------------------------------------------------------------------------------------------------


class ClientLeftOpen(Way):
    """The client that was made is never closed."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.AsyncWith) and calls(made := node.items[0].context_expr, "AsyncOpenAI"):
            return f"client = {text(made)}\n" + "\n".join(map(text, node.body))
        return None


class ClientForEachCall(Way):
    """Each call has a client of its own."""

    def broken(self, node: ast.AST) -> Broken:
        return "AsyncOpenAI()" if names(node) and text(node) == "client" else None


class OwnClient(Way):
    """The client that was handed over is not used."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.AsyncFunctionDef) and node.args.args[:1] and node.args.args[0].arg == "client":
            return changed(node, body=[*ast.parse("client = AsyncOpenAI()").body, *deepcopy(node.body)])
        return None


class ClosesTheGivenClient(Way):
    """The client that was handed over is closed."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.AsyncFunctionDef) and node.args.args[:1] and node.args.args[0].arg == "client":
            around = ast.parse("async def f():\n    async with client:\n        ...").body[0].body[0]  # type: ignore[attr-defined]
            around.body = deepcopy(node.body)
            return changed(node, body=[around])
        return None


# ---- limits ----------------------------------------------------------------------------------------------------------


class NoLimit(Way):
    """The slots are not waited for."""

    def broken(self, node: ast.AST) -> Broken:
        return node.body if isinstance(node, ast.AsyncWith) and text(node.items[0]) == "slots" else None


class OwnSlots(Way):
    """Each call has slots of its own."""

    def broken(self, node: ast.AST) -> Broken:
        return "asyncio.Semaphore(1)" if names(node) and text(node) == "slots" else None


class LimitTooHigh(Way):
    """There is a slot too many."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Call) and calls(node, "Semaphore"):
            return f"asyncio.Semaphore({text(node.args[0])} + 1)"
        return None


class LimitTooLow(Way):
    """There is a slot too few."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Call) and calls(node, "Semaphore"):
            return f"asyncio.Semaphore({text(node.args[0])} - 1)"
        return None


class OneSlot(Way):
    """A lock stands where slots are counted."""

    def broken(self, node: ast.AST) -> Broken:
        return "asyncio.Lock()" if calls(node, "Semaphore") else None


class HoldsItsSlot(Way):
    """A slot is held for a while after the call has ended."""

    only = ("limit_in_flight",)

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.AsyncWith) and text(node.items[0]) == "slots":
            return changed(node, body=[*deepcopy(node.body), *ast.parse("await asyncio.sleep(0.2)").body])
        return None


class NumberForAParameter(Way):
    """A number stands where a parameter should."""

    def broken(self, node: ast.AST) -> Broken:
        return {"limit": "3", "seconds": "1.5"}.get(text(node)) if names(node) else None


# ---- failures --------------------------------------------------------------------------------------------------------


class NotCaught(Way):
    """An error is not caught."""

    def broken(self, node: ast.AST) -> Broken:
        if not isinstance(node, ast.Try) or not node.handlers:
            return None
        return changed(node, handlers=[]) if node.finalbody else node.body


class CaughtTooNarrowly(Way):
    """Only one of the errors that may come is caught."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.ExceptHandler) and node.type and "openai" in text(node.type):
            return changed(node, type="openai.RateLimitError")
        return None


class Swallowed(Way):
    """An error is caught, and nobody hears of it."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.ExceptHandler) and any(isinstance(each, ast.Return) for each in node.body):
            return changed(node, body=ast.parse("return None").body)
        return None


class ErrorAsItIs(Way):
    """An error stands where its words should."""

    def broken(self, node: ast.AST) -> Broken:
        words = isinstance(node, ast.Call | ast.JoinedStr) and text(node) in ("str(error)", "f'failed: {error}'")
        return "error" if words else None


class NoRetries(Way):
    """What may pass is not tried again."""

    only = ("survive_failures", "retries_on_retries")
    tries = 0

    def broken(self, node: ast.AST) -> Broken:
        if names(node) and text(node) == "client":
            return f"client.with_options(max_retries={self.tries})"
        return None


class TooManyRetries(NoRetries):
    """What fails is tried again and again."""

    tries = 8


class RetriesOnRetries(Way):
    """Each call is tried again, and in each of these tries by the client."""

    only = NoRetries.only

    def broken(self, node: ast.AST) -> Broken:
        if not isinstance(node, ast.Try) or not node.handlers:
            return None
        (loop,) = ast.parse("for attempt in range(3):\n try: ...\n except openai.OpenAIError: pass").body
        loop.body[0].body = [*deepcopy(node.body), *ast.parse("break").body]  # type: ignore[attr-defined]
        return [loop, node]


class FailuresAmongTheAnswers(Way):
    """gather hands out errors as results."""

    only = ("survive_failures", "lost_failures", "no_limit")

    def broken(self, node: ast.AST) -> Broken:
        return text(node)[:-1] + ", return_exceptions=True)" if calls(node, "gather") else None


# ---- cleaning up -----------------------------------------------------------------------------------------------------


class CleansUpOnlyWhenAllGoesWell(Way):
    """What stands in `finally` is left out when there was an error, or a return."""

    def broken(self, node: ast.AST) -> Broken:
        return [*node.body, *node.finalbody] if isinstance(node, ast.Try) and node.finalbody else None


# ---- time ------------------------------------------------------------------------------------------------------------


class WrongClock(Way):
    """A clock is read that stands still while the function waits."""

    def broken(self, node: ast.AST) -> Broken:
        return "time.process_time()" if calls(node, "perf_counter") else None


class NotMeasured(Way):
    """A number stands where a time was measured."""

    number = "1.0"

    def broken(self, node: ast.AST) -> Broken:
        return self.number if isinstance(node, ast.BinOp) and text(node).endswith("() - start") else None


class NotMeasuredEither(NotMeasured):
    """A smaller number stands where a time was measured."""

    number = "0.3"


class Milliseconds(Way):
    """Milliseconds stand where seconds should."""

    def broken(self, node: ast.AST) -> Broken:
        measured = isinstance(node, ast.BinOp) and text(node).endswith("() - start")
        return f"({text(node)}) * 1000" if measured else None


class TurnedRound(Way):
    """The two sides of a difference or a division are in each other's place."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div):
            return changed(node, left=node.right, right=node.left)
        return None


class AnotherOperation(Way):
    """The speed-up is a difference, and no division."""

    def broken(self, node: ast.AST) -> Broken:
        return changed(node, op=ast.Sub()) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) else None


class TimeoutTooLong(Way):
    """A time limit is twice what it should be."""

    factor = "2"

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.keyword) and node.arg == "timeout":
            return changed(node, value=f"{text(node.value)} * {self.factor}")
        return None


class TimeoutTooShort(TimeoutTooLong):
    """A time limit is half of what it should be."""

    factor = "0.5"


# ---- what is asked ---------------------------------------------------------------------------------------------------


class Each(Way):
    """Something else is gone through than should be."""

    template = ""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.For | ast.comprehension):
            return changed(node, iter=self.template.format(text(node.iter)))
        return None


class LastForgotten(Each):
    """The last one is forgotten."""

    template = "list({})[:-1]"


class FirstForgotten(Each):
    """The first one is forgotten."""

    template = "list({})[1:]"


class AllTwice(Each):
    """Everything is done twice."""

    template = "list({}) * 2"


class TheFirstAgainAndAgain(Each):
    """The first one is taken each time."""

    template = "[each for all_of_them in [list({})] for each in all_of_them[:1] * len(all_of_them)]"


class BackToFront(Each):
    """It is gone through from the end to the beginning."""

    template = "list({})[::-1]"


class AnotherQuestion(Way):
    """A question is asked that nobody gave."""

    value = "'Hello'"

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Dict) and text(node).startswith("{'role'"):
            return text(node).replace("question", self.value)
        return None


class AllQuestionsInOne(AnotherQuestion):
    """All questions stand in one message."""

    value = "str(questions)"


class AnotherModel(Way):
    """A model is asked that nobody gave."""

    def broken(self, node: ast.AST) -> Broken:
        named = isinstance(node, ast.keyword) and node.arg == "model" and isinstance(node.value, ast.Name)
        return changed(node, value="'gpt-6-luna'") if named else None


# ---- what comes back -------------------------------------------------------------------------------------------------


class ThrownAway(Way):
    """A result is thrown away."""

    def broken(self, node: ast.AST) -> Broken:
        return text(node.value) if isinstance(node, ast.Return) and node.value else None


class WholeResponse(Way):
    """A whole response stands where its text should."""

    def broken(self, node: ast.AST) -> Broken:
        return "response" if isinstance(node, ast.Attribute) and node.attr == "content" else None


class OnlyItsBeginning(Way):
    """An answer is cut."""

    def broken(self, node: ast.AST) -> Broken:
        return f"{text(node)}[:20]" if isinstance(node, ast.Attribute) and node.attr == "content" else None


class ValuesSwapped(Way):
    """Two values of a dictionary are under each other's key."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Dict) and "role" not in text(node):
            return changed(node, values=[*node.values[1::-1], *node.values[2:]])
        return None


class LastValuesSwapped(Way):
    """The last two values of a dictionary are under each other's key."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Dict) and "role" not in text(node):
            return changed(node, values=[*node.values[:-2], *node.values[:-3:-1]])
        return None


class ColumnsSwapped(Way):
    """The columns of a file are in another order."""

    only = ("csv_to_csv",)

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Dict) and "role" not in text(node):
            return changed(node, keys=node.keys[::-1], values=node.values[::-1])
        return None


class KeyMissing(Way):
    """A dictionary has one entry less."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Dict) and "role" not in text(node):
            return changed(node, keys=node.keys[:-1], values=node.values[:-1])
        return None


class KeyMisspelt(Way):
    """A key or a column has another name."""

    def broken(self, node: ast.AST) -> Broken:
        named = isinstance(node, ast.Constant) and node.value in ("model", "answer", "seconds", "question", "error")
        return f"{text(node)[:-1]}s'" if named else None


class PairSwapped(Way):
    """The two of a pair are in each other's place."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Tuple | ast.List) and len(node.elts) == 2 and isinstance(node.ctx, ast.Load):
            return changed(node, elts=node.elts[::-1])
        return None


class ArgumentsSwapped(Way):
    """Two arguments are in each other's place."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            return changed(node, args=[*node.args[1::-1], *node.args[2:]])
        return None


class NotSorted(Way):
    """The rows are as they came."""

    def broken(self, node: ast.AST) -> Broken:
        return node.args[0] if isinstance(node, ast.Call) and calls(node, "sorted") else None


class SlowestFirst(Way):
    """The rows are sorted the other way round."""

    def broken(self, node: ast.AST) -> Broken:
        return f"{text(node)[:-1]}, reverse=True)" if calls(node, "sorted") else None


# ---- any code --------------------------------------------------------------------------------------------------------


class LeftOut(Way):
    """A statement is left out."""

    def broken(self, node: ast.AST) -> Broken:
        return "pass" if isinstance(node, ast.stmt) and not isinstance(node, ast.Import | ast.ImportFrom) else None


class OptionLeftOut(Way):
    """An argument with a name is left out."""

    place_in_call = 0

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Call) and len(node.keywords) > self.place_in_call:
            keywords = [each for place, each in enumerate(node.keywords) if place != self.place_in_call]
            return changed(node, keywords=keywords)
        return None


class SecondOptionLeftOut(OptionLeftOut):
    """The second argument with a name is left out."""

    place_in_call = 1


class ThirdOptionLeftOut(OptionLeftOut):
    """The third argument with a name is left out."""

    place_in_call = 2


class Condition(Way):
    """A condition is another one."""

    template = ""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.If | ast.IfExp):
            return changed(node, test=self.template.format(text(node.test)))
        if isinstance(node, ast.comprehension) and node.ifs:
            return changed(node, ifs=[ast.parse(self.template.format(text(node.ifs[0]))).body[0].value])  # type: ignore[attr-defined]
        return None


class ConditionTurned(Condition):
    """A condition is turned into its opposite."""

    template = "not ({})"


class Always(Condition):
    """A condition always holds."""

    template = "True"


class Never(Condition):
    """A condition never holds."""

    template = "False"


class HalfACondition(Way):
    """Only the first part of an `and`, or of an `or`, is left."""

    part = 0

    def broken(self, node: ast.AST) -> Broken:
        return node.values[self.part] if isinstance(node, ast.BoolOp) else None


class OtherHalfOfACondition(HalfACondition):
    """Only the last part of an `and`, or of an `or`, is left."""

    part = -1


class AnotherNumber(Way):
    """A number is higher by one."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and type(node.slice.value) is int:
            return changed(node, slice=str(node.slice.value + 1))
        if isinstance(node, ast.Slice) and isinstance(node.lower, ast.Constant):
            return changed(node, lower=str(node.lower.value + 1))  # type: ignore[operator]
        return None


# ---- files and programs ----------------------------------------------------------------------------------------------


class AnotherMode(Way):
    """A file is written anew where it should grow, or grows where it should be written anew."""

    def broken(self, node: ast.AST) -> Broken:
        return {"'w'": "'a'", "'a'": "'w'"}.get(text(node)) if isinstance(node, ast.Constant) else None


class Latin1(Way):
    """A file is read or written in another encoding than UTF-8."""

    def broken(self, node: ast.AST) -> Broken:
        return "'latin-1'" if isinstance(node, ast.Constant) and node.value == "utf-8" else None


class Appended(Way):
    """A table is written behind what is in the file already."""

    def broken(self, node: ast.AST) -> Broken:
        return f"{text(node)[:-1]}, mode='a')" if calls(node, "to_csv") else None


class NoHeader(Way):
    """The header is missing."""

    def broken(self, node: ast.AST) -> Broken:
        return f"{text(node)[:-1]}, header=False)" if calls(node, "to_csv") else None


class Semicolons(Way):
    """Semicolons stand between the columns."""

    def broken(self, node: ast.AST) -> Broken:
        return f"{text(node)[:-1]}, sep=';')" if calls(node, "to_csv") else None


class JoinedByHand(Way):
    """The texts of a row are put together by hand, so that a comma in one of them makes two."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Call) and calls(node, "writerow"):
            return f"file.write(','.join({text(node.args[0])}) + '\\n')"
        return None


class LinesSplitByHand(Way):
    """The lines of a file are split at commas, also at those inside of a text."""

    def broken(self, node: ast.AST) -> Broken:
        if calls(node, "DictReader"):
            return "[{'question': line.strip().split(',')[1]} for line in list(file)[1:]]"
        if calls(node, "tolist"):
            return "[line.strip().split(',')[1] for line in list(open(source, encoding='utf-8'))[1:]]"
        return None


class EachTimeANewTable(Way):
    """A table is made without looking whether it is there already."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Constant) and "IF NOT EXISTS" in str(node.value):
            return repr(str(node.value).replace("IF NOT EXISTS ", ""))
        return None


class NotRun(Way):
    """`asyncio.run` is missing."""

    def broken(self, node: ast.AST) -> Broken:
        return node.args[0] if isinstance(node, ast.Call) and text(node.func) == "asyncio.run" else None


class PrintedAsPythonWritesIt(Way):
    """What is printed stands in quotation marks."""

    def broken(self, node: ast.AST) -> Broken:
        if isinstance(node, ast.Call) and calls(node, "print"):
            return f"print([{text(node.args[0])}])"
        return None


WAYS = [
    way
    for way in list(globals().values())
    if isinstance(way, type) and issubclass(way, Way) and way not in (Way, Each, Condition)
]
