"""The tests themselves cannot leave this machine: not this process, and no kernel or script that it starts."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest

ELSEWHERE = "192.0.2.1"  # an address of documentation: nobody has it
TRY = f"import socket; socket.create_connection(({ELSEWHERE!r}, 443), timeout=1)"


def test_this_process_stays_here() -> None:
    with pytest.raises(PermissionError, match="tests stay on this machine"):
        socket.create_connection((ELSEWHERE, 443), timeout=1)
    with pytest.raises(PermissionError, match="tests stay on this machine"):
        asyncio.run(asyncio.wait_for(asyncio.open_connection(ELSEWHERE, 443), 1))


def test_what_it_starts_stays_here() -> None:
    done = subprocess.run([sys.executable, "-c", TRY], capture_output=True, text=True, timeout=30)
    assert "tests stay on this machine" in done.stderr


def test_no_key_of_this_machine_is_seen() -> None:
    assert "canary" in os.environ["OPENAI_API_KEY"]
    assert os.environ["WORKBOOK_MODE"] == "practice"
