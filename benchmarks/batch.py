"""How fast is `process_questions_batch`, against the same job done in other ways?

    .venv/bin/python benchmarks/batch.py                        # all that is installed, about ten minutes
    .venv/bin/python benchmarks/batch.py --quick                # a fifth of the questions, one round
    .venv/bin/python benchmarks/batch.py --only workbook openai-aiohttp
    .venv/bin/python benchmarks/batch.py --shares --memory      # and what connect() and a trace cost; 100,000 questions

Each way runs in a process of its own on one core, against the service in `service.py` on another; the ways take turns,
and medians are shown. Machines differ, and one machine differs from hour to hour: compare figures of one run only.
What the others need is in `requirements.txt` beside this file; what is not installed is left out.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from job import MEGABYTE, Job, Measured
from ways import KEY, WAYS

HERE = Path(__file__).resolve().parent
LIMIT = 100  # calls in flight
QUESTIONS = {0: 5_000, 50: 5_000, 500: 2_000}  # for each latency in milliseconds
MANY = 100_000
QUICK = 5  # times fewer questions
SHARE_QUESTIONS, SHARE_PAIRS = 250, 121  # short and many: what else the machine does meets both of a pair
IMPORTS = 9
SECONDS = 1_800  # the patience with one process

OURS, SAVING, NOT_KEPT, PLAIN = "workbook", "workbook-saving", "workbook-not-kept", "openai-aiohttp"

MEMORY = {  # what is given an iterator
    OURS: "this workbook's batch, answers kept",
    SAVING: "this workbook's batch, answers kept, and each saved with `save_to`",
    NOT_KEPT: "this workbook's batch, each saved, none kept",
    PLAIN: "`AsyncOpenAI` on aiohttp, a task for each behind a semaphore",
}
IMPORT = """\
import time, openai
start = time.perf_counter()
import helpers
print(time.perf_counter() - start)
"""


@dataclass
class Figures:
    """The medians of one way at one latency."""

    rounds: list[Measured] = field(default_factory=list)

    def median(self, name: str) -> float:
        return statistics.median(getattr(each, name) for each in self.rounds)

    def megabytes(self) -> str:
        known = [each.memory for each in self.rounds if each.memory is not None]
        return f"+{statistics.median(known) / MEGABYTE:.0f}" if known else "–"


class Runner:
    """Starts the processes, and keeps what went wrong in them."""

    def __init__(self) -> None:
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        # -1: nothing to choose from
        self.client_core, self.service_core = (cores[0], cores[-1]) if len(cores) > 1 else (-1, -1)
        self.failed: dict[str, str] = {}

    @contextmanager
    def service(self, latency: int) -> Iterator[str]:
        """Runs the service with that many milliseconds of latency; gives its address."""
        command = [sys.executable, str(HERE / "service.py"), str(latency / 1_000), str(self.service_core)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None and process.stdout is not None
            try:
                yield process.stdout.readline().strip()
            finally:
                process.stdin.close()

    def measured(self, job: Job) -> Measured | None:
        """What a job measured; None where it failed, and then `failed` says why."""
        result = self._result(job)
        return Measured(**result) if isinstance(result, dict) else None

    def share(self, job: Job) -> float | None:
        result = self._result(job)
        return result if isinstance(result, float) else None

    def import_time(self) -> float:
        """Seconds that `import helpers` adds to `import openai`."""
        return float(self._run([sys.executable, "-c", IMPORT]).stdout)

    def _result(self, job: Job) -> object:
        print(f"… {job.way}, {job.n:,} questions{f', {job.what}' if job.what != 'run' else ''}", file=sys.stderr)
        process = self._run([sys.executable, str(HERE / "job.py"), json.dumps(asdict(job))])
        if process.returncode:
            self.failed[job.way] = process.stderr.strip().rpartition("\n")[2] or f"exit code {process.returncode}"
            return None
        return json.loads(process.stdout.strip().rpartition("\n")[2])

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=_environment(), capture_output=True, text=True, timeout=SECONDS)


def _environment() -> dict[str, str]:
    """An environment without the user's own keys, proxies and telemetry; bytecode is kept, as nearly everywhere."""
    own = ("OPENAI_", "AZURE_", "LANGCHAIN_", "LANGSMITH_", "LITELLM_", "WORKBOOK_", "PYTHONDONTWRITEBYTECODE")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(own) and not name.lower().endswith("_proxy")
    }
    path = os.pathsep.join(filter(None, [str(HERE.parent), environment.get("PYTHONPATH")]))
    quiet = {"LANGSMITH_TRACING": "false", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
    return {**environment, **quiet, "OPENAI_API_KEY": KEY, "PYTHONPATH": path}


# ---- what is measured --------------------------------------------------------------------------------------------


def compare(runner: Runner, latency: int, ways: Iterable[str], n: int, rounds: int) -> dict[str, Figures]:
    """The ways take turns, so that a drift of the machine meets all of them."""
    figures: dict[str, Figures] = {way: Figures() for way in ways}
    with runner.service(latency) as url:
        for _ in range(rounds):
            for way in figures:
                if way not in runner.failed and (measured := runner.measured(_job(runner, way, url, n))):
                    figures[way].rounds.append(measured)
    return {way: each for way, each in figures.items() if way not in runner.failed}


def show_comparison(latency: int, figures: Mapping[str, Figures], n: int) -> None:
    ideal = n / LIMIT * latency / 1_000
    print(f"\n**{latency} ms of latency, {LIMIT} calls in flight, {n:,} questions**\n")
    print("| through | calls a second | makespan / ideal | CPU ms a call | peak MB over base |")
    print("| --- | --: | --: | --: | --: |")
    for way, each in sorted(figures.items(), key=lambda item: item[1].median("cpu")):
        seconds = each.median("seconds")
        beyond = f"{seconds / ideal:.2f}" if ideal else "–"
        cpu = each.median("cpu") / n * 1_000
        print(f"| {WAYS[way].title} | {n / seconds:,.0f} | {beyond} | {cpu:.3f} | {each.megabytes()} |")


def show_memory(runner: Runner, n: int) -> None:
    print(f"\n**{n:,} questions from an iterator, no latency**\n")
    print("| through | peak MB over base | calls a second |")
    print("| --- | --: | --: |")
    with runner.service(0) as url:
        for way, title in MEMORY.items():
            measured = runner.measured(_job(runner, way, url, n, what="iterator"))
            if measured:
                print(f"| {title} | {Figures([measured]).megabytes()} | {n / measured.seconds:,.0f} |")


def measure_share(runner: Runner, what: str, n: int, pairs: int) -> float | None:
    """The share of CPU that `connect()` or a trace adds to the batch."""
    with runner.service(0) as url:
        return runner.share(_job(runner, OURS, url, n, what=what, pairs=pairs))


def _job(runner: Runner, way: str, url: str, n: int, what: str = "run", pairs: int = 0) -> Job:
    return Job(way, url, n, LIMIT, runner.client_core, what, pairs)


# ---- what is promised --------------------------------------------------------------------------------------------


def show_promises(
    tables: Mapping[int, Mapping[str, Figures]],
    questions: Mapping[int, int],
    shares: Mapping[str, float | None],
    added: float,
) -> None:
    """Each as a ratio within this run; of several latencies the worst counts."""
    print("\n**What is promised**\n")
    print("| promise | at most | measured | |")
    print("| --- | --: | --: | --- |")
    for other, most in ((PLAIN, 0.6), ("langchain", 0.25), ("litellm", 0.25)):
        ratios = [
            table[OURS].median("cpu") / table[other].median("cpu")
            for table in tables.values()
            if OURS in table and other in table
        ]
        _promise(f"CPU a call, of that of {WAYS[other].title}", most, max(ratios, default=None))
    for latency, table in tables.items():
        if latency and OURS in table and PLAIN in table:
            ideal = questions[latency] / LIMIT * latency / 1_000
            ours, plain = (table[way].median("seconds") - ideal for way in (OURS, PLAIN))
            title = f"time beyond the ideal at {latency} ms, of that of {WAYS[PLAIN].title}"
            _promise(title, 0.6, ours / plain)
    _promise("CPU that `connect()` adds to the batch (`--shares`)", 0.05, shares.get("connect"), percent=True)
    _promise("CPU that recording a trace adds to that (`--shares`)", 0.03, shares.get("trace"), percent=True)
    _promise("milliseconds that `import helpers` adds to `import openai`", 50, added * 1_000, digits=0)


def _promise(title: str, most: float, value: float | None, *, percent: bool = False, digits: int = 2) -> None:
    if value is None:
        shown, verdict = "–", "not measured"
    else:
        shown = f"{value:.1%}" if percent else f"{value:.{digits}f}"
        verdict = "reached" if value <= most else "**not reached**"
    print(f"| {title} | {f'{most:.0%}' if percent else most} | {shown} | {verdict} |")


# ---- the command -------------------------------------------------------------------------------------------------


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=WAYS, metavar="WAY", help=f"some of: {', '.join(WAYS)}")
    parser.add_argument("--quick", action="store_true", help="a fifth of the questions, one round")
    parser.add_argument("--rounds", type=int, help="how often each way has its turn (3)")
    parser.add_argument("--memory", action="store_true", help=f"also {MANY:,} questions at once")
    parser.add_argument("--shares", action="store_true", help="also what connect() and recording a trace add")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 3)
    scale = QUICK if options.quick else 1
    questions = {latency: n // scale for latency, n in QUESTIONS.items()}

    # saving is another job than the others do
    ways = options.only or [way for way in WAYS if way not in (SAVING, NOT_KEPT)]
    missing = [way for way in ways if importlib.util.find_spec(WAYS[way].module) is None]
    ways = [way for way in ways if way not in missing]
    runner = Runner()
    added = statistics.median(runner.import_time() for _ in range(IMPORTS))
    tables = {}
    for latency, n in questions.items():
        tables[latency] = compare(runner, latency, ways, n, rounds)
        show_comparison(latency, tables[latency], n)
    if options.memory:
        show_memory(runner, MANY // scale)
    shares = {}
    for what in ("connect", "trace") if options.shares else ():
        shares[what] = measure_share(runner, what, SHARE_QUESTIONS, SHARE_PAIRS // scale)
    show_promises(tables, questions, shares, added)
    for way in missing:
        print(f"\nLeft out, as it is not installed: {WAYS[way].title}. {WAYS[way].install}")
    for way, why in runner.failed.items():
        print(f"\nFailed: {WAYS[way].title}. {why}")
    return 1 if runner.failed else 0


if __name__ == "__main__":
    sys.exit(main())
