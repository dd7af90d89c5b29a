"""A service that has no list of models: it may answer all the same, or the address is wrong. Which of the two?"""

from datetime import date

import httpx2
import openai
from openai import OpenAI

from ...errors import WorkbookError
from ...wire.refusals import as_said
from .access import Access, shown

NO_LIST = (404, 405, 501)  # what a service says that does not list its models


class Unlisted(dict[str, date | None]):
    """An empty list of models; `said` tells what could not be checked."""

    said = ""


def without_a_list(client: OpenAI, access: Access, error: openai.APIStatusError) -> Unlisted:
    """What live mode goes on with. Raises WorkbookError where the address is a wrong one."""
    if error.status_code == 404:
        if (better := _another_end(access.url)) and _lists_models(client, better):
            raise WorkbookError(
                f"There is no model service at {access.shown} (404), but there is one at {shown(better)}.",
                f'Write base_url="{shown(better)}".',
            )
        if _is_a_page(error.response) and not _takes_questions(client):
            raise WorkbookError(
                f"There is no model service at {access.shown} (404).",
                "Check the address: it usually ends in /v1.",
            )
    unlisted = Unlisted()
    unlisted.said = (
        f"It does not list its models ({error.status_code}){as_said(error)} So it could not be checked whether address "
        f"and key are right, nor which models there are: the first call tells.{_advice(error, access)}"
    )
    return unlisted


def _advice(error: openai.APIStatusError, access: Access) -> str:
    if error.status_code != 404:
        return ""
    usual = "" if access.url.rstrip("/").endswith("/v1") else ": it usually ends in /v1"
    return f" (If that is a 404 too, check the address{usual}.)"


def _another_end(url: str) -> str:
    """The same address as it usually ends; "" where it does."""
    url = url.rstrip("/")
    head, there, tail = url.partition("/v1")
    if "?" in url or "#" in url or (there and not tail):
        return ""
    return head + there if tail.startswith("/") else f"{url}/v1"


def _lists_models(client: OpenAI, url: str) -> bool:
    """Whether there is a list of models, or a service that wants another key for it."""
    response = _answer(client, f"{url}/models")
    if response is None or response.status_code not in (200, 401):
        return False
    try:
        content = response.json()
    except ValueError:
        return False
    return isinstance(content, dict) and bool({"data", "models", "error", "detail"} & content.keys())


def _takes_questions(client: OpenAI) -> bool:
    """Whether something is there that wants another method than GET, as questions have."""
    response = _answer(client, "/chat/completions")
    if response is None or response.status_code == 404:
        return False
    return response.status_code == 405 or not _is_a_page(response)


def _is_a_page(response: httpx2.Response) -> bool:
    """Whether it is a page of a web site; also small programs that are none say "not there" in HTML."""
    text = response.text.lstrip()
    if not text.startswith("<") and "html" not in response.headers.get("content-type", ""):
        return False
    by_a_program = response.headers.get("server", "").startswith("BaseHTTP/")  # Python's http.server, but no folder
    return not by_a_program and "Cannot GET /" not in text  # Express


def _answer(client: OpenAI, url: str) -> httpx2.Response | None:
    """What comes of one more free request; None where nothing comes."""
    try:
        return client.get(url, cast_to=httpx2.Response)
    except openai.APIStatusError as error:
        return error.response
    except openai.OpenAIError:
        return None
