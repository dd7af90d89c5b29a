"""Files of questions as people have them: asked rightly, or refused with advice that works, and none asked wrongly."""

import asyncio
import csv
import io
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from boxes import choose, is_shown, line, options, press, upload
from waiting import until

from helpers import Answer, batch_box, estimate
from helpers.batch.csv_file import read_table, write_table
from helpers.batch.encodings import UnknownEncoding
from helpers.batch.question_file import questions_in
from helpers.errors import BadInput
from helpers.widgets.batch_box import BatchBox

from .service import Service, run

TEXTS = {
    "ascii": ["What is Go, in a word?", "Explain Python; briefly", "Tell me | about Rust"],
    "german": ["Was heißt „größer“?", "Erkläre Öl", "Wie schön ist das?"],
    "french": ["Où est l’été ?", "Ça va, « François » ?", "Décris un cœur"],
    "spanish": ["¿Qué es Python?", "Explica el año", "¿Cómo está?"],
    "polish": ["Czy księżyc świeci?", "Opisz żółwia", "Co to jest łódź?"],
    "russian": ["Что такое Python?", "Объясни Go", "Где это?"],
    "greek": ["Τι είναι η Python;", "Εξήγησε το Go", "Πού είναι;"],
    "turkish": ["Işık nedir?", "Ağaç ne demek?", "Şu dağ nerede?"],
    "czech": ["Co je příklad?", "Popiš řeku", "Kde je dům?"],
    "hungarian": ["Mi az erdő?", "Írd le a fűzfát", "Mi a tűz?"],
    "romanian": ["Ce este o casă?", "Descrie o vară", "Unde este?"],
    "portuguese": ["O que não é isso?", "Explique a ação", "Como é a maçã?"],
    "danish": ["Hvad er en å?", "Forklar øl og æg", "Hvor er det?"],
    "lithuanian": ["Kas yra ugnė?", "Kur yra ąžuolas?", "Apie šuo"],
    "one word": ["What is a café?", "Who is Zoë?", "Explain Go"],
    "chinese": ["什么是Python?", "请解释一下Go", "这是什么?"],
    "japanese": ["Pythonとは何ですか?", "Goを説明して", "これは何?"],
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "gbk", "shift_jis"]
ENCODINGS += ["cp850", "mac_roman", "iso8859_15", "big5", "euc_jp", "cp852", "cp1257", "iso8859_2", "mac_latin2"]
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
FORMS = ["list", "with a name", "table", "table, sep=", "comma at the end"]


def cell(text: str, separator: str) -> str:
    return f'"{text}"' if separator in text else text


def written(form: str, texts: list[str], separator: str, end: str) -> str:
    if form == "list":
        return end.join(texts) + end
    if form == "with a name":
        return end.join(["question", *texts]) + end
    head = [f"sep={separator}"] if form == "table, sep=" else []
    last = separator if form == "comma at the end" else ""
    rows = [f"{number}{separator}{cell(text, separator)}{last}" for number, text in enumerate(texts, 1)]
    return end.join([*head, f"nr{separator}question", *rows]) + end


def odd_files() -> Iterator[tuple[str, list[str], bytes]]:
    for (language, texts), encoding in itertools.product(TEXTS.items(), ENCODINGS):
        for form, (name, separator), end in itertools.product(FORMS, SEPARATORS.items(), ("\n", "\r\n", "\r")):
            if form in ("list", "with a name") and name != "comma":
                continue
            try:
                content = written(form, texts, separator, end).encode(encoding)
            except UnicodeEncodeError:
                continue
            yield f"{language}, {encoding}, {form}, {name}, {end!r}", texts, content


def followed(refusal: BadInput) -> list[str]:
    """What comes of the expression that the refusal says to give."""
    advice = re.search(r"questions=(.+?\)|\[.+\])(?:\.$|;)", refusal.what_to_do)
    assert advice is not None, refusal
    if "from helpers import questions_in" not in refusal.what_to_do:
        assert "questions_in" not in advice[1], "where does that name come from?"
    return list(eval(advice[1], {"questions_in": questions_in, "pd": pd}))


def is_text(encoding: str, content: bytes, texts: list[str]) -> bool:
    try:
        return all(text in content.decode(encoding) for text in texts)
    except UnicodeDecodeError:
        return False


@pytest.mark.slow
def test_none_is_asked_wrongly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "questions of 'mine'.csv"
    asked = refused = 0
    for what, texts, content in odd_files():
        file.write_bytes(content)
        try:
            questions = questions_in(file)
        except UnknownEncoding as error:
            assert "cannot be read for sure" in str(error) and str(file) in str(error), what
            followed(error)
            right = [each for each in error.likely if is_text(each, content, texts)]
            if right:
                assert questions_in(file, encoding=right[0]) == texts, what
                shown = next((text for text in texts if not text.isascii()), texts[0])
                assert error.likely[right[0]] == shown, what
            refused += bool(right)
            assert right or "shift_jis" in what, (what, error.likely)
            capsys.readouterr()
        else:
            assert questions == texts, what
            said = capsys.readouterr().out
            is_old = content.decode("utf-8", "replace") != content.decode("utf-8", "ignore")
            assert ("read as cp1252" in said) == (is_old and not content.startswith(b"\xff\xfe")), what
            asked += 1
    assert asked > 500 and refused > 500


@pytest.mark.parametrize("folder", [".", "data", "my data", "o'clock"])
@pytest.mark.parametrize("name", ["text", 'the "text"', "it's", "  blanks ", "a, b", "Text\\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1251"])
def test_the_advice_names_the_file_and_the_column_as_they_are(
    folder: str, name: str, encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path(folder, "a list.csv")
    file.parent.mkdir(exist_ok=True)
    with file.open("w", encoding=encoding, newline="") as out:
        csv.writer(out).writerows([["nr", name], [1, "Что такое Go?"], [2, "Объясни Rust"]])
    with pytest.raises(BadInput) as refusal:
        questions_in(file)
    if isinstance(refusal.value, UnknownEncoding):
        unknown = refusal.value
        with pytest.raises(BadInput, match="and none of them is named question") as refusal:
            followed(unknown)
    assert followed(refusal.value) == ["Что такое Go?", "Объясни Rust"]


@pytest.mark.parametrize(
    "content",
    [
        "nr,text\n1,What is Go?\n2,Explain Rust\n",
        "nr;text\n1;What is Go?\n2;Explain Rust\n",
        "sep=;\nnr;text\n1;What is Go?\n2;Explain Rust\n",
        "text\tnr\nWhat is Go?\t1\nExplain Rust\t2\n",
        "1,What is Go?\n2,Explain Rust\n",
        "1\tWhat is Go?\n2\tExplain Rust\n",
        "Explain,level\nWhat is Go?,easy\nExplain Rust,hard\n",
        "text,tags\nWhat is Go?,\nExplain Rust,a b c d e f g h\n,\n"[:-2],
        "text,text\n1,What is Go?\n2,Explain Rust\n",
    ],
)
def test_the_advice_gives_the_column_that_reads_like_questions(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(content)
    with pytest.raises(BadInput) as refusal:
        questions_in(Path("table.csv"))
    assert followed(refusal.value) == ["What is Go?", "Explain Rust"]


@pytest.mark.parametrize("rest", ["What is Go?\n", "Explain Go{0} too\n", "Tell me{0} please{0} of Go\n", "Python\n"])
@pytest.mark.parametrize("first", ["Explain Python", "Explain Python{0} briefly", "Explain the question mark"])
@pytest.mark.parametrize("separator", [",", ";", "|"])
def test_a_list_keeps_its_first_line(first: str, rest: str, separator: str, tmp_path: Path) -> None:
    lines = [first.format(separator), rest.format(separator).strip()]
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    assert questions_in(tmp_path / "list.csv") == lines


def test_one_odd_line_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "mixed.csv").write_bytes("question\nWas heißt Größe?\n".encode() + "Wie schön?\n".encode("cp1252"))
    with pytest.raises(BadInput, match="its line 3 is not in UTF-8"):
        questions_in(tmp_path / "mixed.csv")


def test_a_very_long_cell_is_no_fault_of_quotes() -> None:
    with pytest.raises(BadInput, match="a cell in line 2 has over 131,072 letters"):
        read_table("long.csv", f"question\n{'x' * 200_000}\n".encode())


@pytest.mark.parametrize(
    ("answer", "cell"),
    [
        ("cut emoji \ud83d", "cut emoji \ufffd"),
        (" =1+1", "' =1+1"),
        ("\n=1+1", "'\n=1+1"),
        ("\t=1+1", "'\t=1+1"),
        ("＝1+1", "'＝1+1"),
        ("'=1+1", "''=1+1"),
        ("'tis", "'tis"),
    ],
)
def test_an_answer_never_keeps_the_table_from_being_written(answer: str, cell: str) -> None:
    content = write_table([Answer(question="What?", model="any", answer=answer)])
    (row,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert row["answer"] == cell
    file = read_table("answers.csv", content)  # and is read as it was
    assert file.rows[0][file.columns.index("answer")] == answer.replace("\ud83d", "\ufffd")


def test_a_first_line_that_is_taken_for_a_name_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.csv").write_text("Node.js\nVue.js\n")
    assert questions_in(tmp_path / "list.csv") == ["Vue.js"]
    assert "its first line, Node.js, is taken for the name of the column" in capsys.readouterr().out


def test_what_others_wrote_keeps_its_apostrophe(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("question\n'=1+1' is what in Excel?\n")
    assert questions_in(tmp_path / "list.csv") == ["'=1+1' is what in Excel?"]


# ---- other kinds of files ----------------------------------------------------------------------------------------

ASKED = ["What is Go?", "Explain Rust"]
RECORDS = [{"nr": number, "prompt": text} for number, text in enumerate(ASKED, 1)]
CHATS = [[{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}] for text in ASKED]


def json_lines(*records: object) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def workbook(*sheets: list[list[object]], hidden: int = 0) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in rows:
            sheet.append(row)
        if number <= hidden:
            sheet.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


TABLE: list[list[object]] = [["nr", "question"], [1, ASKED[0]], [2, ASKED[1]]]
OTHER: list[list[object]] = [["question"], ["Is this another sheet?"]]

READ = {
    "lines.jsonl": json_lines(*RECORDS),
    "lines.ndjson": json_lines(*({"id": n, "input": text, "topic": "Go"} for n, text in enumerate(ASKED))),
    "texts.jsonl": json_lines(*ASKED),
    "marked.jsonl": b"\xef\xbb\xbf" + json_lines(*RECORDS),
    "list.json": json.dumps(ASKED).encode(),
    "records.json": json.dumps(RECORDS, indent=1).encode(),
    "in an object.json": json.dumps({"version": 1, "questions": ASKED}).encode(),
    "pandas.json": pd.DataFrame(RECORDS).to_json().encode(),
    "pandas, lists.json": json.dumps({"nr": [1, 2], "question": ASKED}).encode(),
    "table.xlsx": workbook(TABLE),
    "list.xlsx": workbook([[text] for text in ASKED]),
    "below and beside.xlsx": workbook([[], [], *([None, None, *row] for row in TABLE)]),
    "several.xlsx": workbook(TABLE, OTHER),
    "hidden.xlsx": workbook(OTHER, TABLE, hidden=1),
    "workbook called.csv": workbook(TABLE),
    "without a mark.csv": "nr;question\n1;What is Go?\n2;Explain Rust\n".encode("utf-16-le"),
    "big end.csv": "nr;question\n1;What is Go?\n2;Explain Rust\n".encode("utf-16-be"),
    "utf-32.csv": "nr;question\n1;What is Go?\n2;Explain Rust\n".encode("utf-32"),
    "other separator.csv": b"nr^question\n1^What is Go?\n2^Explain Rust\n",
    "blanks between.csv": b'"nr", "question"\n1, "What is Go?"\n2, "Explain Rust"\n',
    "without an ending": b"What is Go?\nExplain Rust\n",
}
REFUSED: dict[str, tuple[bytes, str]] = {
    "two texts.jsonl": (json_lines(*({"a": text, "b": "some text"} for text in ASKED)), "has the columns a, b"),
    "chats.jsonl": (json_lines(*({"messages": chat} for chat in CHATS)), "none of them is a text"),
    "one chat.jsonl": (json_lines({"messages": CHATS[0]}), "none of them is a text"),
    "chats.json": (json.dumps([{"messages": chat} for chat in CHATS]).encode(), "none of them is a text"),
    "batch.jsonl": (
        json_lines(*({"custom_id": f"r-{n}", "body": {"messages": chat}} for n, chat in enumerate(CHATS))),
        "none of them is a text",
    ),
    "named otherwise.xlsx": (workbook([["nr", 'the "text"'], *TABLE[1:]]), "none of them is named question"),
    "damaged.jsonl": (b'{"question": "What?"}\n{"question": \n', "its line 2 is no JSON"),
    "mixed.jsonl": (json_lines(RECORDS[0], "What?"), "its record 2 is 'What?', which has no fields"),
    "old.jsonl": ('{"question": "café"}\n'.encode("cp1252"), "its line 1 is not in UTF-8"),
    "deep.json": (b"[" * 100_000, "nested too deep"),
    "empty.jsonl": (b"\n", "is empty"),
    "number.json": (b"5", "which has no fields"),
    "empty.xlsx": (workbook([]), "The first sheet of empty.xlsx, Sheet 1, is empty. Write questions into it"),
    "first is empty.xlsx": (workbook([], TABLE), "Move the sheet with the questions to the first place"),
    "names only.xlsx": (workbook(TABLE[:1]), "has no rows"),
    "half.xlsx": (workbook(TABLE)[:2_000], "is damaged, or was not saved as a whole"),
    "scratched.xlsx": (workbook(TABLE).replace(b"xl/workbook.xml", b"xl/workbook.xmx", 1), "damaged"),
    "text.xlsx": (b"question\nWhat?\n", "does not begin as such a file does"),
    "nothing.xlsx": (b"", "is empty"),
    "formula.xlsx": (workbook([["question"], ['="What is "&"Go?"']]), "a formula in A2 whose value was never"),
    "old.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook of an old kind, or has a password"),
    "text.parquet": (b"question\nWhat?\n", "does not begin as such a file does"),
    "cut.csv": ("question\nWas heißt я?\n".encode("utf-16")[:-1], "is damaged: its line 2 is not in UTF-16"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n\x00\x01", "holds something else than text"),
}


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("name", READ)
def test_files_of_other_kinds_are_asked(name: str, kind: type, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(READ[name])
    service = Service()
    answers = run(service, kind(tmp_path / name), max_concurrency=1)
    assert [answer.question for answer in answers] == service.asked == ASKED
    assert estimate(kind(tmp_path / name)).calls == 2


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_what_helps(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(REFUSED[name][0])
    service = Service()
    with pytest.raises(BadInput) as refusal:
        run(service, tmp_path / name)
    assert REFUSED[name][1] in str(refusal.value) and name in str(refusal.value)
    assert not service.asked
    if "questions=" in refusal.value.what_to_do and name != "two texts.jsonl":
        assert followed(refusal.value) == (ASKED if name != "one chat.jsonl" else ASKED[:1])


def test_the_column_is_named_or_numbered(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(REFUSED["two texts.jsonl"][0])
    assert questions_in(tmp_path / "a.jsonl", column="a") == questions_in(tmp_path / "a.jsonl", column=1) == ASKED
    with pytest.raises(BadInput, match=r"has no column 'c'\. Give column='a' or 'b'\."):
        questions_in(tmp_path / "a.jsonl", column="c")


@pytest.mark.parametrize("name", ["several.xlsx", "lines.jsonl"])
def test_what_was_taken_for_granted_is_said(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(READ[name])
    questions_in(tmp_path / name)
    said = {"several.xlsx": "of its 2 sheets the first, Sheet 1, is read", "lines.jsonl": "its field prompt is read"}
    assert capsys.readouterr().out == f"{name}: {said[name]}. A question in it: What is Go?\n"


@pytest.mark.parametrize(("name", "library"), [("a.xlsx", "openpyxl"), ("a.parquet", "pyarrow")])
def test_a_library_that_is_not_there_is_named(
    name: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.batch.question_file.find_spec", {}.get)
    (tmp_path / name).write_bytes(workbook(TABLE) if library == "openpyxl" else b"PAR1 and so on")
    with pytest.raises(BadInput, match=rf"{name} is read by {library}, .*Run %pip install {library}$"):
        questions_in(tmp_path / name)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("data/none.xlsx", "data/none.xlsx cannot be opened"),
        ("my questions.jsonl", "my questions.jsonl cannot be opened"),
        ("a\0.csv", "no file can be named so"),
        ("a\ud83d.csv", "no file can be named so"),
        ("~nobody-of-that-name/a.csv", "cannot be opened"),
        ("https://example.org/a.csv", "is an address, and no file"),
        (["a.csv"], "'a.csv' in `questions` is the name of a file"),
        ([Path("a.csv"), "b.csv"], "is the name of a file"),
        ("Is it in the file a.csv", "is a single string"),
        ("x" * 10_000, "is a single string"),
    ],
)
def test_the_name_of_no_file_is_not_asked(given: object, words: str) -> None:
    service = Service()
    with pytest.raises(BadInput, match=re.escape(words)):
        run(service, given)
    with pytest.raises(BadInput, match=re.escape(words)):
        estimate(given)  # type: ignore[arg-type]
    assert not service.asked


def test_a_file_that_changes_while_it_is_read_is_not_asked_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, read = tmp_path / "growing.csv", Path.read_bytes
    file.write_text("question\nWhat is Go?\n")

    def slowly(path: Path) -> bytes:
        content = read(path)
        with file.open("a") as out:
            out.write("What is Rust?\n")
        return content

    monkeypatch.setattr(Path, "read_bytes", slowly)
    with pytest.raises(BadInput, match="was changed while it was read"):
        questions_in(file)
    monkeypatch.undo()
    assert questions_in(file) == ["What is Go?", "What is Rust?"]


@pytest.mark.usefixtures("notebook")
def test_the_batch_box_says_what_it_would_ask_and_asks_nothing_else() -> None:
    """Each kind of file, and of the folder of odd ones a part, as the box takes a while for each."""
    odd = list(odd_files())[::37]
    kinds = [(name, ASKED, content) for name, content in READ.items()]
    assert len(odd) + len(kinds) + len(REFUSED) > 100

    async def chosen(box: BatchBox, name: str, content: bytes) -> str:
        upload(box, "Or choose a file", name, content)
        for _ in range(4):
            await asyncio.sleep(0)
        return line(box, "source")

    async def learner() -> None:
        box = batch_box()
        for what, texts, content in [*odd, *kinds]:
            name = what if (what, texts, content) in kinds else "questions.csv"
            said = await chosen(box, name, content)
            if is_shown(box, "It reads right as"):
                first = next(text for text in texts if not text.isascii())
                right = [each for each in options(box, "It reads right as") if each.endswith(f": {first}")]
                if not right:  # one of its signs is another one in the encoding that is nearest
                    assert "cannot be told for sure" in said, what
                    continue
                choose(box, "It reads right as", right[0])
                for _ in range(4):
                    await asyncio.sleep(0)
                said = line(box, "source")
            assert said.startswith(f"{len(texts)} questions from {name}"), (what, said)
            assert said.endswith(f"The first: {texts[0]}"), (what, said)
        press(box, "Use the pasted text instead")
        await until(lambda: line(box, "source") == "")
        for name, (content, words) in REFUSED.items():
            said = await chosen(box, name, content)
            assert words in said or said.endswith("Choose the one that holds the questions."), (name, said)

    asyncio.run(learner())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Was heiÃŸt Ã¶l?", 'its line 2 reads like a text in UTF-8 that was taken for cp1252 ("heiÃŸt")'),
        ("Was hei\ufffdt das?", "in its line 2 a program before has put"),
        ("Was heißt das?", ""),
    ],
)
def test_letters_that_were_lost_before_are_said(
    line: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.csv").write_text(f"question\n{line}\n", "utf-8")
    assert questions_in(tmp_path / "list.csv") == [line]
    said = capsys.readouterr().out
    assert words in said and bool(words) == bool(said)


def test_a_batch_and_an_estimate_take_the_encoding_too(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes("nr;question\n1;Что такое Go?\n".encode("cp1251"))
    assert run(Service(), file, encoding="cp1251")[0].question == "Что такое Go?"
    assert estimate(file, encoding="cp1251").questions == 1
    with pytest.raises(BadInput, match="no file was given"):
        estimate(["What is Go?"], encoding="gbk")
