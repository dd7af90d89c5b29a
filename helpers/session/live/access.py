"""Whom live mode asks, and with which key: from the environment, from a `.env` file, or typed into a password box."""

import getpass
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...errors import BadInput, WorkbookError
from ..environment import Secret, no_proxy_here
from .env_file import EnvFile
from .hosts import host_of, is_here
from .hosts import is_near as _is_near
from .kernel import running_kernel
from .secrecy import hide, hide_headers, hide_login

OPENAI = "https://api.openai.com/v1"
KEY, ADDRESS = "OPENAI_API_KEY", "OPENAI_BASE_URL"
# these belong to the key in OPENAI_API_KEY, and go nowhere else
WITH_THE_KEY = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY", "OPENAI_CUSTOM_HEADERS")
NO_KEY = "no-key"  # the SDK wants one, also for a service on this computer that does not
TYPED = "the key that you typed"
VARIABLE = re.compile(r"[A-Z][A-Z0-9]{0,23}(_[A-Z0-9]{1,24}){0,5}")  # a key has longer parts
SECRET = re.compile(r"(^|_)(KEY|TOKEN|SECRET|HEADERS|PASSWORD)$")  # ends of names whose values are not to be shown
PLACEHOLDER = re.compile(r"(?i)^<|\.\.\.|…|^.{0,20}(your|changeme|placeholder|xxxx).{0,20}$")


@dataclass(frozen=True)
class Access:
    """Where calls go, and with which key."""

    url: str
    key: Secret
    origin: str  # of the key, in words: "the key in .env"
    settings: Mapping[str, str | None]  # environment variables for it; None: not to be set

    @property
    def shown(self) -> str:
        return shown(self.url)

    @property
    def is_here(self) -> bool:
        """Whether it is a service on this computer."""
        return is_here(self.url)


@dataclass(frozen=True)
class _Environment:
    values: Mapping[str, str]
    place = "the environment"

    def get(self, name: str) -> str:
        return self.values.get(name, "").strip()


def find(
    base_url: str | None,
    key_from: str | None,
    environ: Mapping[str, str],
    typed: Mapping[str, str] = {},
    *,
    just_typed: str = "",
) -> Access:
    """The address and its key. A key is only for the address that it was set for.

    - Without `base_url` the address is OPENAI_BASE_URL's, or OpenAI's.
    - The key is the one that was typed just now, or the one in the variable that `key_from` names, or one that was
      `typed` for that address before, or OPENAI_API_KEY if it is for that address. Else there is none, and a service
      on this computer is asked without one.
    - Variables are looked up in the environment, then in a `.env` file.

    Raises WorkbookError where there is no key; BadInput for an address or a name that cannot be one.
    """
    environment, dotenv = _Environment(environ), EnvFile()
    _hide_all(environment, dotenv)
    usual, of_usual = OPENAI, None
    if base_url is None or not (just_typed or key_from):
        usual, of_usual = _usual(environment, dotenv)
    url = checked_address(base_url) if base_url is not None else usual
    whose = origin_of(url)
    if just_typed:
        key, origin = just_typed, TYPED
    elif key_from is not None:
        key, origin = _named(key_from, environment, dotenv)
    elif whose in typed:
        key, origin = typed[whose], TYPED
    elif of_usual is not None and whose == origin_of(usual):
        key, origin = of_usual.get(KEY), _in_words(KEY, of_usual)
    elif is_here(url):
        key, origin = NO_KEY, "no key"
    else:
        raise NoKey(
            url, usual_is_meant=whose == origin_of(OPENAI), another_is_there=of_usual is not None, hint=dotenv.hint()
        )
    key = checked_key(key, origin) if key != NO_KEY else Secret(NO_KEY)
    if urlsplit(url).scheme == "http" and key != NO_KEY and not _is_near(url):
        raise WorkbookError(
            f"{shown(url)} begins with http, so your key would travel where others can read it.",
            "Use its https address.",
        )
    settings: dict[str, str | None] = {KEY: key, ADDRESS: url if url != OPENAI else None}
    for name in WITH_THE_KEY:
        settings[name] = (of_usual.get(name) or None) if of_usual and key == of_usual.get(KEY) else None
    if is_here(url) and any(name.lower().endswith("_proxy") for name in environ):
        settings.update(no_proxy_here(environ, also=host_of(url)))
    return Access(url, key, origin, settings)


_Found = _Environment | EnvFile


class NoKey(WorkbookError):
    """There is no key for an address; `ask` may get one."""

    def __init__(self, url: str, *, usual_is_meant: bool, another_is_there: bool, hint: str = "") -> None:
        self.url = url
        if usual_is_meant:
            super().__init__(
                f"Live mode needs your own API key, and {KEY} is not set: not in the environment, and not in a file "
                "named .env.",
                f"Write {KEY}=your key into a file named .env beside README.md{hint}, or stay in practice mode: "
                "connect().",
            )
        else:
            another = f" (The one in {KEY} is for another service.)" if another_is_there else ""
            super().__init__(
                f"There is no key for {urlsplit(url).hostname}.{another}",
                'Write it into .env under a name of its own, and give that name: key_from="MY_SERVICE_KEY".',
            )

    def ask(self) -> str:
        """Asks in a password box. What is typed is not shown, and not saved.

        Raises WorkbookError where there is nobody to ask, or where nothing is typed.
        """
        if running_kernel() is None and not (sys.stdin and sys.stdin.isatty()):
            raise self
        host = urlsplit(self.url).hostname
        try:
            typed = getpass.getpass(f"Your API key for {host} (not shown, not saved; Enter alone cancels): ").strip()
        except (EOFError, NotImplementedError):  # a notebook that runs by itself
            raise self from None
        except KeyboardInterrupt:  # ■
            typed = ""
        if not typed:
            raise WorkbookError(
                "No key was typed, so nothing was changed.", f"Run the cell again to type it. Or: {self.what_to_do}"
            ) from None
        return typed


def checked_key(key: str, origin: str) -> Secret:
    """Raises WorkbookError, without it, for what cannot be a key."""
    key = re.sub(r"^Bearer(\s+|$)", "", key.strip().strip("'\"").strip())
    problem = ""
    if not key:
        problem = "is empty"
    elif PLACEHOLDER.search(key):
        problem = "is only a placeholder, or was cut short when it was copied"
    elif not key.isascii() or not key.isprintable() or " " in key:
        at = next(number for number, each in enumerate(key, 1) if not "!" <= each <= "~")
        problem = f"holds something that is in no key (its character number {at})"
    if problem:
        raise WorkbookError(f"{origin[:1].upper()}{origin[1:]} {problem}.", "Copy the key again, all of it.")
    hide(key)
    return Secret(key)


def checked_address(url: object) -> str:
    """Raises BadInput for what cannot be the address of a service."""
    if not isinstance(url, str) or not url.strip():
        raise BadInput(f"base_url={url!r} is not an address.", 'Give one such as "http://localhost:11434/v1".')
    url = url.strip()
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        # who reads "\\" as "/" sees another host
        good = good and bool(host_of(url)) and not set(url) & set("\\ \t\r\n")
    except ValueError:
        good = False
    if not good:
        # what has none of these is no attempt at an address, and may be a key
        repeated = f"base_url={shown(url)!r}" if set(url) & set(":/.") else "What was given as base_url"
        raise BadInput(
            f"{repeated} is not an address that can be asked.",
            'An address begins with http:// or https://, as "http://localhost:11434/v1" does.',
        )
    hide_login(url)
    for each in parts.query.split("&"):
        hide(each.partition("=")[2])
    return url


def shown(url: str) -> str:
    """An address without the password or the token that may be in it.

    >>> shown("https://me:secret@example.com:8443/v1?token=secret")
    'https://example.com:8443/v1'
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return url.rpartition("@")[2].partition("?")[0]
    if not parts.hostname:
        return url.rpartition("@")[2].partition("?")[0]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}"


def origin_of(url: str) -> str:
    """Who is asked, whatever the path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or {'https': 443}.get(parts.scheme, 80)}"


def _usual(environment: _Environment, dotenv: EnvFile) -> tuple[str, _Found | None]:
    """The address where OPENAI_API_KEY belongs, and where both were found; None where there is no key."""
    found = next((place for place in (environment, dotenv) if place.get(KEY)), None)
    if found is environment and not environment.get(ADDRESS) and dotenv.get(ADDRESS) and not dotenv.get(KEY):
        raise WorkbookError(
            f"{ADDRESS} is in .env, but {KEY} is in the environment: is that key for that address?",
            "Put both into .env, and remove the key from the environment.",
        )
    places = (environment,) if found is environment else (dotenv, environment)
    url = next((place.get(ADDRESS) for place in places if place.get(ADDRESS)), OPENAI)
    return checked_address(url), found


def _hide_all(environment: _Environment, dotenv: EnvFile) -> None:
    """Also keys that are not used now: whoever looks at the environment would see them."""
    there: Mapping[str, str] = {}
    with suppress(WorkbookError):  # who needs what is in it is told
        there = dotenv.values
    for values, prefixes in ((environment.values, ("OPENAI_", "AZURE_OPENAI_")), (there, "")):
        for name, value in values.items():
            if name.startswith(prefixes) and SECRET.search(name):
                hide(value)
            if name.endswith("HEADERS"):
                hide_headers(value)
            if name.lower().endswith("_proxy") or name == ADDRESS:
                hide_login(value)


def _named(name: str, environment: _Environment, dotenv: EnvFile) -> tuple[str, str]:
    if not isinstance(name, str) or not VARIABLE.fullmatch(name):
        raise BadInput(  # what was given may be the key itself, so it is not repeated
            "key_from is the name of an environment variable, in capital letters, and never the key itself.",
            'Write MY_SERVICE_KEY=your key into the file .env, and key_from="MY_SERVICE_KEY" here.',
        )
    for place in (environment, dotenv):
        if place.get(name):
            return place.get(name), _in_words(name, place)
    raise WorkbookError(
        f"{name} is not set: not in the environment, and not in a file named .env.",
        f"Write {name}=your key into a file named .env beside README.md{dotenv.hint()}.",
    )


def _in_words(name: str, place: _Found) -> str:
    return f"the key in {place.place}" if name == KEY else f"the key {name} in {place.place}"
