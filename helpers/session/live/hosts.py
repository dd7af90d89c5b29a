"""Where an address really leads: to this computer, into its own network, or out of it. What is doubtful leads out."""

import ipaddress
import re
import socket

import httpx2

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

NUMBER = r"(?:0x[0-9a-f]{1,8}|0|[1-9][0-9]*)"  # not 010: some read eight, some ten
NUMBERS = re.compile(rf"{NUMBER}(?:\.{NUMBER}){{0,3}}")
NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
NETWORKS = [
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fe80::/10", "fc00::/7")
]


def is_here(url: str) -> bool:
    """Whether it is on this computer.

    >>> is_here("http://localhost:11434/v1"), is_here("http://127.1/v1"), is_here("http://192.168.1.5/v1")
    (True, True, False)
    """
    host = host_of(url)
    ip = _ip(host)
    if ip is not None:
        return ip.is_loopback or ip.is_unspecified  # who connects to 0.0.0.0 comes to this computer
    return host in ("localhost", "localhost.") or (_is_name(host) and host.endswith(".localhost"))


def is_near(url: str) -> bool:
    """Whether it is on this computer or in its own network.

    >>> is_near("http://192.168.1.5/v1"), is_near("http://bigbox/v1"), is_near("http://134744072/v1")
    (True, True, False)
    """
    host = host_of(url)
    ip = _ip(host)
    if is_here(url) or ip is not None:
        return is_here(url) or any(ip in network for network in NETWORKS)
    return _is_name(host) and ("." not in host or host.endswith((".local", ".lan", ".internal")))


def host_of(url: str) -> str:
    """The host as the client connects to it; "" where it would not. (Another reader of addresses may see another.)"""
    try:
        return httpx2.URL(url).raw_host.decode("ascii").lower()
    except (httpx2.InvalidURL, ValueError):
        return ""


def _ip(host: str) -> IP | None:
    """What the system makes of it: 134744072, 0x8.0x8.0x8.0x8 and 8.8.2056 are all 8.8.8.8."""
    try:
        if NUMBERS.fullmatch(host):
            return ipaddress.IPv4Address(socket.inet_aton(host))
        ip = ipaddress.ip_address(host.partition("%")[0])
    except (ValueError, OSError):
        return None
    return (ip.version == 6 and ip.ipv4_mapped) or ip


def _is_name(host: str) -> bool:
    """Whether it is plainly a name; what ends in a number is an address, or an attempt at one."""
    return bool(NAME.fullmatch(host)) and not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2])
