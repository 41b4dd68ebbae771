"""Names in the first bytes of messages: DNS answers (RFC 1035) and TLS greetings (RFC 8446).

What does not follow the form gives no name: the bytes come from any program.
"""

from __future__ import annotations

import ipaddress
import struct

A, AAAA = 1, 28
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 22, 1, 0, 0
_MAX_LABELS = 128


def dns_answer(message: bytes) -> tuple[str, tuple[str, ...]]:
    """The name that was asked for and its addresses; nothing for what is no answer."""
    try:
        return _dns_answer(message)
    except (struct.error, IndexError, ValueError):
        return "", ()


def server_name(message: bytes) -> str:
    """The name that a ClientHello asks for (RFC 6066, 3); "" when it names none."""
    try:
        return _server_name(message)
    except (struct.error, IndexError, ValueError):
        return ""


def _dns_answer(message: bytes) -> tuple[str, tuple[str, ...]]:
    _, flags, questions, answers = struct.unpack_from(">HHHH", message)
    is_answer, failed = flags >> 15, flags & 0xF
    if not is_answer or failed or questions != 1:
        return "", ()
    name, place = _name(message, 12)
    place += 4
    addresses = []
    for _ in range(answers):
        _, place = _name(message, place)
        kind, _, _, size = struct.unpack_from(">HHIH", message, place)
        place += 10
        data = message[place : place + size]
        if (kind, len(data)) in {(A, 4), (AAAA, 16)}:
            addresses.append(str(ipaddress.ip_address(data)))
        place += size
    return name, tuple(addresses)


def _name(message: bytes, place: int) -> tuple[str, int]:
    """A name, in lower case, and where what follows it begins."""
    labels: list[str] = []
    after = 0
    for _ in range(_MAX_LABELS):
        size = message[place]
        if size >= 0xC0:  # a pointer to where the rest of the name stands
            after = after or place + 2
            place = (size & 0x3F) << 8 | message[place + 1]
            continue
        if not size:
            return ".".join(labels).lower(), after or place + 1
        labels.append(message[place + 1 : place + 1 + size].decode("ascii"))
        place += 1 + size
    raise ValueError("the name has no end")


def _server_name(message: bytes) -> str:
    if message[0] != _HANDSHAKE or message[5] != _CLIENT_HELLO:
        return ""
    place = 5 + 4 + 2 + 32  # record, handshake, version, random
    place += 1 + message[place]  # session
    place += 2 + int.from_bytes(message[place : place + 2])  # cipher suites
    place += 1 + message[place]  # compression methods
    end = place + 2 + int.from_bytes(message[place : place + 2])
    place += 2
    while place < end:
        kind, size = struct.unpack_from(">HH", message, place)
        if kind == _SERVER_NAME:
            _, name_kind, length = struct.unpack_from(">HBH", message, place + 4)
            name = message[place + 9 : place + 9 + length]
            whole = len(name) == length and name_kind == _HOST_NAME
            return name.decode("ascii").lower() if whole else ""
        place += 4 + size
    return ""
