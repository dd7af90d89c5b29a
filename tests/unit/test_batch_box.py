"""The batch box without a browser: what a reader sees, what is in the file, and what the mock API was asked."""

import asyncio
import csv
import io
from collections.abc import Callable

import pytest
from boxes import (
    choose,
    download,
    find,
    finished,
    heard,
    is_disabled,
    is_shown,
    line,
    markup,
    message,
    options,
    picture,
    press,
    rows,
    run,
    shown,
    status,
    stop,
    type_into,
    upload,
    value,
)
from waiting import until

from helpers import Answer, BadInput, batch_box, faults, process_questions_batch, watch
from helpers.batch import csv_file
from helpers.mock_api import MockAPI
from helpers.widgets.batch_box import BatchBox
from helpers.words import duration

practice = pytest.mark.usefixtures("connected")

FIELD = "Questions, one a line (Ctrl+Enter runs)"
LIMIT = "Limit in flight (1 to 50)"
COLUMN = "Column of the questions"
ENCODING = "It reads right as"
PASTED = "Use the pasted text instead"
FORMULA = '=HYPERLINK("http://example.org")'


async def choose_file(box: BatchBox, content: bytes, name: str = "questions.csv") -> str:
    """Chooses a file; gives what the box says of it."""
    upload(box, "Or choose a file", name, content)
    for _ in range(4):  # what the choice has set off, such as that of the column
        await asyncio.sleep(0)
    return line(box, "source")


def encoded(text: str, encoding: str) -> bytes:
    """Nothing where this encoding has not all of its letters."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return b""


def asked(api: MockAPI) -> list[str]:
    return sorted(each.question for each in api.served)


def downloaded(box: BatchBox) -> list[dict[str, str]]:
    name, content = download(box)
    assert name == "answers.csv"
    assert content.startswith(b"\xef\xbb\xbf"), "Excel needs it"
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


# ---- a run -------------------------------------------------------------------------------------------------------


def test_pasted_questions_are_asked_and_shown(connected: MockAPI) -> None:
    async def learner() -> None:
        box = batch_box(model="gpt-6.1-sol", max_concurrency=2)
        assert value(box, "Model") == "gpt-6.1-sol" and value(box, LIMIT) == 2
        type_into(box, FIELD, "What is Python?\n\n   \n  What is Go?  \r\nWhat is Python?\n")
        await run(box, "Run")
        assert asked(connected) == ["What is Go?", "What is Python?"], "the same question is asked once"
        assert {each.model for each in connected.served} == {"gpt-6.1-sol"}
        assert status(box) == "3 of 3 answered."
        assert line(box, "progress").startswith("3 of 3 · ") and "in all" in line(box, "progress")
        assert "left" not in line(box, "progress") and "failed" not in line(box, "progress")
        assert "This notebook so far: 2 answers" in line(box, "totals") and "nothing is charged" in line(box, "totals")
        assert "3 questions, gpt-6.1-sol" in picture(box)
        assert [row[:2] for row in rows(box)] == [
            [1, "What is Python?"],
            [2, "What is Go?"],
            [3, "What is Python?"],
        ]
        assert [answer.question for answer in box.answers] == ["What is Python?", "What is Go?", "What is Python?"]
        assert "Go" in (box.answers[1].answer or "")
        assert value(box, "bar") == find(box, "bar").max == 3
        assert repr(box).startswith("Batch box: 3 of 3 answered.\n1. What is Python?: ")

    asyncio.run(learner())


@practice
def test_before_the_run_it_says_what_it_is() -> None:
    assert "paste questions" in repr(batch_box())


@practice
def test_the_limit_is_kept() -> None:
    async def learner() -> None:
        box = batch_box([f"What is {n}?" for n in range(12)], max_concurrency=3)
        with watch() as trace:
            await run(box, "Run")
        assert trace.max_in_flight == 3
        assert rows(box)[-1][4] > 0, "the last one was queued"

    asyncio.run(learner())


@practice
def test_a_failure_is_a_row_beside_the_answers() -> None:
    async def learner() -> None:
        box = batch_box(["What is Python?", "What is Go?", "What is a list?"])
        with faults(refused="What is Go?"):
            await run(box, "Run")
        assert status(box) == "2 of 3 answered, 1 failed: 1 BadRequestError."
        assert line(box, "progress").endswith(" · 1 failed")
        assert [bool(row[8]) for row in rows(box)] == [False, True, False]
        failed = rows(box)[1]
        assert failed[2] is None and str(failed[8]).startswith("BadRequestError: ")
        answered, refused, _ = downloaded(box)
        assert (answered["success"], answered["error_type"], answered["answer"] != "") == ("True", "", True)
        assert (refused["success"], refused["error_type"], refused["answer"]) == ("False", "BadRequestError", "")
        assert "2. What is Go?: ✗ " in repr(box)

    asyncio.run(learner())


def test_cut_answers_are_marked_and_counted(ends: Callable[..., None]) -> None:
    async def learner() -> None:
        ends("length", "It is a langu")
        box = batch_box(["What is Python?", "What is Go?"])
        await run(box, "Run")
        said = "2 of 2 answered. 2 answers were cut at the token limit (finish_reason length)."
        assert status(box) == said and said in repr(box)
        assert line(box, "progress").endswith(" · 2 cut")
        assert [row[2] for row in rows(box)] == ["It is a langu … (cut at the token limit)"] * 2
        assert "1. What is Python?: It is a langu … (cut at the token limit)" in repr(box)
        assert [(each["answer"], each["finish_reason"]) for each in downloaded(box)] == [
            ("It is a langu", "length")
        ] * 2

    asyncio.run(learner())


def test_no_answer_is_a_failed_row(ends: Callable[..., None]) -> None:
    async def learner() -> None:
        ends("content_filter", "")
        box = batch_box(["What is Python?"])
        await run(box, "Run")
        assert status(box) == "0 of 1 answered, 1 failed: 1 ContentFiltered."
        assert "filter kept the answer back" in str(rows(box)[0][8])

    asyncio.run(learner())


@practice
def test_a_run_that_stops_by_itself_does_not_call_the_rest_failed() -> None:
    async def learner() -> None:
        box = batch_box([f"What is {n}?" for n in range(20)], max_concurrency=4)
        with faults(expired_key=True):
            await run(box, "Run")
        assert status(box).startswith("0 of 20 answered, 4 failed: 4 AuthenticationError, 16 not sent. Stopped: ")
        assert (value(box, "bar"), find(box, "bar").max) == (4, 20)
        assert line(box, "progress").startswith("4 of 20 · ") and line(box, "progress").endswith(" · 4 failed")
        assert "left" not in line(box, "progress")
        assert len(rows(box)) == 20

    asyncio.run(learner())


@practice
def test_the_box_and_its_picture_tell_the_same_seconds() -> None:
    async def learner() -> None:
        box = batch_box(["What is Python?", "What is Go?"])
        with watch() as trace:
            await run(box, "Run")
        assert f" · {duration(trace.seconds)} in all" in line(box, "progress")
        assert f" · {duration(trace.seconds)} · " in picture(box)

    asyncio.run(learner())


@practice
def test_kinds_of_failure_are_counted() -> None:
    async def learner() -> None:
        box = batch_box(["one", "two", "three", "four"])
        with faults(refused=["one", "two"], rate_limited=["three"], retry_after=0):
            await run(box, "Run")
        assert status(box) == "1 of 4 answered, 3 failed: 2 BadRequestError, 1 RateLimitError."

    asyncio.run(learner())


@practice
def test_markup_in_questions_stays_text() -> None:
    async def learner() -> None:
        box = batch_box(["<b>bold</b><script>alert(1)</script>"])
        await choose_file(box, b"question\n<img src=x onerror=alert(1)>\n", "<i>.csv")
        assert "<i>" in line(box, "source") and "<i>" not in markup(box) and "<img" not in markup(box)
        press(box, PASTED)
        await run(box, "Run")
        assert rows(box)[0][1] == "<b>bold</b><script>alert(1)</script>"  # the page shows it by textContent
        assert "<script" not in markup(box)

    asyncio.run(learner())


def test_run_pressed_twice_is_one_run(connected: MockAPI) -> None:
    async def learner() -> None:
        box = batch_box(["What is Python?"])
        press(box, "Run")
        press(box, "Run")
        await until(lambda: is_disabled(box, "Run"))
        press(box, "Run", anyway=True)
        await finished(box)
        await until(lambda: not is_disabled(box, "Run"))
        assert asked(connected) == ["What is Python?"]
        await run(box, "Run")  # afterwards, it can be run again
        assert asked(connected) == ["What is Python?"] * 2 and len(rows(box)) == 1

    asyncio.run(learner())


def test_stop_keeps_what_is_done(connected: MockAPI) -> None:
    async def learner() -> None:
        box = batch_box(["quick", "hangs", "hangs too", "not sent"], max_concurrency=2)
        with faults(hanging=["hangs", "hangs too"]):
            press(box, "Run")
            await until(lambda: len(connected.served) == 3)
            await stop(box)
        assert asked(connected) == ["hangs", "hangs too", "quick"]
        said = "Stopped: 1 of 4 are done and kept; 2 calls were cut off (the service may charge for them)."
        assert status(box) == said
        assert [row[:2] for row in rows(box)] == [[1, "quick"]]
        assert [each["question"] for each in downloaded(box)] == ["quick"]
        assert said in repr(box)
        assert is_disabled(box, "Stop") and not is_disabled(box, "Run")

    asyncio.run(learner())


def test_stop_before_anything_was_sent(connected: MockAPI) -> None:
    async def learner() -> None:
        box = batch_box(["What is Python?"])
        press(box, "Run")
        press(box, "Stop", anyway=True)  # before the page knows that it is no longer grey
        await until(lambda: status(box) and not is_disabled(box, "Run"))
        assert status(box) == "Stopped before anything was sent."
        assert asked(connected) == []

    asyncio.run(learner())


def test_close_leaves_no_task(connected: MockAPI) -> None:
    async def learner() -> None:
        before = asyncio.all_tasks()
        box = batch_box(["hangs"])
        with faults(hanging="hangs"):
            press(box, "Run")
            await until(lambda: connected.served)
            box.close()
            await until(lambda: asyncio.all_tasks() == before)
        assert shown(box) == ""

    asyncio.run(learner())


@pytest.mark.usefixtures("fresh_session")
def test_who_is_not_connected_is_told() -> None:
    async def learner() -> None:
        box = batch_box(["What is Python?"])
        await run(box, "Run")
        assert status(box) == "This notebook is not connected yet. Run the cell with connect() first."

    asyncio.run(learner())


def test_what_cannot_be_run_is_said(connected: MockAPI) -> None:
    async def learner() -> None:
        box = batch_box()
        await run(box, "Run")
        assert status(box) == "There are no questions. Write one a line into the field, or choose a file."
        type_into(box, FIELD, "What is Python?")
        for limit in (0, 51, -3):
            type_into(box, LIMIT, limit)
            await run(box, "Run")
            assert status(box) == (f"The limit in flight is {limit}. Give a whole number from 1 to 50, such as 10.")
        assert asked(connected) == [] and not box.busy

    asyncio.run(learner())


@practice
def test_bad_arguments() -> None:
    with pytest.raises(BadInput, match="brackets"):
        batch_box("What is Python?")
    with pytest.raises(BadInput, match="from 1 to 50"):
        batch_box(max_concurrency=0)
    with pytest.raises(BadInput, match="model is named"):
        batch_box(model="")
    assert value(batch_box(model="my-own"), "Model") == "my-own"
    assert value(batch_box(["two\nlines"]), FIELD) == "two lines"


# ---- files -------------------------------------------------------------------------------------------------------


def test_a_file_is_used_until_the_text_is_wanted_again(connected: MockAPI) -> None:
    async def learner() -> None:
        box = batch_box(["pasted"])
        said = await choose_file(box, b"\xef\xbb\xbfid;Question\r\n1;What is Go?\r\n2;\r\n3;What is K\xc3\xbcrze?\r\n")
        assert said == "2 questions from questions.csv (column Question); 1 empty cell skipped. The first: What is Go?"
        await run(box, "Run")
        assert asked(connected) == ["What is Go?", "What is Kürze?"]
        assert value(box, FIELD) == "pasted"
        press(box, PASTED)
        await until(lambda: line(box, "source") == "")
        assert not is_shown(box, PASTED)
        await run(box, "Run")
        assert asked(connected)[-1] == "pasted"

    asyncio.run(learner())


def test_the_column_is_chosen_where_it_is_not_clear(connected: MockAPI) -> None:
    async def learner() -> None:
        box = batch_box()
        said = await choose_file(box, b'id,text\n1,"What, then, is Go?"\n')
        assert said == "questions.csv has several columns. Choose the one that holds the questions."
        await run(box, "Run")
        assert status(box) == said
        assert options(box, COLUMN) == ["…", "id", "text"]
        choose(box, COLUMN, "text")
        await until(lambda: "The first" in line(box, "source"))
        assert line(box, "source") == "1 question from questions.csv (column text). The first: What, then, is Go?"
        await run(box, "Run")
        assert asked(connected) == ["What, then, is Go?"]

    asyncio.run(learner())


@pytest.mark.parametrize(
    ("content", "happened", "to_do"),
    [
        (b"", "is empty", "Choose a file"),
        (b"\xef\xbb\xbf \r\n", "is empty", "Choose a file"),
        (b"question\n", "has no rows", "Choose a file"),
        (b"PK\x03\x04\x14\0\x06\0", "such as an Excel workbook", "Save it as"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "holds something else than text", "Save your questions"),
        (b'question\n"What is Go?\nWhat is Python?\n', "quotes in line 3 or before do not match", "Mend them"),
        (b"id,question\n1,What is a, or b?\n", "its line 2 has 3 cells, its first 2", "double quotes"),
        (b'question\n""\n', "is empty", "Choose another"),
    ],
)
@practice
def test_bad_files(content: bytes, happened: str, to_do: str) -> None:
    async def learner() -> None:
        box = batch_box(["pasted"])
        said = await choose_file(box, content, "bad.csv")
        assert happened in said and to_do in said and "bad.csv" in said
        assert value(box, FIELD) == "pasted"

    asyncio.run(learner())


def test_an_encoding_that_is_not_sure_is_chosen_by_how_the_question_reads(connected: MockAPI) -> None:
    async def learner() -> None:
        box = batch_box(["pasted"])
        said = await choose_file(box, "nr;question\n1;Что такое Go?\n".encode("cp1251"))
        assert said.startswith("questions.csv is not in UTF-8") and said.endswith("in which the question reads right.")
        await run(box, "Run")
        assert status(box) == said and asked(connected) == []
        choose(box, ENCODING, "cp1251: Что такое Go?")
        await until(lambda: "The first" in line(box, "source"))
        assert line(box, "source") == "1 question from questions.csv (column question). The first: Что такое Go?"
        choose(box, ENCODING, next(each for each in options(box, ENCODING) if each.startswith("koi8_r")))
        await until(lambda: "Что" not in line(box, "source"))
        choose(box, ENCODING, "cp1251: Что такое Go?")
        await until(lambda: "Что" in line(box, "source"))
        await run(box, "Run")
        assert asked(connected) == ["Что такое Go?"]
        await choose_file(box, b"question\nWhat is Go?\n")
        assert not is_shown(box, ENCODING)
        await run(box, "Run")
        assert asked(connected) == ["What is Go?", "Что такое Go?"]
        await choose_file(box, "question\nЧто это?\n".encode("cp1251"))
        press(box, PASTED)
        await until(lambda: not is_shown(box, ENCODING))
        await run(box, "Run")
        assert asked(connected)[:2] == ["What is Go?", "pasted"]

    asyncio.run(learner())


def test_other_kinds_of_files_are_asked(connected: MockAPI) -> None:
    async def learner() -> None:
        box = batch_box()
        said = await choose_file(box, b'{"nr": 1, "prompt": "What is Go?"}\n', "lines.jsonl")
        assert said == "1 question from lines.jsonl (column prompt) (its field prompt is read). The first: What is Go?"
        await run(box, "Run")
        assert asked(connected) == ["What is Go?"]

    asyncio.run(learner())


def test_a_bad_file_leaves_the_good_one_in_use(connected: MockAPI) -> None:
    async def learner() -> None:
        box = batch_box()
        await choose_file(box, b"question\nWhat is Go?\n", "good.csv")
        assert (await choose_file(box, b"", "bad.csv")).endswith("Until then good.csv stays in use.")
        await run(box, "Run")
        assert asked(connected) == ["What is Go?"]

    asyncio.run(learner())


@pytest.mark.parametrize(
    ("content", "questions"),
    [
        ("question\nWarum ist das so schön?\n".encode("cp1252"), ["Warum ist das so schön?"]),
        (b"Question;\nWhat is Go?;\n", ["What is Go?"]),
        (b"text\nWhat is a, b or c?\n\nWhat is d?\n", ["What is a, b or c?", "What is d?"]),
        (b"What is Go?\nWhat is Python?\n", ["What is Go?", "What is Python?"]),  # no name above
        (b'question\n"two\nlines, ""quoted"""\nNA\n', ['two\nlines, "quoted"', "NA"]),
    ],
)
def test_good_files(content: bytes, questions: list[str]) -> None:
    file = csv_file.read_table("questions.csv", content)
    assert file.of_questions == 0
    assert file.column(0) == questions


def test_half_a_character_is_not_sent(connected: MockAPI) -> None:
    async def learner() -> None:
        box = batch_box()
        type_into(box, FIELD, "What is Go?\nhalf \ud83d")
        await run(box, "Run")
        assert status(box).startswith("Question 2: The question holds half a character")
        assert asked(connected) == []

    asyncio.run(learner())


def test_nothing_in_the_download_becomes_a_formula() -> None:
    signs = [FORMULA, "+1", "-1", "@SUM(1)", "\t=1", "\r=1"]
    answers = [Answer(question=sign, model="gpt-6-luna", answer="fine = fine", time=1.5, attempts=1) for sign in signs]
    rows = list(csv.reader(io.StringIO(csv_file.write_table(answers).decode("utf-8-sig"), newline="")))
    assert rows[0] == list(Answer.__dataclass_fields__)
    assert [row[0] for row in rows[1:]] == [f"'{sign}" for sign in signs]
    assert rows[1][1:3] == ["gpt-6-luna", "fine = fine"]
    assert rows[1][3:7] == ["", "", "", "1.5"]


# ---- the table's side of its talk with the page ------------------------------------------------------------------


@practice
def test_the_page_fetches_rows_and_file() -> None:
    async def learner() -> None:
        box = batch_box(["What is Python?", "What is Go?"])
        await run(box, "Run")
        table = find(box, "Download as CSV")
        there = table.there
        assert there["count"] == 2
        with heard(table) as told:
            message(table, {"rows": 0, "edition": there["edition"]})
            message(table, {"rows": 1, "edition": there["edition"]})
            message(table, {"rows": 0, "edition": there["edition"] - 1})  # of an earlier run
            message(table, {"file": True})
        (both, _), (last, _), (file, (content,)) = told
        assert len(both["rows"]) == 2 and last == {"rows": both["rows"][1:], "from": 1, "edition": there["edition"]}
        assert file == {"file": "answers.csv"} and content.startswith(b"\xef\xbb\xbf")

    asyncio.run(learner())


@practice
def test_a_long_text_is_cut_in_the_table_only() -> None:
    async def learner() -> None:
        box = batch_box(["long " * 2_000])
        await run(box, "Run")
        assert len(str(rows(box)[0][1])) < 5_000 and "the CSV has all of it" in str(rows(box)[0][1])
        assert downloaded(box)[0]["question"] == ("long " * 2_000).strip()

    asyncio.run(learner())


# ---- process_questions_batch(on_progress=…) ----------------------------------------------------------------------


@practice
def test_progress_is_told_as_answers_come_in() -> None:
    async def learner() -> None:
        told: list[Answer] = []
        with faults(server_error={"late": 1}):
            answers = await process_questions_batch(["late", "soon"], on_progress=told.append)
        assert [answer.question for answer in answers] == ["late", "soon"]
        assert [answer.question for answer in told] == ["soon", "late"]
        assert told[1] is answers[0] and told[1].attempts == 2

    asyncio.run(learner())


# ---- odd files -------------------------------------------------------------------------------------------------------

ODD = [
    (f"{language}, {encoding}, {form}", content, asked)
    for language, texts in {
        "german": ["Was heißt „größer“?", "Erkläre Öl"],
        "russian": ["Что такое Python?", "Объясни Go"],
        "chinese": ["什么是Python?", "请解释一下Go"],
        "japanese": ["Pythonとは何ですか?", "Goを説明して"],
    }.items()
    for encoding in ("utf-8", "utf-16", "cp1252", "cp1251", "gbk", "shift_jis")
    for form, content in {
        "list": "{}\n{}\n",
        "table": "nr;question\r\n1;{}\r\n2;{}\r\n",
        "tabs": "nr\tquestion\n1\t{}\n2\t{}\n",
        "sep=": 'sep=;\nnr;question\n1;"{}"\n2;"{}"\n;\n',
    }.items()
    if encoded(content.format(*texts), encoding)
    for content, asked in [(content.format(*texts).encode(encoding), texts)]
]


@practice
def test_odd_files_are_read_rightly_or_it_is_chosen_how_they_read() -> None:
    """The same files as a batch reads, chosen in the box; nothing wrong can be asked."""

    async def learner() -> None:
        box = batch_box()
        for what, content, asked in ODD:
            said = await choose_file(box, content)
            if "cannot be told" in said or "cannot be read for sure" in said:
                right = [each for each in options(box, ENCODING) if each.endswith(f": {asked[0]}")]
                assert right, what
                choose(box, ENCODING, right[0])
                await until(lambda: "The first: " in line(box, "source"))
                said = line(box, "source")
            assert said.startswith("2 questions from") and said.endswith(f"The first: {asked[0]}"), what

    assert len(ODD) >= 60
    asyncio.run(learner())
