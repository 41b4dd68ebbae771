"""Names in messages: against greetings that OpenSSL makes and answers as RFC 1035 has them."""

from __future__ import annotations

import ipaddress
import ssl
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import wire

LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(".".join)
ADDRESS = st.ip_addresses().map(str)


def greeting(host: str | None) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    out = ssl.MemoryBIO()
    session = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return out.read()


def labels(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def answer(name: str, addresses: list[str]) -> bytes:
    head = struct.pack(">HHHHHH", 7, 0x8180, 1, len(addresses) + 1, 0, 0)
    question = labels(name.upper()) + struct.pack(">HH", 1, 1)
    alias = b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 60, 2) + b"\xc0\x0c"
    records = b""
    for address in addresses:
        packed = ipaddress.ip_address(address).packed
        kind = wire.A if len(packed) == 4 else wire.AAAA
        records += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(packed)) + packed
    return head + question + alias + records


@given(NAME)
def test_the_name_of_a_greeting(name: str) -> None:
    assert wire.server_name(greeting(name)) == name


def test_a_greeting_without_a_name() -> None:
    assert wire.server_name(greeting(None)) == ""


@given(NAME, st.lists(ADDRESS, max_size=8))
def test_the_addresses_of_an_answer(name: str, addresses: list[str]) -> None:
    assert wire.dns_answer(answer(name, addresses)) == (name, tuple(addresses))


def test_questions_and_failures_name_nothing() -> None:
    whole = answer("a.example", ["192.0.2.1"])
    question = whole[:2] + b"\x01\x00" + whole[4:]
    refused = whole[:2] + b"\x81\x83" + whole[4:]
    assert wire.dns_answer(question) == wire.dns_answer(refused) == ("", ())


@given(st.binary(max_size=300), st.integers(0, 400))
def test_bytes_of_any_program_raise_nothing(noise: bytes, cut: int) -> None:
    for message in (noise, greeting("a.example")[:cut], answer("a.example", ["192.0.2.1"])[:cut]):
        assert isinstance(wire.server_name(message + noise), str)
        assert isinstance(wire.dns_answer(message + noise), tuple)


def test_a_name_that_points_to_itself_ends() -> None:
    head = struct.pack(">HHHHHH", 7, 0x8180, 1, 1, 0, 0)
    assert wire.dns_answer(head + b"\xc0\x0c" + b"\0" * 40) == ("", ())
