"""Hosts, addresses and URLs in one canonical form, or the reason why they have none.

Programs disagree on what an odd URL means (RFC 3986 against the WHATWG URL standard), and on
``010.0.0.1`` and ``2130706433`` (inet_aton(3) reads octal and whole numbers, inet_pton(3)
does not).  What could be read in two ways is refused rather than read in one of them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

from policyc.admission.requested import Endpoint, Unknown
from policyc.envelope.domains import EGRESS_HOST, EGRESS_IP
from policyc.kube.names import canonical_address

Place: TypeAlias = Endpoint | Unknown | None
"""Where something connects; None: to its own pod, or to no network at all."""

_PORTS = {
    # Service Name and Transport Protocol Port Number Registry (IANA) and each product's default.
    "http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21, "ssh": 22, "sftp": 22, "git": 9418,
    "ldap": 389, "ldaps": 636, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "redis": 6379,
    "rediss": 6379, "amqp": 5672, "amqps": 5671, "mongodb": 27017, "nats": 4222, "bolt": 7687,
    "neo4j": 7687, "sse": 80,
}  # fmt: skip
_NO_NETWORK = frozenset(
    "file unix data blob spiffe urn mem memory inmemory sqlite docker s3 gs gcs az abfs hdfs dbfs arn vault env secret configmap k8s".split()
)
"""Schemes of names that are no host: a file, an identity, a bucket of some cloud."""
_ODD_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+)){0,3}\.?")
_PORT = re.compile(r"[0-9]{1,5}")
_SELF = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "0.0.0.0", "::"})  # noqa: S104  # read, not bound
_SCHEME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-")
_LONGEST_SCHEME = 24
_URL_END = re.compile(r"[\s\"'`<>]|,(?=[A-Za-z][A-Za-z0-9+.-]{0,23}://)")
_AUTHORITY_END = re.compile(r"[/?#]")
_LONGEST_CACHED = 200


def urls_in(text: str) -> Iterator[tuple[str, str]]:
    """The URLs in a text as (scheme, what follows ``://``); linear in the text."""
    end = 0
    while (at := text.find("://", end)) >= 0:
        begin = at
        while begin > end and at - begin < _LONGEST_SCHEME and text[begin - 1] in _SCHEME:
            begin -= 1
        found = _URL_END.search(text, at + 3)
        end = found.start() if found else len(text)
        scheme = text[begin:at].lstrip("0123456789+.-").lower()
        if scheme:
            yield scheme, text[at + 3 : end]


def places_of_url(scheme: str, rest: str) -> tuple[Place, ...]:
    """Where a URL connects: ``rest`` is what follows ``scheme://``; some name several hosts."""
    if scheme in _NO_NETWORK:
        return ()
    if "\\" in rest:
        return (_odd(f"{scheme}://{rest}", "programs disagree on the backslash in it"),)
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0].rpartition("@")[2]
    port = _PORTS.get(scheme)
    return tuple(place_of(host, port) for host in authority.split(","))


def place_of(written: str, port: int | None = None) -> Place:
    """Where ``host``, ``host:port``, an address, a network or ``*.example.com`` is."""
    if len(written) <= _LONGEST_CACHED:
        return _cached(written, port)
    return _place(written, port)


@lru_cache(maxsize=4096)
def _cached(written: str, port: int | None) -> Place:
    return _place(written, port)


def _place(written: str, port: int | None) -> Place:
    text = written.strip()
    if not text.isascii():
        return Unknown(
            "NON_ASCII", f"`{text}` holds characters outside ASCII: write a host in its ASCII form"
        )
    text = text.lower()
    if "@" in text:
        return _odd(text, "it is unclear what stands before the `@`")
    host, given = _split(text)
    if given:
        if not _PORT.fullmatch(given) or not 0 < int(given) < 1 << 16:
            return _odd(text, f"`{given}` is no port")
        port = int(given)
    if not host:
        return None
    return _at(host.strip("[]"), port, text)


def _split(text: str) -> tuple[str, str]:
    """Host and port; an IPv6 address has a port only behind brackets."""
    if text.startswith("["):
        host, _, rest = text.partition("]")
        return host[1:], rest.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def _at(host: str, port: int | None, text: str) -> Place:
    if host in _SELF or host.endswith(".localhost"):
        return None
    try:
        return _numeric(host, port)
    except ValueError:
        pass
    if _ODD_NUMBER.fullmatch(host.partition("/")[0]):
        return _odd(text, "programs read this form of an address differently")
    name = host.removesuffix(".")
    try:
        EGRESS_HOST.axis("host").extent(name)
    except ValueError:
        return _odd(text, "it is no host, address or network")
    return Endpoint(host=name, port=port)


def _numeric(host: str, port: int | None) -> Place:
    """ValueError when it is no address or network."""
    if "/" in host:
        EGRESS_IP.axis("address").extent(host)
        return Endpoint(network=str(ipaddress.ip_network(host)), port=port)
    address = canonical_address(host)
    if "%" in address:
        raise ValueError(address)
    if ipaddress.ip_address(address).is_loopback:
        return None
    return Endpoint(network=address, port=port)


def _odd(text: str, why: str) -> Unknown:
    return Unknown("AMBIGUOUS_HOST", f"`{text}`: {why}")
