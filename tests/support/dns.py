"""Messages of name servers (RFC 1035, 4.1)."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence

A, AAAA = 1, 28


def answer(name: str, addresses: Sequence[str]) -> bytes:
    """The answer that gives a name these addresses."""
    head = struct.pack(">HHHHHH", 7, 0x8180, 1, len(addresses), 0, 0)
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    records = b""
    for address in addresses:
        packed = ipaddress.ip_address(address).packed
        kind = A if len(packed) == 4 else AAAA
        records += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(packed)) + packed
    return head + labels + b"\0" + struct.pack(">HH", A, 1) + records
