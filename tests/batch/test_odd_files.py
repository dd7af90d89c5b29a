"""Files of questions as people have them: asked rightly, or refused with advice that works, and none asked wrongly."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook

from helpers import Answer, estimate
from helpers.batch.csv_file import questions_in, read_table, write_table
from helpers.errors import BadInput

TEXTS = {
    "ascii": ["What is Go, in a word?", "Explain Python; briefly", "Tell me | about Rust"],
    "german": ["Was heißt „größer“?", "Erkläre Öl", "Wie schön ist das?"],
    "french": ["Où est l’été ?", "Ça va, « François » ?", "Décris un cœur"],
    "spanish": ["¿Qué es Python?", "Explica el año", "¿Cómo está?"],
    "polish": ["Czy księżyc świeci?", "Opisz żółwia", "Co to jest łódź?"],
    "russian": ["Что такое Python?", "Объясни Go", "Где это?"],
    "greek": ["Τι είναι η Python;", "Εξήγησε το Go", "Πού είναι;"],
    "turkish": ["Işık nedir?", "Ağaç ne demek?", "Şu dağ nerede?"],
    "chinese": ["什么是Python?", "请解释一下Go", "这是什么?"],
    "japanese": ["Pythonとは何ですか?", "Goを説明して", "これは何?"],
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "gbk", "shift_jis"]
ENCODINGS += ["cp850", "mac_roman", "iso8859_15", "big5", "euc_jp"]
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


def test_none_is_asked_wrongly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "questions.csv"
    asked = refused = 0
    for what, texts, content in odd_files():
        file.write_bytes(content)
        try:
            questions = questions_in(file)
        except BadInput as error:
            assert "cannot be read for sure" in str(error) and 'encoding="' in str(error), what
            refused += 1
        else:
            assert questions == texts, what
            said = capsys.readouterr().out
            is_old = content.decode("utf-8", "replace") != content.decode("utf-8", "ignore")
            assert ("read as cp1252" in said) == (is_old and not content.startswith(b"\xff\xfe")), what
            asked += 1
    assert asked > 500 and refused > 500


ASKED = ["What is Go?", "Explain Rust"]


@pytest.mark.parametrize(
    "content",
    [
        "nr,text\n1,What is Go?\n2,Explain Rust\n",
        "nr;text\n1;What is Go?\n2;Explain Rust\n",
        "sep=;\nnr;text\n1;What is Go?\n2;Explain Rust\n",
        "text\tnr\nWhat is Go?\t1\nExplain Rust\t2\n",
        "1,What is Go?\n2,Explain Rust\n",
        "1\tWhat is Go?\n2\tExplain Rust\n",
        "nr|the text |by\n1|What is Go?|me\n2|Explain Rust|a man who lives next door\n",
        'nr,"the ""text"", new"\n1,What is Go?\n2,Explain Rust\n',
        "nr,text,text\n1,a,What is Go?\n2,b,Explain Rust\n",
        "nr,\n1,What is Go?\n2,Explain Rust\n",
        "nr,it's\n1,What is Go?,\n2,Explain Rust,\n",
        "nr,link,ask\n1,https://a.example/b,What is Go?\n2,https://a.example/b/c/d/e,Explain Rust\n",
        "note;ask\nA.B. 12;What is Go?\nC.D. 13;Explain Rust\n",
    ],
)
@pytest.mark.parametrize("folder", ["", "my lists/'new'"])
def test_the_advice_gives_the_column_that_reads_like_questions(
    content: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / "table.csv").write_text(content)
    assert advised(Path(folder) / "table.csv") == ASKED


def advised(file: Path) -> list[object]:
    """What the code gives that the refusal of this file advises."""
    with pytest.raises(BadInput) as refusal:
        questions_in(file)
    advice = re.search(r"questions=(pd\..*)\.$", str(refusal.value))
    assert advice is not None, refusal.value
    return list(eval(advice[1], {"pd": pd}))


@pytest.mark.parametrize(
    ("encoding", "question"),
    [
        ("gbk", "什么是Python?"),
        ("big5", "什麼是程式設計？請用一句話說明"),
        ("shift_jis", "Pythonとは何ですか?"),
        ("cp1251", "Что такое Python?"),
        ("cp1253", "Τι είναι η Python;"),
        ("cp949", "파이썬이란 무엇입니까?"),
        ("utf-16-le", "What is Python?"),
        ("iso2022_jp", "Pythonとは何ですか?"),
        ("cp1256", "ما هي لغة بايثون؟"),
    ],
)
def test_the_advice_for_another_encoding(encoding: str, question: str, tmp_path: Path) -> None:
    """It shows what would be asked, and one of those that it names is right."""
    file = tmp_path / "table.csv"
    file.write_bytes(f"nr,question\n1,{question}\n".encode(encoding))
    with pytest.raises(BadInput) as refusal:
        questions_in(file)
    named = re.findall(r'encoding="([^"]+)"', str(refusal.value))
    assert question[:10] in str(refusal.value)
    assert [question] in [questions_in(file, each) for each in named]
    assert estimate(file, encoding=named[0]).questions == 1


def test_an_encoding_that_is_wrong_or_unknown(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes("question\nЧто такое Python?\n".encode("cp1251"))
    for encoding, words in [("nonsense", "knows no encoding 'nonsense'"), ("hex", "'hex'"), ("utf-8", "its line 2")]:
        with pytest.raises(BadInput, match=words):
            questions_in(file, encoding)
    with pytest.raises(BadInput, match="no file was given"):
        estimate(["What is Go?"], encoding="gbk")


def test_one_odd_line_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "mixed.csv").write_bytes("question\nWas heißt Größe?\n".encode() + "Wie schön?\n".encode("cp1252"))
    with pytest.raises(BadInput, match="its line 3 is not in UTF-8"):
        questions_in(tmp_path / "mixed.csv")


def test_a_very_long_cell_is_no_fault_of_quotes() -> None:
    with pytest.raises(BadInput, match="a cell in line 2 has over 131,072 letters"):
        read_table("long.csv", f"question\n{'x' * 200_000}\n".encode())


@pytest.mark.parametrize(
    ("answer", "cell"),
    [("cut emoji \ud83d", "cut emoji \ufffd"), (" =1+1", "' =1+1"), ("\n=1+1", "'\n=1+1"), ("＝1+1", "'＝1+1")],
)
def test_an_answer_never_keeps_the_table_from_being_written(answer: str, cell: str) -> None:
    content = write_table([Answer(question="What?", model="any", answer=answer)])
    file = read_table("answers.csv", content)
    assert file.rows[0][file.columns.index("answer")] == cell


# ---- other files ---------------------------------------------------------------------------------------------------


def workbook(file: Path, *sheets: list[list[object]], names: tuple[str, ...] = ("Sheet1", "Other")) -> Path:
    book = Workbook()
    book.remove(book.active)
    for name, rows in zip(names, sheets, strict=False):
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(file)
    return file


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.jsonl", '{"nr": 1, "question": "What is Go?"}\n\n{"question": "Explain Rust", "nr": 2}\n'),
        ("list.ndjson", '{"Question": "What is Go?"}\n{"Question": "Explain Rust"}'),
        ("list.json", '[{"question": "What is Go?"}, {"question": "Explain Rust"}]'),
        ("list.json", '["What is Go?", "Explain Rust"]'),
        ("list.jsonl", '"What is Go?"\n"Explain Rust"\n'),
        ("list.tsv", "nr\tquestion\n1\tWhat is Go?\n2\tExplain Rust\n"),
        ("list.txt", "What is Go?\n\nExplain Rust"),
    ],
)
def test_lists_as_other_programs_write_them(name: str, content: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(content, "utf-8")
    assert questions_in(file) == ASKED


def test_an_excel_workbook_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[list[object]] = [["nr", "Question"], [1, "What is Go?"], [2.0, "Explain Rust"]]
    assert questions_in(workbook(tmp_path / "list.xlsx", rows)) == ASKED
    assert capsys.readouterr().out == ""
    assert questions_in(workbook(tmp_path / "list.xlsx", [], rows)) == ASKED, "the first one that holds something"
    assert '2 sheets; "Other" is read' in capsys.readouterr().out
    indented: list[list[object]] = [[None], [None, *rows[0]], [None, *rows[1]], [], [None, *rows[2]]]
    assert questions_in(workbook(tmp_path / "list.xlsx", indented)) == ASKED


@pytest.mark.parametrize(
    "rows",
    [
        [["nr", "text"], [1, "What is Go?"], [2, "Explain Rust"]],
        [[None], [None, "nr", "text"], [None, 1, "What is Go?"], [None, 2, "Explain Rust"]],
        [[1, "What is Go?"], [2, "Explain Rust"]],
    ],
)
@pytest.mark.parametrize("empty_first", [False, True])
def test_the_advice_for_an_excel_workbook(rows: list[list[object]], empty_first: bool, tmp_path: Path) -> None:
    assert advised(workbook(tmp_path / "it's.xlsx", *([[]] if empty_first else []), rows)) == ASKED


def test_the_advice_for_json(tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text('{"nr": 1, "ask": "What is Go?"}\n{"nr": 2, "ask": "Explain Rust"}\n')
    assert advised(tmp_path / "list.jsonl") == ASKED
    (tmp_path / "list.json").write_text('[{"nr": 1, "ask": "What is Go?"}, {"nr": 2, "ask": "Explain Rust"}]')
    assert advised(tmp_path / "list.json") == ASKED


def test_what_pandas_reads_for_us_names_the_line_that_helps(tmp_path: Path) -> None:
    (tmp_path / "list.parquet").write_bytes(b"PAR1 and so on")
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        words = "Run %pip install pyarrow"
    else:
        words = "cannot be read as a Parquet file"
    with pytest.raises(BadInput, match=words):
        questions_in(tmp_path / "list.parquet")


def test_odd_workbooks_are_refused_in_a_sentence(tmp_path: Path) -> None:
    file = workbook(tmp_path / "list.xlsx", [["question"], ["What is Go?"]])
    whole = file.read_bytes()
    for content, words in [
        (whole[: len(whole) // 2], "damaged"),
        (b"", "is empty or damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and so on", "of before 2007, or one with a password"),
        (b"PK\x03\x04 something else", "a packed one"),
    ]:
        file.write_bytes(content)
        with pytest.raises(BadInput, match=words):
            questions_in(file)
    workbook(file, [["question"], ['="What is " & A9']])
    with pytest.raises(BadInput, match="its cell A2 is a formula, and its result was not saved"):
        questions_in(file)
    workbook(file, [])
    with pytest.raises(BadInput, match="is empty"):
        questions_in(file)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("list.jsonl", '{"question": "What?"}\nno json\n', "its line 2 is no JSON"),
        ("list.json", '{"question": "What?"}', "holds no list"),
        ("list.json", "[1, 2]", "its record 1 is no object"),
        ("list.json", "[]", "is empty"),
        ("list.csv", "question\nWhat\x01?\n", "its line 2 holds something else than text"),
    ],
)
def test_other_damage_is_told(name: str, content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=words):
        questions_in(tmp_path / name)


# ---- what is said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "asked", "words"),
    [
        ("Explain Python\nWhat is Go?\n", 2, 'Its first line, "Explain Python", is asked, too'),
        ("Recursion\nClosures\n", 1, 'Its first line, "Recursion", is taken for a name, and is not asked'),
        ("question\nWas heiÃŸt Ã¶l?\n", 1, 'Line 2 reads like a text in UTF-8 that was taken for cp1252 ("heiÃŸt")'),
        ("question\nWas hei\ufffdt das?\n", 1, "In line 2 a program before has put"),
        ("question\nWas heißt das?\n", 1, ""),
        ("What is Go?\nExplain Rust\n", 2, ""),
    ],
)
def test_what_may_be_wrong_is_said(
    content: str, asked: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.csv").write_text(content, "utf-8")
    assert len(questions_in(tmp_path / "list.csv")) == asked
    said = capsys.readouterr().out
    assert words in said and bool(words) == bool(said)


def test_a_string_that_reads_like_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("questions.csv", "data/list.XLSX", "list.jsonl"):
        with pytest.raises(BadInput, match=r"cannot be opened.*there is no such file"):
            estimate(text)
    with pytest.raises(BadInput, match="is a single string"):
        estimate("What is Go?")
    Path("my questions").write_text("question\nWhat is Go?\n")
    assert estimate("my questions").questions == 1
    with pytest.raises(BadInput, match="The only question is the name of a file") as refusal:
        estimate(["my questions"])
    assert "questions='my questions'" in str(refusal.value)
