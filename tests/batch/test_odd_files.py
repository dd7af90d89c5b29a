"""Files of questions as people have them: asked rightly, or refused with advice that works, and none asked wrongly."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from helpers import Answer
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


@pytest.mark.parametrize(
    "content",
    [
        "nr,text\n1,What is Go?\n2,Explain Rust\n",
        "nr;text\n1;What is Go?\n2;Explain Rust\n",
        "sep=;\nnr;text\n1;What is Go?\n2;Explain Rust\n",
        "text\tnr\nWhat is Go?\t1\nExplain Rust\t2\n",
        "1,What is Go?\n2,Explain Rust\n",
        "1\tWhat is Go?\n2\tExplain Rust\n",
    ],
)
def test_the_advice_gives_the_column_that_reads_like_questions(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(content)
    with pytest.raises(BadInput) as refusal:
        questions_in(Path("table.csv"))
    advice = re.search(r"questions=(pd\.read_csv.*)\.$", str(refusal.value))
    assert advice is not None
    assert list(eval(advice[1], {"pd": pd})) == ["What is Go?", "Explain Rust"]


def test_the_advice_for_another_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("question\n什么是Python?\n", encoding="gbk")
    with pytest.raises(BadInput, match=r"its line 2 is not in UTF-8") as refusal:
        questions_in(Path("table.csv"))
    advice = re.search(r"questions=(pd\.read_csv.*)\.$", str(refusal.value))
    assert advice is not None
    assert list(eval(advice[1], {"pd": pd})) == ["什么是Python?"]


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
