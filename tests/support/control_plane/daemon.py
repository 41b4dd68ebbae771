"""A server process that tests start, wait for, stop or kill, with its output in a file."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_POLL_SECONDS = 0.05
_STOP_SECONDS = 20


class DaemonError(Exception):
    """A daemon ended, or did not become ready in time; the message has the end of its log."""


class Daemon:
    """One server; it can be started again after it was stopped or killed."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.name = Path(command[0]).name
        self.log = folder / f"{self.name}.log"
        # The kernel ends the server when the test run is killed.
        self._command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        assert not self.is_running
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupt at the terminal is for the tests
            )

    def wait_until(self, is_ready: Callable[[], bool], seconds: float = 120) -> None:
        """Ask again until the answer is yes; DaemonError when the daemon ends or the time is over."""
        assert self._process is not None
        deadline = time.monotonic() + seconds
        while not is_ready():
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(_POLL_SECONDS)
                raise DaemonError(f"{self.name} ended with {code}\n{self._tail()}")
            if time.monotonic() > deadline:
                raise DaemonError(f"{self.name} is not ready after {seconds} s\n{self._tail()}")

    def stop(self) -> None:
        """Ask it to end; make it when it does not."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a chance to clean up."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"{self.log}:", *text[-lines:]])


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
