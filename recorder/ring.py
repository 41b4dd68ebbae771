"""The ring that the kernel puts events into, and that this program alone empties."""

from __future__ import annotations

import ctypes as c
import mmap
import os
import select
import time
from collections.abc import Callable

from recorder import libbpf

_CONSUMER, _PRODUCER = 0, mmap.PAGESIZE // 8
"""Where the positions are among the 64-bit words of the ring's first two pages (kernel/bpf/ringbuf.c)."""
_HEAD_BYTES = 8  # BPF_RINGBUF_HDR_SZ of linux/bpf.h: before each event
_ALIGNMENT = 8
_ENOUGH = -1
BUSY_SECONDS = 0.2
"""For how long an event is waited for that somebody began to put into the ring."""


class Ring:
    """Gives each event to `receive`, whenever ``drain`` is called; OSError when the kernel refuses it."""

    def __init__(self, events: int, receive: Callable[[bytes], None]) -> None:
        """``events``: the descriptor of the map."""
        self._receive = receive
        self._end = 0
        # Kept, for libbpf calls it for as long as the ring lives.
        self._sample = libbpf.SAMPLE(self._take)
        self._pages = mmap.mmap(events, 2 * mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ)
        self._words = memoryview(self._pages).cast("Q")
        self._handle = libbpf.call("ring_buffer__new")(events, self._sample, None, None)
        if not self._handle:
            raise OSError(c.get_errno(), os.strerror(c.get_errno()))
        self._news = select.poll()
        self._news.register(self.descriptor, select.POLLIN)

    def close(self) -> None:
        libbpf.call("ring_buffer__free")(self._handle)
        self._words.release()
        self._pages.close()

    @property
    def descriptor(self) -> int:
        """Readable when there are events that cannot wait."""
        return libbpf.call("ring_buffer__epoll_fd")(self._handle)

    def wait(self, timeout_ms: int) -> None:
        """Until there are events that cannot wait, at most so long."""
        self._news.poll(timeout_ms)

    def drain(self) -> None:
        """Take all that is in the ring now, and nothing that comes later: whoever fills it as fast as it is emptied holds nobody up."""
        self._end = self._words[_PRODUCER]
        until = time.monotonic() + BUSY_SECONDS
        while self._words[_CONSUMER] < self._end and time.monotonic() < until:
            before = self._words[_CONSUMER]
            libbpf.call("ring_buffer__consume")(self._handle)
            if self._words[_CONSUMER] == before:
                os.sched_yield()  # to the one who is putting this event there
            else:
                until = time.monotonic() + BUSY_SECONDS

    def _take(self, _context: int, data: int, size: int) -> int:
        """One event, at the consumer's position; negative when it is the last one to be taken (libbpf 1.1, ringbuf.c)."""
        self._receive(c.string_at(data, size))
        after = self._words[_CONSUMER] + -(-(_HEAD_BYTES + size) // _ALIGNMENT) * _ALIGNMENT
        return _ENOUGH if after >= self._end else 0
