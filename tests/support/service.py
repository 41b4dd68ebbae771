"""A Service of a cluster, as far as connections go: it hands each new one to an endpoint."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable
from typing import Self

from support.webhook import Webhook


class Service:
    """A context manager.  Endpoints change when they are told to, and so as late as one likes."""

    def __init__(self) -> None:
        self._endpoints: list[int] = []
        self._turns = itertools.count()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def use(self, *webhooks: Webhook) -> None:
        """For connections from now on; those that are open stay where they are."""
        self._endpoints = [webhook.port for webhook in webhooks]

    def __enter__(self) -> Self:
        self._start(self._serve)
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._open):
            _end(one)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # ended
            while True:
                client, _ = self._listener.accept()
                self._start(self._join, client)

    def _join(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, ZeroDivisionError):
            # A Service without endpoints refuses as one does whose endpoint is gone.
            port = self._endpoints[next(self._turns) % len(self._endpoints)]
            with socket.create_connection(("127.0.0.1", port)) as server:
                self._open |= {client, server}
                back = threading.Thread(target=_carry, args=(server, client))
                back.start()
                _carry(client, server)
                back.join()
                self._open -= {client, server}


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Bytes until the source ends; then both ways end."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _end(source)
    _end(target)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
