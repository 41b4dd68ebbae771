"""Reviews that are small and were read whole: decided one after the other, without a task for each.

A task, its events and the messages of ASGI cost as much as the decision (measured by
tests/bench/bench_webhook.py).  What is large, chunked or odd goes that way; an ordinary review
is one function call, and what is decided and answered is the same.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Protocol

from webhook.head import JSON_TYPES, budget_seconds
from webhook.judge import Judged
from webhook.reviews import Reviews
from webhook.stream import Held

SMALL_BYTES = 64 * 1024
"""A longer review goes the other way."""

_ODD = frozenset({b"content-encoding", b"transfer-encoding", b"expect", b"upgrade"})
Headers = list[tuple[bytes, bytes]]


class Client(Protocol):
    """The connection that a review came on."""

    def answer(self, turn: Turn, status: int, data: bytes) -> None: ...


class _Nobody:
    """Nobody waits for what happens to a turn."""

    def set(self) -> None:
        pass


class Turn:
    """One review on its way in, and until it is answered.

    The upper attributes are those of uvicorn's RequestResponseCycle that a connection looks at:
    while a turn is open it stands in the cycle's place, and what a client sends behind it waits.
    """

    message_event = _Nobody()

    __slots__ = (
        "_deadline",
        "client",
        "data",
        "disconnected",
        "is_taken",
        "keep_alive",
        "response_complete",
        "reviews",
        "started",
    )

    def __init__(self, client: Client, reviews: Reviews, query: bytes) -> None:
        self.response_complete = self.disconnected = False
        self.keep_alive = True
        self.is_taken = False  # by the desk: whatever else arrives of it is not looked at
        self.client = client
        self.reviews = reviews
        self.data = b""
        self.started = time.perf_counter()
        self._deadline = time.monotonic() + budget_seconds(query)

    def decide(self) -> Judged | Awaitable[Judged]:
        return self.reviews.whole(self.data, self._deadline)


class Desk:
    """Where whole reviews wait for their turn.

    Args:
        reviews: Path -> who answers.
        held: Counts the bytes of all reviews that are being read.
        concurrent: So many may be taken in and not answered.
        others: How many were taken in another way.
        is_draining: Whether clients should go elsewhere.

    """

    def __init__(
        self,
        reviews: Mapping[str, Reviews],
        held: Held,
        concurrent: int,
        others: Callable[[], int],
        is_draining: Callable[[], bool],
    ) -> None:
        self._reviews = {path.encode(): found for path, found in reviews.items()}
        self._held = held
        self._concurrent = concurrent
        self._others = others
        self._is_draining = is_draining
        self._waiting: deque[Turn] = deque()
        self._recording: set[asyncio.Task[None]] = set()
        self.count = 0
        """How many are taken in and not answered."""

    def turn(self, client: Client, url: bytes, headers: Headers) -> Turn | None:
        """The turn of a POST, or None for one that has to go the other way."""
        path, _, query = url.partition(b"?")
        reviews = self._reviews.get(path)
        if reviews is None or self._held.is_full or self._is_draining():
            return None
        if not 0 < _plain_size(headers) <= SMALL_BYTES:
            return None
        return Turn(client, reviews, query)

    def more(self, turn: Turn, data: bytes) -> None:
        """Bytes of a review have arrived: those count, not what a header says of them."""
        turn.data += data
        self._held.size_bytes += len(data)

    def put(self, turn: Turn, loop: asyncio.AbstractEventLoop) -> None:
        """A review has arrived."""
        self._take(turn)
        if self.count + self._others() > self._concurrent:
            self._settled(turn, turn.reviews.overloaded(turn.data), loop)
            return
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            loop.call_soon(self._next, loop)

    def late(self, turn: Turn, loop: asyncio.AbstractEventLoop) -> None:
        """The rest of a review did not arrive in time."""
        self._take(turn)
        self._settled(turn, turn.reviews.late(turn.data), loop)

    def drop(self, turn: Turn, loop: asyncio.AbstractEventLoop) -> None:
        """The client left before its review was decided."""
        turn.is_taken = True
        left = turn.reviews.left(turn.data)
        self._release(turn)
        if not isinstance(left, Judged):
            self._go_on(_awaited(left), loop)

    def _take(self, turn: Turn) -> None:
        turn.is_taken = True
        self.count += 1

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """One at a time: its answer leaves, and what has arrived is read, before the next one."""
        turn = self._waiting.popleft()
        if self._waiting:
            loop.call_soon(self._next, loop)
        if turn.disconnected:
            self.count -= 1
            self.drop(turn, loop)
            return
        self._settled(turn, turn.decide(), loop)

    def _settled(
        self, turn: Turn, judged: Judged | Awaitable[Judged], loop: asyncio.AbstractEventLoop
    ) -> None:
        if isinstance(judged, Judged):
            self._answer(turn, judged)
            return
        self._go_on(self._recorded(turn, judged), loop)

    def _go_on(self, rest: Coroutine[None, None, None], loop: asyncio.AbstractEventLoop) -> None:
        task = loop.create_task(rest)
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def _recorded(self, turn: Turn, judged: Awaitable[Judged]) -> None:
        self._answer(turn, await judged)

    def _answer(self, turn: Turn, judged: Judged) -> None:
        self.count -= 1
        self._release(turn)
        status, data = turn.reviews.reply(judged, turn.started)
        turn.client.answer(turn, status, data)

    def _release(self, turn: Turn) -> None:
        self._held.size_bytes -= len(turn.data)
        turn.data = b""


async def _awaited(left: Awaitable[Judged]) -> None:
    await left


def _plain_size(headers: Headers) -> int:
    """The Content-Length of a plain JSON body; 0 when there is anything that needs a closer look."""
    size = 0
    is_json = False
    for name, value in headers:
        if name == b"content-type":
            if is_json or value not in JSON_TYPES:
                return 0
            is_json = True
        elif name == b"content-length":
            if size or not value.isdigit():
                return 0
            size = int(value)
        elif name in _ODD:
            return 0
    return size if is_json else 0
