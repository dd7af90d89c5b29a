"""A key that comes back in another form: packed into a password, in the words of a status, quoted, in a saved file."""

import asyncio
import base64
import html
import json
import logging
import os
import pickle
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from helpers import WorkbookError, ask_ai, connect
from helpers.session.live import secrecy
from helpers.wire.failures import explain
from live.canary import Canaries, new_key
from live.listener import listening
from live.little_servers import serving
from live.service import Service, refuses, says

HIDDEN = "(your key, hidden)"
KEY = "canary+key/of&a<learner>'with\"odd%signs=="  # as only other services have them


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "as bytes": lambda key: repr(key.encode())[2:-1],
    "in an address": lambda key: quote(key, safe=""),
    "in an address, in small letters": lambda key: re.sub("%..", lambda code: code[0].lower(), quote(key, safe="")),
    "in JSON": lambda key: json.dumps(key)[1:-1],
    "in JSON, with /": lambda key: key.replace("/", "\\/"),
    "in JSON, safe in HTML": lambda key: re.sub("[&<>+'\"/]", lambda sign: f"\\u{ord(sign[0]):04x}", key),
    "in JSON, safe in HTML, large": lambda key: re.sub("[&<>+'\"/]", lambda sign: f"\\u{ord(sign[0]):04X}", key),
    "in HTML": html.escape,
    "small": str.lower,
    "large": str.upper,
    "in base64": in_base64,
    "with two before it": lambda key: in_base64(f"a:{key}"),
    "with three before it, and more behind": lambda key: in_base64(f"me:{key}!!!"),
    "with seven before it": lambda key: in_base64(f"Bearer {key}"),
    "for addresses": lambda key: base64.urlsafe_b64encode(f"{key}?".encode()).decode(),
}


@pytest.mark.usefixtures("learner")
@pytest.mark.parametrize("written", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("key", [KEY, new_key(), new_key(beginning="", also="+/=.:")], ids=["odd", "usual", "other"])
def test_forms(key: str, written: Callable[[str], str]) -> None:
    secrecy.hide(key)
    form = written(key)
    mended = secrecy._Mender().mend(f"it is: {form}, yes".encode()).decode()
    for said in (secrecy.hidden(f"it is: {form}, yes"), mended):
        assert said.startswith("it is: ") and said.endswith(", yes") and HIDDEN in said
        assert len(said) < len(HIDDEN) + 26, said  # at most some characters at both ends of what is packed


@pytest.mark.usefixtures("learner")
def test_a_stream_that_is_cut_within_a_form() -> None:
    secrecy.hide(KEY)
    mender = secrecy._Mender()
    for written in FORMS.values():
        form = written(KEY).encode()
        for size in (1, 5, len(form) - 8):
            assert mender.unsure(b"it is: " + form[:size]) >= min(size, 3) - 2
    assert mender.unsure(KEY.encode()[:9]) == 9 and mender.unsure(b"it is: " + KEY.encode()[:9]) == 9
    assert mender.unsure(b"") == mender.unsure(b"it is!") == 0
    assert mender.unsure(b"cc" + KEY.encode()[:3]) == 3


# ---- a service that says what it got -----------------------------------------------------------------------------


def repeats(connection: socket.socket) -> None:
    """Each header that it got: in the words of its status, in a header, in its body."""
    request = connection.recv(65_536).decode("latin-1")
    got = "; ".join(line for line in request.split("\r\n")[1:] if line and not line.lower().startswith("host"))
    body = json.dumps({"error": {"message": f"Not so: {got}", "code": "odd"}})
    status = "HTTP/1.1 400" if "POST" in request else "HTTP/1.1 404"
    connection.sendall(
        f"{status} Not so: {got}\r\nX-Got: {got}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode("latin-1")
    )


def all_of(error: BaseException) -> str:
    """All that an error has with it."""
    shown = [str(error), repr(error), str(vars(error)), str(error.__cause__)]
    if isinstance(error, openai.APIStatusError):
        answer, request = error.response, error.request
        shown += [repr(answer), answer.reason_phrase, answer.text, str(dict(answer.headers)), str(answer.extensions)]
        shown += [str(dict(request.headers)), pickle.dumps(error).decode("latin-1")]
        with pytest.raises(Exception) as status:
            answer.raise_for_status()
        shown.append(str(status.value))
    return "\n".join(shown)


def errors(url: str) -> list[BaseException]:
    """What a learner gets of it."""

    async def ask() -> list[BaseException]:
        asked: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Q"}]}
        found: list[BaseException] = []
        for stream in (False, True):
            with OpenAI(max_retries=0) as client, pytest.raises(openai.APIStatusError) as raised:
                client.chat.completions.create(**asked, stream=stream)
            found.append(raised.value)
            async with AsyncOpenAI(max_retries=0) as aclient:
                with pytest.raises(openai.APIStatusError) as raised:
                    await aclient.chat.completions.create(**asked, stream=stream)
            found.append(raised.value)
        with pytest.raises(WorkbookError) as explained:
            await ask_ai("Q")
        return [*found, explained.value]

    return asyncio.run(ask())


LOGINS = {
    "a password": ("me", "canary-password"),
    "a quoted one": ("me%40home", "canary%2Fpass%3Aword"),
    "a short one": ("me", "canary"),
    "a very short one": ("somebody", "c1"),
    "an email": ("me%40example.com", "canary%40example"),
}


@pytest.mark.usefixtures("learner")
@pytest.mark.parametrize(("user", "password"), LOGINS.values(), ids=LOGINS)
def test_the_login_in_an_address(
    user: str, password: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    came: list[str] = []

    def talk(connection: socket.socket) -> None:
        came.append(connection.recv(65_536, socket.MSG_PEEK).decode("latin-1"))
        repeats(connection)

    with serving(talk) as port:
        url = f"http://{user}:{password}@127.0.0.1:{port}/v1"
        connect(live=True, base_url=url)
        shown = [capsys.readouterr().out, *map(all_of, errors(url)), caplog.text]
    plain = f"{unquote(user)}:{unquote(password)}"
    packed = [in_base64(plain).rstrip("="), in_base64(f"{user}:{password}").rstrip("=")]
    assert packed[0] in came[-1], "it was not sent so"
    for text in shown:
        for secret in (*packed, f"{user}:{password}@", f"{plain}@"):
            assert secret not in text, text
        if len(password) > 8:
            assert password not in text and unquote(password) not in text


@pytest.mark.usefixtures("learner")
def test_the_words_behind_the_status(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = os.environ["MY_SERVICE_KEY"] = new_key()
    with serving(repeats) as port:
        connect(live=True, base_url=f"http://127.0.0.1:{port}/v1", key_from="MY_SERVICE_KEY")
        found = errors("")
    shown = [*map(all_of, found), caplog.text]
    assert all(HIDDEN in text for text in shown)
    assert not (leak := Canaries([key]).found_in("\n".join(shown).encode())), leak


@pytest.mark.usefixtures("learner")
def test_what_an_answer_behind_a_redirect_has_with_it(start: Callable[..., Service]) -> None:
    to = {"location": "/v1/models"}
    service = start({"/v1/here": says(302, "", "text/plain", **to, x_your_key="KEY"), "/v1/there": says(400, "KEY")})
    service.odd["/v1/gone"] = says(302, "", "text/plain", location="/v1/there")
    key = os.environ["MY_SERVICE_KEY"] = new_key()
    connect(live=True, base_url=service.url, key_from="MY_SERVICE_KEY")
    with OpenAI(max_retries=0) as client:
        answer = client.get("/here", cast_to=httpx2.Response)
        with pytest.raises(openai.BadRequestError) as refused:
            client.get("/gone", cast_to=str)
    assert answer.history
    shown = pickle.dumps(answer) + pickle.dumps(refused.value) + str(answer.history[0].request.headers.raw).encode()
    assert not (leak := Canaries([key]).found_in(shown)), leak


@pytest.mark.usefixtures("learner")
@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize("library", [httpx, httpx2])
def test_the_address_that_a_redirect_leads_to(library: Any, follow: bool, start: Callable[..., Service]) -> None:
    """It may hold the key, as the service got it."""
    service = start({"/v1/gone": says(302, "", "text/plain", location="/v1/KEY?key=KEY")})
    key = os.environ["MY_SERVICE_KEY"] = new_key(beginning="")
    connect(live=True, base_url=service.url, key_from="MY_SERVICE_KEY")
    own = library.Client(follow_redirects=follow)
    with OpenAI(max_retries=0, http_client=own) as client, pytest.raises(openai.APIStatusError) as refused:
        client.get("/gone", cast_to=str)
    error = refused.value
    assert error.status_code == (404 if follow else 302)
    texts = [repr(explain(error)), str(error.request.url), str(error.response.url), str(error.response.next_request)]
    shown = pickle.dumps(error) + "\n".join(texts).encode()
    assert not (leak := Canaries([key]).found_in(shown)), leak


@pytest.mark.usefixtures("learner")
def test_each_header_that_a_learner_has_set(start: Callable[..., Service]) -> None:
    service = start()
    secrets = [new_key(beginning="") for _ in range(3)]
    lines = f"X-One: {secrets[0]}\nX-Two: Token {secrets[1]}\nX-Three:{secrets[2]}"
    os.environ.update(OPENAI_BASE_URL=service.url, OPENAI_API_KEY=new_key(), OPENAI_CUSTOM_HEADERS=lines)
    connect(live=True)
    said = secrecy.hidden(f"you sent {secrets}")
    assert said.count(HIDDEN) == 3 and not Canaries(secrets).found_in(said.encode())


FRESH = """
import sys
from helpers import WorkbookError, connect
try:
    connect(live=True, base_url=sys.argv[1], key_from="MY_SERVICE_KEY")
except WorkbookError as error:
    print(error, vars(error.__cause__))
"""


def test_the_first_request_of_a_process(start: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> None:
    service = start({"/v1/models": refuses(400)})
    monkeypatch.setenv("MY_SERVICE_KEY", key := new_key())
    done = subprocess.run([sys.executable, "-c", FRESH, service.url], capture_output=True, text=True, timeout=60)
    assert f"you came with {HIDDEN}" in done.stdout, done.stderr
    assert not (leak := Canaries([key]).found_in(done.stdout.encode())), leak


# ---- proxies -----------------------------------------------------------------------------------------------------

PROXIES = [
    "http://me:canary@127.0.0.1:bad",
    "gopher://me:canary@127.0.0.1:9",
    "socks5://me:canary@127.0.0.1:9",
    " http://me:canary@127.0.0.1:9",
    "http://me:canary:more@[::1",
    "http://me:ca\tnary@127.0.0.1:9",
    "http://me:canary/@127.0.0.1:9",
]


@pytest.mark.usefixtures("learner")
@pytest.mark.parametrize("proxy", PROXIES, ids=ascii)
def test_a_proxys_password_is_not_shown(proxy: str) -> None:
    os.environ.update(HTTPS_PROXY=proxy, OPENAI_API_KEY=new_key())
    with pytest.raises(WorkbookError, match="proxy") as refused:
        connect(live=True)
    error: BaseException | None = refused.value
    while error is not None:
        assert "canary" not in str(error) + repr(error) and "ca\tnary" not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.usefixtures("learner")
def test_a_proxy_that_repeats_the_password() -> None:
    def talk(connection: socket.socket) -> None:
        request = connection.recv(65_536).decode("latin-1")
        got = next(line for line in request.split("\r\n") if line.startswith("Proxy-Authorization"))
        connection.sendall(f"HTTP/1.1 403 Not with {got}\r\nContent-Length: 0\r\n\r\n".encode())

    with serving(talk) as port:
        os.environ.update(HTTPS_PROXY=f"http://me:canary-pass@127.0.0.1:{port}", OPENAI_API_KEY=new_key())
        with pytest.raises(WorkbookError, match=r"did not let the request through \(403 Not with .*hidden") as refused:
            connect(live=True)
    assert in_base64("me:canary-pass") not in str(refused.value)


# ---- a kernel, and the files that it writes ----------------------------------------------------------------------

CELLS = """
import asyncio, os, sys, warnings, logging, traceback
from helpers import connect
connect(live=True, base_url=URL, key_from="MY_SERVICE_KEY")
key = os.environ["MY_SERVICE_KEY"]
raise ValueError(key)
await asyncio.sleep(0); raise KeyError({key: key.encode()})
assert key == "another", f"it is {key}"
exec(f"'{key}' = 1")
%tb
%xmode Verbose
{}[key]
from urllib.parse import quote; print(quote(f"{key}/+"), key.upper(), key.lower(), repr(key.encode()))
import base64; print([base64.b64encode((b"x" * n) + key.encode()) for n in range(4)])
warnings.warn(key); asyncio.get_running_loop().call_exception_handler({"message": key, "exception": ValueError(key)})
sys.excepthook(ValueError, ValueError(key), None)
raise SystemExit(key)
key
%history -o -f history.txt
%history -f plain.txt
%save -f saved 1-9
%recall 4
%notebook saved.ipynb
"""


def test_files_and_messages_of_a_kernel(
    start: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, key = start(), new_key()
    monkeypatch.setenv("MY_SERVICE_KEY", key)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("WORKBOOK_MODE", raising=False)
    (tmp_path / "work").mkdir()
    with listening(tmp_path / "work", tmp_path / "terminal.txt") as listener:
        listener.run(f"URL = {service.url!r}")
        for cell in CELLS.strip().splitlines():
            listener.run(cell)
        assert HIDDEN in next(ran.text for ran in listener.ran if ran.source == "raise ValueError(key)")
        places = list(listener.said())
    files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"saved.ipynb", "history.txt", "plain.txt", "saved.py", "history.sqlite"} <= files.keys()
    saved = json.loads(files["saved.ipynb"])
    errors = [output for cell in saved["cells"] for output in cell["outputs"] if output["output_type"] == "error"]
    assert len(errors) >= 4 and HIDDEN in str(errors)
    find = Canaries([key, key.upper(), key.lower()]).found_in
    assert not [f"{place}: {leak}" for place, said in (*places, *files.items()) if (leak := find(said))]
