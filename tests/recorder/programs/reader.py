"""Takes its standard input in one of many ways, to its end."""

from __future__ import annotations

import os
import socket
import sys

ROOM = 700


def spliced() -> None:
    into, out = os.pipe()
    while os.splice(0, out, ROOM):
        os.read(into, ROOM)


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
    case "moved":
        moved()
    case "opened-again":
        opened_again()
    case way:
        received(way)
