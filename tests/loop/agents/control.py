"""How an agent is driven: one JSON request a line, over a socket in its working folder."""

import ctypes
import errno
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

SOCKET = "/srv/control.sock"
_CONNECT_SECONDS = 3.0


def serve(work: Callable[[str], str]) -> None:
    """Answer until the container ends: `work`, or something that was never done before."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(SOCKET)
        Path(SOCKET).chmod(0o666)
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rw") as stream:
                for line in stream:
                    stream.write(json.dumps(_answer(json.loads(line), work)) + "\n")
                    stream.flush()


def _answer(request: dict[str, str], work: Callable[[str], str]) -> dict[str, str]:
    try:
        match request["do"]:
            case "work":
                return {"done": work(request["with"])}
            case "call":
                return {"done": call(int(request["number"]))}
            case "connect":
                return {"done": connect(request["host"], int(request["port"]))}
    except Exception as fault:  # noqa: BLE001  # whoever drives it judges
        return {"failed": f"{type(fault).__name__}: {fault}"}
    return {"failed": "unknown request"}


def call(number: int) -> str:
    """A system call with arguments that it refuses; `EPERM` when it was not let through at all."""
    libc = ctypes.CDLL(None, use_errno=True)
    return (
        "done" if libc.syscall(number, -1, -1, -1, -1, -1, -1) >= 0 else _name(ctypes.get_errno())
    )


def connect(host: str, port: int) -> str:
    """`connected`, or the name of what came of it; a dropped packet is ETIMEDOUT."""
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except TimeoutError:
        return "ETIMEDOUT"
    except OSError as fault:
        return _name(fault.errno or 0)
    return "connected"


def _name(number: int) -> str:
    return errno.errorcode.get(number, str(number))


def wait_for_work(work: Callable[[str], str]) -> None:
    """The first work is done at once, so that a restart proves that the agent still starts."""
    work(f"start {time.monotonic_ns()}")
    serve(work)
