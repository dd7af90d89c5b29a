"""Every public name has a docstring with an example, and the examples do what they say."""

import ast
import asyncio
import doctest
import importlib
import inspect
import os
import pkgutil
from types import CodeType, ModuleType

import pytest

import helpers
from helpers.session.state import state

MODULES = ["helpers", *(info.name for info in pkgutil.walk_packages(helpers.__path__, "helpers."))]
PUBLIC = [name for name in helpers.__all__ if callable(getattr(helpers, name))]


def examples_of(module: ModuleType) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(module) if test.examples]


class AwaitingRunner(doctest.DocTestRunner):
    """Runs examples as a notebook does: `await` may stand at their top level."""

    def run_example(self, test: doctest.DocTest, example: doctest.Example, loop: asyncio.AbstractEventLoop) -> None:
        code = compile(example.source, f"<{test.name}>", "single", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        assert isinstance(code, CodeType)
        if code.co_flags & inspect.CO_COROUTINE:
            loop.run_until_complete(eval(code, test.globs))
        else:
            exec(code, test.globs)


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_true(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for test in examples_of(importlib.import_module(name)):
        test.globs.update(vars(helpers))
        with asyncio.Runner() as runner:
            for example in test.examples:
                assert doctest.SKIP not in example.options, "an example that does not run proves nothing"
                AwaitingRunner().run_example(test, example, runner.get_loop())
                flags = sum(flag for flag, on in example.options.items() if on)
                got = capsys.readouterr().out
                assert doctest.OutputChecker().check_output(example.want, got, flags), (
                    f"{test.name}, line {example.lineno}:\n{example.source}gave\n{got}instead of\n{example.want}"
                )


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_an_example(name: str) -> None:
    thing = getattr(helpers, name)
    if isinstance(thing, type) and issubclass(thing, Exception):
        assert inspect.getdoc(thing)
    else:
        assert ">>>" in (inspect.getdoc(thing) or ""), f"{name} needs an example in its docstring"


def test_the_examples_did_not_go_live() -> None:
    assert state.mode != "live"
    assert os.environ["WORKBOOK_MODE"] == "practice"
