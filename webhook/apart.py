"""Threads in which longer reviews are decided, so that others are answered meanwhile.

Of those that wait the shortest are next, by powers of two: a long one makes none wait that is
much shorter.  One thread is for the brief ones alone.  The other takes them too when there is
nothing long, so that one slow brief review holds up no other.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, Self, TypeVar

BRIEF_BYTES = 256 * 1024
"""What takes longest for its length, thousands of variables in one container, takes 0.4 ms a KiB."""

T = TypeVar("T")
Take = Callable[[], bytes]
"""Hands over the bytes of a review; nobody has them after that but who took them."""


class Job(Generic[T]):
    """A review on its way through a thread; ``future`` is what becomes of it."""

    __slots__ = ("_data", "_decide", "future")

    def __init__(self, decide: Callable[[Take], T], data: bytes) -> None:
        self._decide = decide
        self._data = data
        self.future: Future[T] = Future()

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            decided = self._decide(self._take)
        except BaseException as fault:  # noqa: BLE001  # who waits for it is told, as of any future
            self._data = b""  # before anybody hears of it: then the bytes are let go
            # So are those that frames still have: who waits is in a cycle with what it is told.
            fault.__traceback__ = fault.__context__ = fault.__cause__ = None
            self.future.set_exception(fault)
        else:
            self._data = b""
            self.future.set_result(decided)

    def _take(self) -> bytes:
        data, self._data = self._data, b""
        return data

    def give_up(self) -> bool:
        """Let the bytes go; False while they are being decided, and ``future`` says when that is over."""
        self.future.cancel()
        if self.future.running():
            return False
        self._data = b""
        return True


class Apart:
    """The two threads, and who waits for them.  A context manager."""

    def __init__(self) -> None:
        # Any: each job has a result of its own kind, and who is next does not depend on it.
        self._lines: dict[bool, list[tuple[int, int, Job[Any]]]] = {True: [], False: []}
        """Whether what waits is brief -> that, a heap."""
        self._changed = threading.Condition()
        self._count = 0
        self._is_closed = False
        for name, lines in (("brief reviews", (True,)), ("long reviews", (False, True))):
            threading.Thread(target=self._serve, args=(lines,), name=name, daemon=True).start()

    def decide(self, decide: Callable[[Take], T], data: bytes, *, is_broad: bool) -> Job[T]:
        """Have a review decided; one that is broad counts as a long one, however small."""
        job = Job(decide, data)
        is_brief = len(data) <= BRIEF_BYTES and not is_broad
        size = max(len(data), 0 if is_brief else BRIEF_BYTES)
        with self._changed:
            self._count += 1
            heapq.heappush(self._lines[is_brief], (size.bit_length(), self._count, job))
            self._changed.notify_all()
        return job

    def close(self) -> None:
        """Begin nothing more; who waits is told so."""
        with self._changed:
            self._is_closed = True
            waiting = [job for line in self._lines.values() for _, _, job in line]
            self._lines = {True: [], False: []}
            self._changed.notify_all()
        for job in waiting:
            job.give_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self, lines: tuple[bool, ...]) -> None:
        while (job := self._next(lines)) is not None:
            job.run()
            del job  # its result is not kept until the next one comes

    def _next(self, lines: tuple[bool, ...]) -> Job[Any] | None:  # as above
        with self._changed:
            while not self._is_closed:
                for is_brief in lines:
                    if self._lines[is_brief]:
                        return heapq.heappop(self._lines[is_brief])[2]
                self._changed.wait()
        return None
