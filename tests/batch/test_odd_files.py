"""Files of questions as people have them: asked rightly, or refused with advice that works, and none asked wrongly."""

import csv
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from helpers import Answer
from helpers.batch.csv_file import read_table, write_table
from helpers.batch.encodings import UnknownEncoding
from helpers.batch.question_file import questions_in
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


def test_what_others_wrote_keeps_its_apostrophe(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("question\n'=1+1' is what in Excel?\n")
    assert questions_in(tmp_path / "list.csv") == ["'=1+1' is what in Excel?"]
