"""Whether the SDK is one that the workbook knows: with another its guards would be off, and nobody would be told."""

import re
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from .errors import WorkbookError

PACKAGE = "openai[aiohttp]"
LEAST, BELOW = "3.54", "4"  # as requirements.in has it: from this version on, below that one


class WrongSDK(WorkbookError, ImportError):
    """Another version of the SDK is installed, or a part of it is missing."""


def check() -> None:
    """Raises WrongSDK where the SDK that is loaded, or installed meanwhile, is none of those that are wanted."""
    try:
        loaded = str(getattr(import_module("openai"), "__version__", "of an unknown version"))
    except Exception as error:
        raise _missing(error) from error
    if not _is_wanted(loaded):
        raise _other(loaded, "is here")
    try:
        import_module("httpx2")  # what it sends its requests with
    except Exception as error:
        raise _missing(error) from error
    try:
        installed = str(version("openai"))
    except PackageNotFoundError:  # it is loaded from a folder
        return
    if not _is_wanted(installed):
        raise _other(installed, f"was installed in place of {loaded} while this was running")


def _is_wanted(text: str) -> bool:
    """
    >>> [_is_wanted(each) for each in ("1.109.0", "2.30.0", "3.53.9", "3.54.0", "3.60.1rc1", "4.0.0", "")]
    [False, False, False, True, True, False, False]
    """
    return _numbers(LEAST) <= _numbers(text) < _numbers(BELOW)


def _numbers(text: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", text)[:3]]


def _other(found: str, how: str) -> WrongSDK:
    return WrongSDK(
        f"openai {found} {how}, and this workbook needs {LEAST} or newer, below {BELOW}: with another, nothing would "
        "be recorded, counted or kept to a budget.",
        _to_mend(),
    )


def _missing(error: Exception) -> WrongSDK:
    problem = f"openai {_installed()} cannot be loaded ({type(error).__name__}: {error})"
    if isinstance(error, ModuleNotFoundError) and error.name == "openai":
        problem = "openai is not installed"
    elif isinstance(error, ModuleNotFoundError) and error.name == "httpx2":
        problem = f"openai {_installed()} is here without httpx2, which sends its requests"
    return WrongSDK(f"{problem}, and this workbook needs {LEAST} or newer, below {BELOW}.", _to_mend())


def _installed() -> str:
    try:
        return str(version("openai"))
    except PackageNotFoundError:
        return "of an unknown version"


def _to_mend() -> str:
    pip = "%pip" if "ipykernel" in sys.modules else "python -m pip"
    return f'Install the right one, then start Python again (restart the kernel): {pip} install "{_wanted()}"'


def _wanted() -> str:
    """As `pip install` takes it.

    >>> print(_wanted())
    openai[aiohttp]>=3.54,<4
    """
    return f"{PACKAGE}>={LEAST},<{BELOW}"


check()
