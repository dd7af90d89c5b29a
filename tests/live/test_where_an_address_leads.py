"""What an address really means decides whether a key may travel unencrypted, and whether a service needs one."""

import os
from collections.abc import Callable

import pytest

from helpers import BadInput, WorkbookError, connect
from helpers.session.live.access import NO_KEY, checked_address, find
from helpers.session.live.hosts import is_here, is_near
from live.little_servers import answers, serving
from live.service import Service

KEY = "canary-key-of-a-learner"
pytestmark = pytest.mark.usefixtures("learner")

HERE = [
    "localhost", "LOCALHOST", "localhost.", "my.localhost", "127.0.0.1", "127.1", "127.8.9.10", "2130706433", "0x7f.1",
    "0x7F000001", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "0", "[::]",
]  # fmt: skip
NEAR = [
    "10.0.0.1", "172.16.0.1", "192.168.1.5", "192.168.261", "3232235781", "0xc0a80105", "169.254.1.2", "[fe80::1]",
    "[fd00::5]", "[fe80::1%25eth0]", "[::ffff:192.168.1.5]", "bigbox", "big-box", "nas.local", "nas.lan",
    "llm.internal",
]  # fmt: skip
FAR = [
    "8.8.8.8", "134744072", "0x08080808", "0x8.0x8.0x8.0x8", "8.8.2056", "8.526344", "0x8.8.8.8", "[::ffff:8.8.8.8]",
    "[::ffff:808:808]", "[::8.8.8.8]", "[64:ff9b::8.8.8.8]", "[2002:808:808::1]", "[2001:0:808:808::1]",
    "api.example.com", "localhost.example.com", "127.0.0.1.example.com", "172.32.0.1", "192.169.0.1", "100.64.0.1",
    # what is doubtful: who reads it one way comes here, who reads it another way does not
    "0177.0.0.1", "0177.1", "010.1", "012.0.0.1", "127.0.0.1.", "134744072.", "8.8.8.8.", "bigbox.", "nas.local.",
    "256.1.1.1.1", "4294967296", "8.8.8.8.8", "local.127", "0x", "8。8。8。8", "８.８.８.８",
    "１３４７４４０７２", "8%2E8%2E8%2E8", "loc%61lhost", "ｌocalhost", "127。example。com", "a..local", "_.0x8",
    # the host is what stands behind the last @
    "127.0.0.1@8.8.8.8", "localhost:80@8.8.8.8", "localhost@api.example.com", "me:127.0.0.1@134744072",
]  # fmt: skip


@pytest.mark.parametrize("host", HERE)
def test_on_this_computer(host: str) -> None:
    url = f"http://{host}/v1"
    assert is_here(url) and is_near(url)
    assert find(url, None, {}).key == NO_KEY


@pytest.mark.parametrize("host", NEAR)
def test_in_its_network(host: str) -> None:
    url = f"http://{host}:8000/v1"
    assert is_near(url) and not is_here(url)
    assert find(url, "MY_SERVICE_KEY", {"MY_SERVICE_KEY": KEY}).key == KEY


@pytest.mark.parametrize("host", FAR)
def test_further_away_or_doubtful(host: str) -> None:
    url = f"http://{host}/v1"
    assert not is_near(url) and not is_here(url)
    with pytest.raises(WorkbookError) as refused:  # it is no address, or the key would not be safe
        find(url, "MY_SERVICE_KEY", {"MY_SERVICE_KEY": KEY})
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8\\@127.0.0.1/v1",
        "http://127.0.0.1\\@8.8.8.8/v1",
        "http://local\thost/v1",
        "http://local host/v1",
        "http://localhost\n.example.com/v1",
        "http://0177.0.0.1/v1",
        "http://８.８.８.８/v1",
        "http://8.8.8.8:80:80/v1",
    ],
)
def test_what_two_readers_may_read_in_two_ways_is_no_address(url: str) -> None:
    with pytest.raises(BadInput, match="not an address that can be asked"):
        checked_address(url)


def test_no_proxy_stands_between_whatever_name_this_computer_has(
    start: Callable[..., Service], capsys: pytest.CaptureFixture[str]
) -> None:
    """A key for a service on this computer would come to the proxy."""
    service, came = start(), list[str]()
    with serving(answers("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", came)) as port:
        for host in ("127.1", "2130706433", "0x7f.1"):
            os.environ["HTTP_PROXY"] = f"http://127.0.0.1:{port}"
            connect(live=True, base_url=service.url.replace("127.0.0.1", host))
            assert "It works" in capsys.readouterr().out
            connect()
    assert not came and len(service.came) == 3
