"""HTTP/1.1 on one connection: uvicorn's, with bounds on what a client may keep from others.

uvicorn times idle connections after an answer; before the first request, within a header and
after a refused body it waits without end, and its cap on concurrency answers 503, which the
API server takes for a failed call.

Small reviews are taken past uvicorn's request cycle, to a desk; all else goes through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from webhook.desk import Desk, Turn

_HEADER_BYTES = 64 * 1024
_DRAINED_BYTES = 64 * 1024 * 1024
"""So much of a refused body is thrown away: closing at once could destroy the answer on its way."""
_LEAST_SWEEP_SECONDS = 0.02


@dataclass(slots=True)
class Gate:
    """What all connections of one listener share.

    ``idle`` holds those without a request and ``arriving`` those with a request that is not
    here yet: since when, the longest first.  ``unread`` holds those that do not read their
    answers, and keep the place of a request by it.  One clock for all: to set and clear one for
    each request would cost a tenth of it.  ``pending`` counts the requests that arrived whole,
    go by way of the application and are not answered: a header without a body takes no place.
    """

    max_connections: int
    read_seconds: float
    idle_seconds: float
    client_names: frozenset[str]
    evicted: Callable[[], None]
    desk: Desk | None = None
    open: int = 0
    pending: int = 0
    idle: dict[Connection, float] = field(default_factory=dict)
    arriving: dict[Connection, float] = field(default_factory=dict)
    unread: dict[Connection, float] = field(default_factory=dict)
    _is_sweeping: bool = False

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

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look after the clocks as long as there are connections."""
        if not self._is_sweeping:
            self._is_sweeping = True
            period = min(self.read_seconds, self.idle_seconds) / 8
            loop.call_later(max(period, _LEAST_SWEEP_SECONDS), self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection, since in [*self.arriving.items()]:
            if now - since < self.read_seconds:
                break
            connection.is_late(now - since >= 2 * self.read_seconds)
        for connection, since in [*self.unread.items()]:
            if now - since < 2 * self.read_seconds:
                break
            connection.transport.abort()
        for connection, since in [*self.idle.items()]:
            if now - since < self.idle_seconds:
                break
            connection.transport.close()
        self._is_sweeping = False
        if self.open:
            self.watch(loop)


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
        self._turn: Turn | None = None  # a review that is arriving
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
        self._gate.watch(self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        gate = self._gate
        gate.open -= 1
        gate.idle.pop(self, None)
        gate.arriving.pop(self, None)
        gate.unread.pop(self, None)
        self._answered(self._pending)
        if self._turn is not None and gate.desk is not None and not self._turn.is_taken:
            gate.desk.drop(self._turn, self.loop)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._gate.unread[self] = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._gate.unread.pop(self, None)

    def data_received(self, data: bytes) -> None:
        if not self._is_arriving:
            self._is_arriving = True
            self._gate.idle.pop(self, None)
            self._gate.arriving[self] = self.loop.time()
        if self._is_in_header:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._is_in_header and self._header_bytes > _HEADER_BYTES:
            self.transport.close()
        elif self._is_arriving and self.cycle is not None and self.cycle.response_complete:
            self._drained_bytes += len(data)
            if self._drained_bytes > _DRAINED_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        self._is_in_header = False
        self._turn = self._review()
        if self._turn is not None:
            self.cycle = self._turn  # type: ignore[assignment]  # it stands in for one
            return
        # What uvicorn does when a message begins was put off until it is known to be uvicorn's.
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def _review(self) -> Turn | None:
        """A turn at the desk, if this is a review like most, and nobody waits before it."""
        desk, parser = self._gate.desk, self.parser
        if desk is None or (self.cycle is not None and not self.cycle.response_complete):
            return None
        if (
            self.flow.write_paused
        ):  # it does not read its answers: uvicorn's way waits until it does
            return None
        if parser.get_method() != b"POST" or not parser.should_keep_alive():
            return None
        return desk.turn(self, self.url, self.headers)

    def on_body(self, body: bytes) -> None:
        if self._turn is None:
            super().on_body(body)
        elif self._gate.desk is not None and not self._turn.is_taken:
            self._gate.desk.more(self._turn, body)

    def on_message_complete(self) -> None:
        turn, self._turn = self._turn, None
        if turn is None:
            if self.cycle is not None and not self.cycle.response_complete:
                self._pending += 1
                self._gate.pending += 1
            super().on_message_complete()
        elif self._gate.desk is not None and not turn.is_taken:
            self._gate.desk.put(turn, self.loop)
        self._is_arriving = False
        self._gate.arriving.pop(self, None)
        self._is_in_header, self._header_bytes, self._drained_bytes = True, 0, 0

    def answer(self, turn: Turn, status: int, data: bytes) -> None:
        """The answer to a review; then it is the turn of what came behind it."""
        if turn.disconnected:
            return
        turn.response_complete = True
        lines = [STATUS_LINE[status]]
        for name, value in self.server_state.default_headers:
            lines += (name, b": ", value, b"\r\n")
        if not turn.keep_alive:
            lines.append(b"connection: close\r\n")
        lines += (
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data),
            data,
        )
        self.transport.write(b"".join(lines))
        if not turn.keep_alive:
            self.transport.close()
        elif self.pipeline:
            super().on_response_complete()
        else:
            self.server_state.total_requests += 1
            if not self._is_arriving:
                self._rest()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # At once: a burst that is counted until its tasks are gone would be refused whole.
        self._answered(min(1, self._pending))
        if not self._is_arriving and not self.transport.is_closing():
            self._rest()

    def is_late(self, is_hopeless: bool) -> None:
        """The request has been arriving for longer than it may, or for twice as long."""
        turn, desk = self._turn, self._gate.desk
        if turn is not None and desk is not None and turn.data and not turn.is_taken:
            desk.late(turn, self.loop)
        elif is_hopeless:
            self.transport.abort()  # a farewell would read on what it sends

    def _answered(self, count: int) -> None:
        self._pending -= count
        self._gate.pending -= count

    def _rest(self) -> None:
        """Idle from now on."""
        self._gate.idle.pop(self, None)
        self._gate.idle[self] = self.loop.time()


def _is_welcome(transport: asyncio.Transport, names: Collection[str]) -> bool:
    """Whether the client's certificate has one of the names; every one will do when none are given."""
    if not names:
        return True
    certificate = transport.get_extra_info("peercert") or {}
    found = {
        value for rdn in certificate.get("subject", ()) for key, value in rdn if key == "commonName"
    }
    return not found.isdisjoint(names)
