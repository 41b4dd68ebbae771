"""Takes its standard input in one of many ways, to its end."""

from __future__ import annotations

import ctypes as c
import os
import socket
import struct
import sys

ROOM = 700
IO_SETUP, IO_SUBMIT = {"x86_64": (206, 209), "aarch64": (0, 2)}[os.uname().machine]
IOCB_CMD_PREAD = 0  # include/uapi/linux/aio_abi.h


def spliced() -> None:
    into, out = os.pipe()
    while os.splice(0, out, ROOM):
        os.read(into, ROOM)


def sent() -> None:
    into, out = os.pipe()
    while os.sendfile(out, 0, None, ROOM):
        os.read(into, ROOM)


def mapped() -> None:
    room = c.create_string_buffer(ROOM)
    vector = struct.pack("=QQ", c.addressof(room), ROOM)
    while c.CDLL(None).vmsplice(0, vector, c.c_size_t(1), 0):
        pass


def submitted() -> None:
    room, made = c.create_string_buffer(ROOM), c.c_uint64()
    call = c.CDLL(None).syscall
    assert call(IO_SETUP, 1, c.byref(made)) == 0
    block = struct.pack("=QIiHhIQQ32x", 0, 0, 0, IOCB_CMD_PREAD, 0, 0, c.addressof(room), ROOM)[:64]
    asked = c.create_string_buffer(block, 64)
    blocks = c.c_void_p(c.addressof(asked))
    assert call(IO_SUBMIT, made, c.c_long(1), c.byref(blocks)) == 1


def moved(descriptor: int = 5) -> None:
    """As a server does that keeps its standard input from what it calls."""
    os.dup2(0, descriptor)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    while os.read(descriptor, ROOM):
        pass


def opened_again() -> None:
    descriptor = os.open("/dev/stdin", os.O_RDONLY)
    os.close(0)
    while os.read(descriptor, ROOM):
        pass


def received(way: str) -> None:
    with socket.socket(fileno=0) as end:
        while end.recv(ROOM, socket.MSG_PEEK):
            if way == "recv":
                end.recv(ROOM)
            elif way == "recv_into":
                end.recv_into(bytearray(ROOM))
            else:
                end.recvmsg_into([bytearray(9), bytearray(), bytearray(ROOM)])


match sys.argv[1]:
    case "read":
        while os.read(0, ROOM):
            pass
    case "readv":
        while os.readv(0, [bytearray(7), bytearray(0), bytearray(ROOM)]):
            pass
    case "preadv":
        while os.preadv(0, [bytearray(7), bytearray(ROOM)], -1, os.RWF_NOWAIT & 0):
            pass
    case "splice":
        spliced()
    case "sendfile":
        sent()
    case "vmsplice":
        mapped()
    case "io_submit":
        submitted()
    case "moved":
        moved()
    case "opened-again":
        opened_again()
    case way:
        received(way)
