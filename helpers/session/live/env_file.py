"""What stands in a `.env`: only a regular file is read, and anything else of that name is told in words."""

import io
import os
import stat
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from ...errors import WorkbookError

MOST = 1_000_000  # bytes; settings are far fewer
RENAME = "Put your settings into a plain file named .env, or into the environment, and give this another name."
KINDS = {
    stat.S_IFIFO: "a pipe (FIFO), which may wait for ever",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class EnvFile:
    """The `.env` of this folder or of one above it. It is read when somebody looks for something in it.

    Raises WorkbookError then where there is something of that name that cannot be read.
    """

    place = ".env"

    def __init__(self) -> None:
        self.is_folder = False  # whether a folder has that name, as virtual environments have it

    @cached_property
    def values(self) -> Mapping[str, str]:
        from dotenv import find_dotenv  # only who goes live needs it

        try:
            found = find_dotenv(usecwd=True)  # it sees files only
        except OSError:  # the folder was removed
            return {}
        for path in _above(".env"):
            try:
                kind = os.stat(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise _unreadable(error) from error
            if stat.S_ISDIR(kind.st_mode):
                self.is_folder = True
            elif not stat.S_ISREG(kind.st_mode):
                what = KINDS.get(stat.S_IFMT(kind.st_mode), "something else")
                raise WorkbookError(f"What is named .env is no file, but {what}: it was not read.", RENAME)
            elif str(path) == found:
                return _read(path, kind.st_size)
        return {}

    def get(self, name: str) -> str:
        return self.values.get(name, "").strip()

    def hint(self) -> str:
        """What is wrong with its name, where no settings were found."""
        from dotenv import find_dotenv

        if find_dotenv(".env.txt", usecwd=True):  # some editors add an ending, and hide it
            return " (there is one named .env.txt: take the ending away)"
        return " (there is a folder of that name: rename it, or put the file elsewhere)" if self.is_folder else ""


def _above(name: str) -> Iterator[Path]:
    here = Path.cwd()
    yield from (folder / name for folder in (here, *here.parents))


def _read(path: Path, size: int) -> Mapping[str, str]:
    from dotenv import dotenv_values

    if size > MOST:
        raise WorkbookError(f"The file .env is very large ({size:,} bytes), so it was not read.", RENAME)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(error) from error
    # Windows' editors and its PowerShell write other encodings than UTF-8, and say so in the first bytes
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if utf16 else "utf-8-sig", "replace")
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value}


def _unreadable(error: OSError) -> WorkbookError:
    return WorkbookError(
        f"The file .env is there, but it cannot be read ({error.strerror}).", "Check whose file it is."
    )
