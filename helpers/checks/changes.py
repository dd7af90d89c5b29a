"""A text that did not arrive as it was: what happened to it on its way, and what to do about that."""

import difflib

LENGTH = 5  # characters, from which on a text is looked at
MUCH = 60  # characters; two texts of that length are not alike by chance


def how_changed(before: str, after: str) -> str:
    """What happened to a text on its way; "" where it is another text altogether.

    >>> how_changed("one\\ntwo", "one two")
    'its line breaks were changed'
    >>> how_changed("heißt", "heiÃ\\x9ft")
    'it was read in another encoding'
    """
    if len(after.strip()) < LENGTH:
        return ""
    if before.split() == after.replace("\\n", "\n").split():
        return "its line breaks were changed"
    for encoding in ("latin-1", "cp1252"):
        if after.encode(encoding, "replace").decode("utf-8", "replace") == before:
            return "it was read in another encoding"
    if not before.isascii() and after == before.encode("ascii", "ignore").decode():
        return "letters of it are missing"
    if after.strip('" .…') in before:
        return "only a piece of it is left"
    alike = difflib.SequenceMatcher(None, before, after, autojunk=False).ratio()
    if len(before) > MUCH and alike > 0.8:  # short questions are all alike
        return "it was altered"
    return ""


MEND = {
    "its line breaks were changed": "Leave line breaks as they are: csv and pandas know what to do with them.",
    "it was read in another encoding": 'Open the file with `encoding="utf-8"`: without it some computers take another.',
    "letters of it are missing": 'Open the files with `encoding="utf-8"`, and without `errors=…`: it has all letters.',
    "only a piece of it is left": "Cut no lines at commas yourself: csv.DictReader and pandas know where a text ends.",
    "it was altered": "Leave the texts as they are: csv and pandas take care of commas and quotation marks.",
}
