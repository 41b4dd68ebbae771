"""A program of 97 bytes of machine code (amd64) that makes syscalls and prints their errnos.

It needs nothing but ``write`` and ``exit_group``, so its container's profile can be
as small as a profile gets.  Each call has the gate's magic number as its sixth
argument: under ``support.oracle.kernel.install_gate`` none is carried out.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from support.oracle.kernel import MAGIC

CALLS = frozenset({"write", "exit_group"})

_CODE = bytes.fromhex(
    "488d2d5a000000"  # lea rbp, [table]
    "448b254f000000"  # mov r12d, [count]
    "0fb74500"  # next: movzx eax, word [rbp]
    "31ff 31f6 31d2 4531d2 4531c0"  # edi, esi, edx, r10d, r8d = 0
    "448b0d34000000"  # mov r9d, [magic]
    "0f05"  # syscall
    "f7d8"  # neg eax
    "66894500"  # mov [rbp], ax
    "4883c502"  # add rbp, 2
    "41ffcc"  # dec r12d
    "75d8"  # jnz next
    "b801000000 bf01000000"  # eax = 1 (write), edi = 1 (standard output)
    "488d351a000000"  # lea rsi, [table]
    "89ea 29f2"  # edx = ebp - esi
    "4531c9"  # r9d = 0
    "0f05"  # syscall
    "b8e7000000 31ff 0f05"  # exit_group(0)
)  # magic, count and table follow
_BASE = 0x400000
_HEADERS = 64 + 56


def program(numbers: Sequence[int]) -> bytes:
    """An ELF file that tries the numbers, at least one, and writes a little-endian uint16 for each."""
    assert numbers, "the program counts down from their number"
    table = struct.pack(f"<{len(numbers)}H", *numbers)
    body = _CODE + struct.pack("<II", MAGIC, len(numbers)) + table
    size = _HEADERS + len(body)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    executable, x86_64, load, rwx = 2, 62, 1, 7
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        ident, executable, x86_64, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0,
    )  # fmt: skip
    segment = struct.pack("<IIQQQQQQ", load, rwx, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + body


def errnos(printed: bytes) -> list[int]:
    """What the program wrote, in the order of its numbers."""
    return list(struct.unpack(f"<{len(printed) // 2}H", printed))
