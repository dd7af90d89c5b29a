"""The free request that live mode begins with: whatever comes of it is said in words, and nothing else is sent."""

import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import WorkbookError, connect, session
from helpers.errors import OUT_OF_CREDIT
from live.conftest import KEY
from live.little_servers import answers, certificate, encrypted, hangs_up, says_nothing, serving
from live.service import Odd, Service, broken_off, cut, hangs, refuses, says, zipped

__all__ = ["certificate"]

MODELS = "/v1/models"
Start = Callable[..., Service]


def said_by(odd: Odd, start: Start, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said where the list of models is answered so."""
    service = start({MODELS: odd})
    os.environ.update(OPENAI_BASE_URL=service.url, OPENAI_API_KEY=KEY)
    return said(service, capsys)


def said(service: Service, capsys: pytest.CaptureFixture[str], **how: Any) -> str:
    try:
        connect(live=True, **how)
        text = capsys.readouterr().out
        assert session.mode() == "live"
    except WorkbookError as error:
        text = in_two_sentences(error)
        assert session.mode() is None
    assert "canary" not in text
    assert [(came.method, came.path) for came in service.came] == [("GET", MODELS)], "one request, which is free"
    return text


def in_two_sentences(error: WorkbookError) -> str:
    for sentence in (error.happened, error.what_to_do):
        assert sentence and sentence.endswith((".", "?", ")")) and "None" not in sentence and "\n" not in sentence
        assert "Traceback" not in sentence and "object at" not in sentence
    assert "canary" not in repr(error) + str(vars(error))
    return str(error)


def refused(**how: Any) -> str:
    """What connect() says of an address where no model service is."""
    before = dict(os.environ)
    with pytest.raises(WorkbookError) as raised:
        connect(live=True, **how)
    assert dict(os.environ) == before and session.mode() is None
    return in_two_sentences(raised.value)


# ---- it works ----------------------------------------------------------------------------------------------------


def test_it_works(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(service, capsys)
    assert text.startswith(f"Live mode: calls go to {service.url}, a service on this computer, with the key in the")
    assert "It works: 10 models are offered." in text and "Budget: 0.25 USD, 0 USD used." in text


LISTS = {
    "an empty list": {"object": "list", "data": []},
    "data: null": {"object": "list", "data": None},
    "entries without a name": {"data": [{}, {"id": None}, "gpt-4o", None, 5]},
    "only data": {"data": []},
}


@pytest.mark.parametrize("content", LISTS.values(), ids=LISTS)
def test_a_list_that_says_nothing(content: object, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    text = said_by(says(200, content), start, capsys)
    assert "It works." in text and "None" not in text and "offered" not in text


ODD_LISTS = {
    "two models": {"data": [{"id": "llama3.2"}, {"id": "qwen3", "shutdown_date": "soon"}]},
    "nothing but the list, as Together's": [{"id": "llama3.2", "type": "chat"}, {"id": "qwen3"}],
    "the list as models": {"models": [{"id": "llama3.2", "name": "x"}, {"id": "qwen3"}]},
    "more than it says": {"object": "page", "has_more": True, "data": [{"id": "a"}, {"id": "b", "created": "x"}]},
}


@pytest.mark.parametrize("content", ODD_LISTS.values(), ids=ODD_LISTS)
def test_a_list_of_others(content: object, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    text = said_by(says(200, content), start, capsys)
    assert "It works: 2 models are offered." in text
    assert "None of the models that the lessons use" in text


def test_a_list_that_is_packed(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    text = said_by(zipped(cut(says(200, {"data": [{"id": f"model-{n}"} for n in range(99)]}))), start, capsys)
    assert "It works: 99 models are offered." in text


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_ask_but_not_look(status: int, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    message = (
        "You have insufficient permissions for this operation. Missing scopes: api.model.read. "
        "Check that you have the correct role in your organization, and if you're using a restricted API key."
    )
    text = said_by(says(status, {"error": {"message": message, "code": None}}), start, capsys)
    assert "It works." in text and "offered" not in text


def test_no_key_is_wanted(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    service = start()
    text = said(service, capsys, base_url=service.url)
    assert "with no key." in text and "It works" in text


# ---- it is refused -----------------------------------------------------------------------------------------------


def test_a_wrong_key(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    text = said_by(refuses(401, "invalid_api_key"), start, capsys)
    assert "did not accept the key in the environment (401)" in text and "mistyped" in text


def test_a_key_is_wanted(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    service = start({MODELS: says(401, {"detail": "Not authenticated"})})
    text = said(service, capsys, base_url=service.url)
    assert "wants a key (401)" in text and 'key_from="MY_SERVICE_KEY"' in text


REFUSALS = {
    "a country": (
        says(403, {"error": {"message": "Country, region, or territory not supported", "code": "unsupported_country"}}),
        ["does not allow this (403): Country, region, or territory not supported."],
    ),
    "403 without a word": (says(403, ""), ["does not allow this (403)."]),
    "a firewall": (says(403, "<html>Blocked by <b>KEY</b></html>", "text/html"), ["does not allow this (403)"]),
    "too many requests": (refuses(429, "rate_limit_exceeded"), ["takes no more requests now (429)", "Wait a minute"]),
    "no credit": (refuses(429, "insufficient_quota"), ["no credit left", "insufficient_quota"]),
    "no credit, by its status": (says(402, {"error": {"message": "Insufficient Balance"}}), ["no credit left (402)"]),
    "no credit, in a detail": (says(429, {"detail": {"code": "insufficient_quota"}}), ["no credit left"]),
    "no credit, in words": (says(403, {"error": "Your team has no credits."}), ["no credit left"]),
    "its own fault": (refuses(500), ["a problem of its own (500)", "not your code"]),
    "behind a gateway": (says(502, "<html>Bad Gateway</html>", "text/html"), ["a problem of its own (502)"]),
    "asleep": (says(503, ""), ["a problem of its own (503)."]),
    "loading": (says(503, {"detail": "Loading the model"}), ["a problem of its own (503): Loading the model."]),
    "another organization": (says(401, {"error": {"message": "No such organization", "code": "x"}}), ["It says: No s"]),
    "a bad request": (refuses(400), ["refused the request (400)", "you came with (your key, hidden)"]),
    "a teapot": (says(418, {"error": "I'm a teapot"}), ["refused the request (418): I'm a teapot."]),
}


@pytest.mark.parametrize(("odd", "expected"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(odd: Odd, expected: list[str], start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    text = said_by(odd, start, capsys)
    assert [words for words in expected if words not in text] == [], text


def later(seconds: float) -> str:
    """The time then, in words."""
    now = datetime.now()
    then = now + timedelta(seconds=seconds)
    return f"{then:%H:%M}" if then.date() == now.date() else f"{then:%H:%M} on {then:%Y-%m-%d}"


DAY = {"message": "Rate limit reached on requests per day (RPD)", "code": "rate_limit_exceeded"}
LIMIT = {"x_ratelimit_limit_requests": "200", "x_ratelimit_remaining_requests": "0"}
WAITS: dict[str, tuple[dict[str, str], str, float]] = {
    "seconds": ({"retry_after": "20"}, "Wait 20 seconds, then connect again.", 0),
    "a part of a second": ({"retry_after_ms": "300"}, "Wait 1 second, then connect again.", 0),
    "minutes": ({"retry_after": "1200"}, "Connect again in about 20 minutes, after {}.", 1_200),
    "hours": ({"retry_after": "25000"}, "Connect again in about 7 hours, after {}.", 25_000),
    "the next day": ({"retry_after": "86400"}, "Connect again in about 24 hours, after {}.", 86_400),
    "many days": ({"retry_after": "900000"}, "Connect again in about 11 days, after {}.", 900_000),
    "by its limits": ({**LIMIT, "x_ratelimit_reset_requests": "7h12m"}, "in about 8 hours, after {}.", 25_920),
    "for ever": ({"retry_after": "1e300"}, "Connect again in about 11,575 days", 0),
    "it does not say": ({}, "Wait a minute, then connect again. (Where it is a limit for a day: tomorrow.)", 0),
    "no number": ({"retry_after": "soon"}, "Wait a minute, then connect again.", 0),
}


@pytest.mark.parametrize(("headers", "expected", "seconds"), WAITS.values(), ids=WAITS)
def test_when_to_come_again(
    headers: dict[str, str], expected: str, seconds: float, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    before = expected.format(later(seconds))  # a minute may pass meanwhile
    text = said_by(says(429, {"error": DAY}, **headers), start, capsys)
    assert "takes no more requests now (429): Rate limit reached on requests per day (RPD)." in text
    assert before in text or expected.format(later(seconds)) in text


def test_when_a_service_that_has_a_problem_is_back(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not your code. Wait 30 seconds" in said_by(says(503, "", retry_after="30"), start, capsys)


@pytest.mark.parametrize("name", ["code", "type"])
@pytest.mark.parametrize("kind", OUT_OF_CREDIT)
def test_out_of_credit(kind: str, name: str, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    text = said_by(says(429, {"error": {"message": "No more.", name: kind}}, retry_after="5"), start, capsys)
    assert text == " ".join(OUT_OF_CREDIT[kind])


NO_SERVICES = {
    "a page": says(200, "<html><title>Log in, KEY</title></html>", "text/html"),
    "a page that says it is JSON": says(200, "<html>KEY</html>"),
    "no JSON": says(200, "KEY"),
    "half of it": says(200, '{"data": [{"id": "gpt-'),
    "nothing": says(200, ""),
    "a number": says(200, 5),
    "a list of something else": says(200, ["KEY", {"name": "KEY"}]),
    "an empty list": says(200, []),
    "another object": says(200, {"status": "up", "for": "KEY"}),
    "data that is a text": says(200, {"data": "KEY"}),
    "data that is a number": says(200, {"data": 5}),
    "no content": says(204, ""),
}


@pytest.mark.parametrize("odd", NO_SERVICES.values(), ids=NO_SERVICES)
def test_what_is_no_model_service(odd: Odd, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    text = said_by(odd, start, capsys)
    assert "is not a model service" in text and "It works" not in text


def test_a_page_to_log_in_that_it_is_led_to(start: Start) -> None:
    hotel = start({"/login": says(200, "<html>Room number?</html>", "text/html")})
    address = hotel.url.removesuffix("/v1") + "/login"
    service = start({MODELS: says(302, "", "text/plain", location=address)})
    os.environ.update(OPENAI_BASE_URL=service.url, OPENAI_API_KEY=KEY)
    assert "is not a model service" in refused()
    assert KEY not in str(hotel.came)


def test_a_circle(start: Start) -> None:
    service = start({MODELS: says(302, "", "text/plain", location="/v1/models")})
    os.environ.update(OPENAI_BASE_URL=service.url, OPENAI_API_KEY=KEY)
    refused()


# ---- no connection -----------------------------------------------------------------------------------------------


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, learner: object) -> list[str]:
    """No name can be found; gives those that were looked for. Numbers can."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def find(host: Any, *more: Any, **named: Any) -> Any:
        if host in ("127.0.0.1", "localhost", b"127.0.0.1"):
            return real(host, *more, **named)
        asked.append(host if isinstance(host, str) else host.decode())
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find)
    os.environ.update(OPENAI_API_KEY=KEY, MY_SERVICE_KEY=KEY)
    return asked


def with_key(url: str) -> dict[str, str]:
    return {"base_url": url, "key_from": "MY_SERVICE_KEY"}


def test_nobody_listens(nowhere: list[str]) -> None:
    text = refused(base_url="http://127.0.0.1:9/v1")
    assert "Nobody answers at http://127.0.0.1:9/v1." in text and "Start the service" in text


def test_no_network(nowhere: list[str]) -> None:
    assert "api.openai.com cannot be found: there seems to be no network." in refused()
    assert nowhere == ["api.openai.com"]


def test_a_name_that_cannot_be_found(nowhere: list[str]) -> None:
    text = refused(**with_key("https://api.exmaple.com/v1"))
    assert "api.exmaple.com cannot be found." in text and "spelt" in text


@pytest.mark.parametrize("talk", [hangs_up, answers("nonsense\r\n\r\n"), answers("SSH-2.0-OpenSSH_9\r\n")])
def test_what_speaks_something_else(talk: Any, nowhere: list[str]) -> None:
    with serving(talk) as port:
        text = refused(base_url=f"http://127.0.0.1:{port}/v1")
    assert f"http://127.0.0.1:{port}/v1" in text


def test_an_answer_that_breaks_off(start: Start) -> None:
    service = start({MODELS: broken_off(says(200, '{"data": [', content_length="500"))})
    os.environ.update(OPENAI_BASE_URL=service.url, OPENAI_API_KEY=KEY)
    refused()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.session.live.check.SECONDS", 0.3)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_hangs(start: Start, nowhere: list[str]) -> None:
    service = start({MODELS: hangs})
    text = refused(base_url=service.url)
    assert "did not answer within 0.3 seconds." in text
    with serving(says_nothing) as port:
        assert "did not answer within 0.3 seconds." in refused(base_url=f"http://127.0.0.1:{port}/v1")


@pytest.mark.usefixtures("impatient")
def test_a_server_that_never_comes_to_an_end(nowhere: list[str]) -> None:
    def drips(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(20):
            connection.sendall(b" ")
            time.sleep(0.1)

    with serving(drips) as port:
        text = refused(base_url=f"http://127.0.0.1:{port}/v1")
    assert "did not answer within 0.3 seconds." in text


# ---- encryption --------------------------------------------------------------------------------------------------

LIST = '{"data": []}'
OK = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(LIST)}\r\n\r\n{LIST}"


def test_a_certificate_that_is_not_trusted(certificate: Path, nowhere: list[str]) -> None:
    came: list[str] = []
    with serving(encrypted(answers(OK, came), certificate)) as port:
        text = refused(**with_key(f"https://127.0.0.1:{port}/v1"))
    assert "The certificate that 127.0.0.1 shows is not one that this computer trusts." in text
    assert "SSL_CERT_FILE" in text
    assert not came, "the key was sent all the same"


def test_a_certificate_that_is_trusted(
    certificate: Path, nowhere: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    came: list[str] = []
    os.environ["SSL_CERT_FILE"] = str(certificate)
    with serving(encrypted(answers(OK, came), certificate)) as port:
        connect(live=True, **with_key(f"https://127.0.0.1:{port}/v1"))
    assert "It works." in capsys.readouterr().out
    assert len(came) == 1 and KEY in came[0]


def test_encrypted_where_it_is_not_spoken(service: Service) -> None:
    text = refused(base_url=service.url.replace("http://", "https://"))
    assert "No encrypted connection to 127.0.0.1 could be made." in text and "begin with http://" in text
    assert not service.came


def test_not_encrypted_where_it_is_spoken(certificate: Path, nowhere: list[str]) -> None:
    with serving(encrypted(answers(OK), certificate)) as port:
        text = refused(base_url=f"http://127.0.0.1:{port}/v1")
    assert f"127.0.0.1:{port}" in text


def test_a_web_server_that_says_so(nowhere: list[str]) -> None:
    page = "<html>The plain HTTP request was sent to HTTPS port</html>"
    reply = f"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n{page}"
    with serving(answers(reply)) as port:
        text = refused(base_url=f"http://127.0.0.1:{port}/v1")
    assert "(400)" in text and "https" in text


# ---- proxies -----------------------------------------------------------------------------------------------------

PROXIES = {
    "refuses": ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", ["proxy", "403"]),
    "asks for a password": (
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
        ["proxy", "407", "password"],
    ),
    "fails": ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", ["proxy", "502"]),
    "hangs up": ("", ["proxy"]),
}


@pytest.mark.parametrize(("reply", "expected"), PROXIES.values(), ids=PROXIES)
def test_a_proxy_that(reply: str, expected: list[str], nowhere: list[str]) -> None:
    came: list[str] = []
    with serving(answers(reply, came)) as port:
        os.environ["HTTPS_PROXY"] = f"http://me:canary-of-the-proxy@127.0.0.1:{port}"
        text = refused()
    assert [words for words in expected if words not in text] == [], text
    assert len(came) == 1 and came[0].startswith("CONNECT api.openai.com:443") and KEY not in came[0]


def test_a_proxy_for_what_is_not_encrypted(nowhere: list[str]) -> None:
    came: list[str] = []
    with serving(answers(PROXIES["asks for a password"][0], came)) as port:
        os.environ["HTTP_PROXY"] = f"http://127.0.0.1:{port}"
        text = refused(**with_key("http://bigbox/v1"))
    assert "The proxy of your network wants a password (407)." in text and len(came) == 1


def test_a_proxy_that_cannot_be_found(nowhere: list[str]) -> None:
    os.environ["HTTPS_PROXY"] = "http://me:canary@proxy.example:3128"
    text = refused()
    assert "The proxy that is set in the environment cannot be found." in text and "HTTPS_PROXY" in text
    assert set(nowhere) == {"proxy.example"}


def test_a_proxy_where_nobody_listens(nowhere: list[str]) -> None:
    os.environ["HTTPS_PROXY"] = "http://127.0.0.1:9"
    text = refused()
    assert "api.openai.com cannot be reached through the proxy" in text


def test_a_proxy_that_opens_what_is_encrypted(certificate: Path, nowhere: list[str]) -> None:
    def opens(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        encrypted(answers(OK), certificate)(connection)

    with serving(opens) as port:
        os.environ["HTTPS_PROXY"] = f"http://127.0.0.1:{port}"
        text = refused()
    assert "The certificate that api.openai.com shows through the proxy" in text and "virus scanner" in text


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "socks5h://me:canary@127.0.0.1:9", "gopher://127.0.0.1:9"])
def test_a_proxy_of_a_kind_that_cannot_be_used(proxy: str, nowhere: list[str]) -> None:
    os.environ["ALL_PROXY"] = proxy
    text = refused()
    assert "The proxy that is set in the environment cannot be used" in text and "HTTPS_PROXY" in text


def test_a_proxy_does_not_stand_in_the_way_of_a_service_here(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    service = start()
    with ExitStack() as stack:
        came: list[str] = []
        port = stack.enter_context(serving(answers(PROXIES["refuses"][0], came)))
        os.environ.update(HTTP_PROXY=f"http://127.0.0.1:{port}", ALL_PROXY="socks5://127.0.0.1:9")
        assert "It works" in said(service, capsys, base_url=service.url)
    assert not came
