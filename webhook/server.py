"""Uvicorn, with its listeners, its end and its signals as an admission webhook needs them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Generator

import uvicorn
from uvicorn.config import Config

from policyc.core.errors import PolicycError

_HANDSHAKE_SECONDS = 5.0
_FAREWELL_SECONDS = 2.0


class Server(uvicorn.Server):
    """One listener on a socket that is bound already; signals are somebody else's."""

    def __init__(self, config: Config, listener: socket.socket) -> None:
        super().__init__(config)
        self._listener = listener

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, with bounds on how long a handshake and a farewell may take."""
        del sockets
        config, loop = self.config, asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            return config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn calls it
                config=config, server_state=self.server_state, app_state={}, _loop=loop
            )

        tls = config.ssl
        server = await loop.create_server(
            protocol,
            sock=self._listener,
            ssl=tls,
            backlog=config.backlog,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if tls else None,
            ssl_shutdown_timeout=_FAREWELL_SECONDS if tls else None,
        )
        self.servers = [server]
        self.started = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; PolicycError PC7111 when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as fault:
        raise PolicycError(
            "PC7111",
            f"cannot listen on `{host}` port {port}: {_said(fault)}",
            help=_HELP.get(fault.errno or 0, _OTHERWISE),
        ) from fault


_OTHERWISE = "name an address of this machine with --host"
_HELP = {
    errno.EADDRINUSE: "another process has it; choose others with --port and --health-port",
    errno.EACCES: "ports below 1024 need a right of their own; choose others with --port and --health-port",
}


def _said(fault: OSError) -> str:
    """Its words, without the address that Python adds."""
    return str(fault.strerror).partition(" (while")[0]


async def serve(servers: list[Server], drain_seconds: float, on_drain: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, and on for the drain time; a second signal ends at once."""
    loop = asyncio.get_running_loop()
    signals = 0

    def close() -> None:
        for server in servers:
            server.should_exit = True

    def told() -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            close()
            return
        on_drain()
        loop.call_later(drain_seconds, close)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    await asyncio.gather(*(server.serve() for server in servers))
