"""Services that answer questions, but do not list their models; and addresses where no service is."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from helpers import WorkbookError, account, ask_ai, connect, session
from helpers.session.live.offer import Offer
from live.conftest import KEY
from live.service import Odd, Service, completion, says

Start = Callable[..., Service]
LIST, CHAT = "/v1/models", "/v1/chat/completions"
UNKNOWN = "it could not be checked whether address and key are right, nor which models there are: the first call tells."

EXPRESS = "<!DOCTYPE html>\n<html lang='en'><body>\n<pre>Cannot GET /v1/models</pre>\n</body></html>"
FLASK = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>"
WITHOUT = {
    "FastAPI": (says(404, {"detail": "Not Found"}), "(404): Not Found."),
    "another JSON": (says(404, {"error": {"message": "Unknown URL", "code": None}}), "(404): Unknown URL."),
    "a line": (says(404, "404 page not found", "text/plain"), "(404)"),
    "nothing": (says(404, "", "text/plain"), "(404)."),
    "Express": (says(404, EXPRESS, "text/html"), "(404)."),
    "Flask": (says(404, FLASK, "text/html"), "(404)."),
    "another method": (says(405, {"detail": "Method Not Allowed"}), "(405): Method Not Allowed."),
    "another method, in HTML": (says(405, "<html>405</html>", "text/html"), "(405)."),
    "not made yet": (says(501, {"error": "Not implemented"}), "(501): Not implemented."),
    "not made yet, in HTML": (says(501, "<html>501</html>", "text/html"), "(501)."),
}


@pytest.mark.parametrize(("odd", "expected"), WITHOUT.values(), ids=WITHOUT)
def test_it_goes_on_and_says_what_it_could_not_check(
    odd: Odd, expected: str, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    service = start({LIST: odd})
    os.environ.update(OPENAI_BASE_URL=service.url, OPENAI_API_KEY=KEY)
    connect(live=True)
    said = capsys.readouterr().out
    assert f"It does not list its models {expected}" in said and UNKNOWN in said and "It works" not in said
    assert ("If that is a 404 too, check the address.)" in said) == ("(404)" in expected)
    assert "Budget: 0.25 USD" in said and "canary" not in said
    assert service.asked() == [], "nothing was sent that may cost something"
    assert asyncio.run(ask_ai("What is Go?")) and service.asked() == ["What is Go?"]
    assert session.offered() == Offer(None).models, "nobody knows better"
    assert "None" not in str(account())


def test_a_service_that_lists_them_is_asked_once(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    connect(live=True)
    assert [came.path for came in service.came] == [LIST]
    assert "could not be checked" not in capsys.readouterr().out


# ---- as somebody may have written it himself ---------------------------------------------------------------------


class OnlyQuestions(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        content = str(completion("A")).replace("'", '"').encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Not into the test's output."""


class AlsoNotThere(OnlyQuestions):
    def do_GET(self) -> None:
        self.send_error(404)


class Folder(SimpleHTTPRequestHandler):
    log_message = OnlyQuestions.log_message


@contextmanager
def serving(kind: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.mark.usefixtures("learner")
@pytest.mark.parametrize("kind", [OnlyQuestions, AlsoNotThere])
def test_a_small_program(kind: type[BaseHTTPRequestHandler], capsys: pytest.CaptureFixture[str]) -> None:
    with serving(kind) as url:
        connect(live=True, base_url=url)
        assert UNKNOWN in capsys.readouterr().out
        assert asyncio.run(ask_ai("Q")) == "A"


# ---- a wrong address ---------------------------------------------------------------------------------------------


def refused(**how: Any) -> WorkbookError:
    before = dict(os.environ)
    with pytest.raises(WorkbookError) as raised:
        connect(live=True, **how)
    assert dict(os.environ) == before and session.mode() is None
    assert "canary" not in str(raised.value)
    return raised.value


@pytest.mark.usefixtures("learner")
def test_a_folder_of_files() -> None:
    Path("index.html").write_text("<html>Welcome</html>")
    with serving(Folder) as url:
        error = refused(base_url=url)
        assert f"There is no model service at {url} (404)." in error.happened and "/v1" in error.what_to_do


def test_a_web_site(start: Start) -> None:
    page = says(404, "<html><title>Sorry</title>Nothing here.</html>", "text/html; charset=utf-8")
    service = start({LIST: page, CHAT: page})
    error = refused(base_url=service.url)
    assert error.happened == f"There is no model service at {service.url} (404)."
    assert service.asked() == []


@pytest.mark.parametrize("end", ["", "/", "/v1/chat/completions", "/v1/models", "/v1/chat/", "/api"])
def test_an_address_with_another_end(end: str, start: Start) -> None:
    service = start()
    root = service.url.removesuffix("/v1")
    there = f"{root}{end}" if end == "/api" else root
    service.odd.update({"/api/v1/models": says(200, {"data": []})})
    error = refused(base_url=root + end)
    assert error.happened.endswith(f"(404), but there is one at {there}/v1.")
    assert error.what_to_do == f'Write base_url="{there}/v1".'
    assert service.asked() == []


def test_an_address_with_another_end_is_told_without_its_password(start: Start) -> None:
    service = start()
    url = service.url.removesuffix("/v1")
    assert f'base_url="{url}/v1"' in refused(base_url=url.replace("//", "//me:canary@")).what_to_do


def test_a_service_without_an_end(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Some have their questions at the root, and no list at all."""
    none = says(404, {"detail": "Not Found"})
    service = start({"/models": none, LIST: none, "/chat/completions": says(200, completion("A"))})
    connect(live=True, base_url=service.url.removesuffix("/v1"))
    assert "check the address: it usually ends in /v1.)" in capsys.readouterr().out
    assert asyncio.run(ask_ai("Q")) == "A"
