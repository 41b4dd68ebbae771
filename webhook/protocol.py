"""HTTP/1.1 on one connection: uvicorn's, with bounds on what a client may keep from others.

uvicorn times idle connections after an answer; before the first request, within a header and
after a refused body it waits without end, and its cap on concurrency answers 503, which the
API server takes for a failed call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_HEADER_BYTES = 64 * 1024
_DRAINED_BYTES = 64 * 1024 * 1024
"""So much of a refused body is thrown away: closing at once could destroy the answer on its way."""


@dataclass(slots=True)
class Gate:
    """What all connections of one listener share.

    ``idle`` holds those without a request, the longest idle first; ``pending`` counts the
    requests that were taken in and not answered.
    """

    max_connections: int
    read_seconds: float
    idle_seconds: float
    client_names: frozenset[str]
    evicted: Callable[[], None]
    open: int = 0
    pending: int = 0
    idle: dict[Connection, None] = field(default_factory=dict)

    def protocol(self) -> type[asyncio.Protocol]:
        """The class that uvicorn makes an instance of for each connection."""
        gate = self

        class Gated(Connection):
            def __init__(
                self,
                config: Config,
                server_state: ServerState,
                app_state: dict[str, Any],
                _loop: asyncio.AbstractEventLoop | None = None,
            ) -> None:
                super().__init__(gate, config, server_state, app_state, _loop)

        return Gated

    def make_room(self) -> None:
        """Close the connection that is idle longest when there are too many."""
        if self.open > self.max_connections and self.idle:
            oldest = next(iter(self.idle))
            oldest.transport.close()
            self.idle.pop(oldest, None)
            self.evicted()


class Connection(HttpToolsProtocol):
    """A connection is idle, or it has a clock on the request that is arriving or being answered."""

    def __init__(
        self,
        gate: Gate,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._gate = gate
        self._timer: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._is_in_header = True
        self._is_arriving = False
        self._drained_bytes = 0
        self._pending = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._gate.open += 1
        if not _is_welcome(transport, self._gate.client_names):
            transport.close()
            return
        self._gate.make_room()
        self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._gate.open -= 1
        self._gate.idle.pop(self, None)
        self._answered(self._pending)
        self._stop()

    def data_received(self, data: bytes) -> None:
        if not self._is_arriving:
            self._is_arriving = True
            self._gate.idle.pop(self, None)
            self._stop()
            self._timer = self.loop.call_later(self._gate.read_seconds * 2, self._expire)
        if self._is_in_header:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._is_in_header and self._header_bytes > _HEADER_BYTES:
            self.transport.close()
        elif self._is_arriving and self.cycle is not None and self.cycle.response_complete:
            self._drained_bytes += len(data)
            if self._drained_bytes > _DRAINED_BYTES:
                self.transport.abort()

    def on_headers_complete(self) -> None:
        self._is_in_header = False
        self._pending += 1
        self._gate.pending += 1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_arriving = False
        self._is_in_header, self._header_bytes = True, 0
        self._stop()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # At once: a burst that is counted until its tasks are gone would be refused whole.
        self._answered(min(1, self._pending))
        if not self._is_arriving and not self.transport.is_closing():
            self._rest()

    def _answered(self, count: int) -> None:
        self._pending -= count
        self._gate.pending -= count

    def _rest(self) -> None:
        """Idle from now on."""
        self._stop()
        self._gate.idle[self] = None
        self._timer = self.loop.call_later(self._gate.idle_seconds, self._expire)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        if self._is_arriving:
            self.transport.abort()  # a farewell would read on what it sends
        elif not self.transport.is_closing():
            self.transport.close()


def _is_welcome(transport: asyncio.Transport, names: Collection[str]) -> bool:
    """Whether the client's certificate has one of the names; every one will do when none are given."""
    if not names:
        return True
    certificate = transport.get_extra_info("peercert") or {}
    found = {
        value for rdn in certificate.get("subject", ()) for key, value in rdn if key == "commonName"
    }
    return not found.isdisjoint(names)
