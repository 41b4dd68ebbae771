"""The body of a review as it arrives: bounded, and its uid known before its end.

The API server writes the members of an AdmissionReview in the order of the Go struct
(k8s.io/api/admission/v1, ``encoding/json``): kind, apiVersion, then ``request`` with ``uid``
first.  So the uid stands within the first hundred bytes, whatever follows.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]  # ASGI's own types are dictionaries

LONG_BYTES = 1 << 20
"""Of longer reviews one is decided at a time: an object of etcd's own limit takes no more
(1.5 MiB as it is stored), unless most of it is escaped."""
HUGE_BYTES = 4 << 20
"""Of longer reviews one is read at a time: an API server sends none, so who stalls in the middle of
one keeps nobody else waiting."""
_PREFIX_BYTES = 1024
_UID = re.compile(
    rb'\s*\{\s*(?:"(?:kind"\s*:\s*"AdmissionReview|apiVersion"\s*:\s*"admission\.k8s\.io/v1)"\s*,\s*){0,2}'
    rb'"request"\s*:\s*\{\s*"uid"\s*:\s*"([A-Za-z0-9_.:-]{1,128})"'
)


class DisconnectedError(Exception):
    """The client went away; nobody waits for an answer."""


class TooLongError(Exception):
    """There is more than may be held."""


class Body:
    """What has arrived of one request.

    ``held`` is shared by all requests of the process: how many bytes they hold together.
    """

    def __init__(self, receive: Receive, limit_bytes: int, held: Held) -> None:
        self.data = bytearray()
        self.is_complete = False
        self.is_waiting = False
        """For the review before it, which is long too."""
        self._has_turn = self._is_read_alone = False
        self._taken_bytes = 0
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._held = held

    async def read(self) -> None:
        """Read to the end, a huge one when it is its turn; then wait until a long one may be
        decided.  TooLongError, DisconnectedError.
        """
        while not self.is_complete:
            if len(self.data) > HUGE_BYTES and not self._is_read_alone:
                await self._wait_for(self._held.reading.acquire())
                self._is_read_alone = True
            await self.read_some()
        if len(self.data) > LONG_BYTES:
            await self._wait_for(self._held.take_turn())
            self._has_turn = True

    async def _wait_for(self, turn: Awaitable[object]) -> None:
        self.is_waiting = True
        await turn
        self.is_waiting = False

    async def read_some(self) -> None:
        """Read what there is, or wait for it.  TooLongError, DisconnectedError."""
        await self._more()
        if len(self.data) > self._limit_bytes or self._held.is_full:
            raise TooLongError

    async def read_uid(self) -> None:
        """Read no more than the uid needs.  DisconnectedError."""
        while not (self.is_complete or self.uid or len(self.data) >= _PREFIX_BYTES):
            await self._more()

    async def _more(self) -> None:
        message = await self._receive()
        if message["type"] != "http.request":
            raise DisconnectedError
        chunk = message.get("body", b"")
        self.data += chunk
        self._held.size_bytes += len(chunk)
        self.is_complete = not message.get("more_body", False)

    @property
    def start(self) -> bytes:
        """As much of it as the uid needs."""
        return bytes(self.data[:_PREFIX_BYTES])

    @property
    def uid(self) -> str:
        """The request's uid, empty when it cannot be read with certainty."""
        return uid_of(self.data)

    def take(self) -> bytes:
        """What has arrived, of which no second copy stays; it counts as held until ``release``."""
        data = bytes(self.data)
        self._taken_bytes += len(data)
        self.data = bytearray()
        return data

    def release(self) -> None:
        """The bytes are no longer held."""
        self._held.size_bytes -= len(self.data) + self._taken_bytes
        self.data, self._taken_bytes = bytearray(), 0
        if self._has_turn:
            self._has_turn = False
            self._held.leave_turn()
        if self._is_read_alone:
            self._is_read_alone = False
            self._held.reading.release()


def uid_of(data: bytes | bytearray) -> str:
    """The uid at the start of a review, empty when it cannot be read with certainty."""
    found = _UID.match(data, 0, _PREFIX_BYTES)
    return found[1].decode() if found else ""


class Held:
    """How many bytes all requests hold together, and how many they may; and whose turn it is to be long.

    One that is long is decided and let go before the next one is: what a decision takes beside
    its bytes is a multiple of them.  ``reading``: held by the huge one that is read.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.size_bytes = 0
        self.reading = asyncio.Lock()
        self._limit_bytes = limit_bytes
        self._turn = asyncio.Lock()
        self._sharers = 0

    async def take_turn(self) -> None:
        """Wait until no long review is decided, and be the one that is."""
        await self._turn.acquire()
        self._sharers = 1

    def share_turn(self) -> None:
        """The turn that somebody has ends with the last of those who left it."""
        self._sharers += 1

    def leave_turn(self) -> None:
        self._sharers -= 1
        if not self._sharers:
            self._turn.release()

    @property
    def is_full(self) -> bool:
        return self.size_bytes > self._limit_bytes
