"""The learner's own settings in the environment, kept while a mode has others in their place."""

import os
from collections.abc import Mapping, MutableMapping

PRACTICE_KEY = "practice-key"
PRACTICE_URL = "WORKBOOK_PRACTICE_URL"  # tells a child process which OPENAI_BASE_URL is not the learner's own
IN_PROCESS = "practice.invalid"  # a host that cannot exist; `send.routes` leads it to the mock API in this process

HIDDEN = "(your key, hidden)"


class Secret(str):
    """A key. A traceback that shows the values of variables does not show this one.

    >>> Secret("not-for-your-eyes")
    (your key, hidden)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN


Own = dict[str, Secret | None]  # None: not set


def set_aside(environ: MutableMapping[str, str], own: Own) -> None:
    """Puts the learner's own settings into `own`, out of the way of practice mode."""
    ours = (PRACTICE_KEY, environ.pop(PRACTICE_URL, ""))  # of this process, or of the one that started it
    for name in [name for name in environ if name.startswith(("OPENAI_", "AZURE_OPENAI_")) and name != "OPENAI_LOG"]:
        value = environ.pop(name)
        if value not in ours:
            own[name] = Secret(value)
    if "NO_PROXY" not in own:
        unproxied = no_proxy_here(environ)
        own.update({name: _secret(environ.get(name)) for name in unproxied})
        environ.update(unproxied)


def no_proxy_here(environ: Mapping[str, str], also: str = "") -> dict[str, str]:
    """The settings that keep proxies off the loopback interface; `also`: another name of this computer."""
    # a SOCKS proxy makes OpenAI() fail even for hosts that are not to be proxied; "*" alone prevents it
    socks = any(environ[name].lower().startswith("socks") for name in environ if name.lower().endswith("_proxy"))
    kept = environ.get("no_proxy") or environ.get("NO_PROXY")
    names = "*" if socks else ",".join(dict.fromkeys(filter(None, [kept, "127.0.0.1", "localhost", IN_PROCESS, also])))
    return {"NO_PROXY": names, "no_proxy": names}


def _secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)


def put(environ: MutableMapping[str, str], values: Mapping[str, str | None]) -> None:
    """Sets what has a value, and unsets what has none."""
    for name, value in values.items():
        if value is None:
            environ.pop(name, None)
        elif environ.get(name) != value:
            environ[name] = value


def become(environ: Mapping[str, str]) -> None:
    """Makes the environment of this process just that."""
    put(os.environ, dict.fromkeys(os.environ.keys() - environ.keys()))
    put(os.environ, environ)


class Lent:
    """Settings that live mode has put in the place of the learner's own."""

    def __init__(self, settings: Mapping[str, str | None] = {}, environ: Mapping[str, str] = {}) -> None:
        self._settings = dict(settings)
        self._before: Own = {name: _secret(environ.get(name)) for name in settings}

    def take_back(self, environ: MutableMapping[str, str]) -> None:
        """Where the learner has not set something else meanwhile."""
        put(environ, {name: value for name, value in self._before.items() if environ.get(name) == self._settings[name]})
