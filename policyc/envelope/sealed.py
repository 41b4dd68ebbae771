"""Envelopes that are opened when something asks for their contents.

Of ten thousand envelopes a process decides about few; the others stay as the bytes that were
verified.  What is found wrong on opening is an ``UnreadableError``, which is no ValueError so
that no reader of other things takes it for its own: a decision that needs such an envelope is
refused, and no other one is touched.
"""

from __future__ import annotations

import contextlib
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from policyc.core.strict_json import loads
from policyc.envelope.codec import UnreadableError, decode_by_need, digest_of
from policyc.envelope.index import Entry, entry_of
from policyc.envelope.model import Envelope

MOST_OPEN_BYTES = 16 << 20
"""Envelopes of one bundle that stay open, by their documents: those that were opened last.

An open one takes 3.3 times its document, all domains decoded (measured on the examples of the
project, of 2 to 11 KB): so 2,000 agents stay open, of ten thousand none pays for the others.
"""

_AT_ONCE = ("subject", "pins")
_LATE = tuple(field.name for field in fields(Envelope) if field.name not in _AT_ONCE)
_FASTEST = 1  # level of zlib
_WINDOW = -15  # 32 KiB, and no checksum: the digest is one
_MEMORY = 7


_TOGETHER = 8
"""Documents: more of them are packed a little faster, and one is unpacked behind all before it."""


@dataclass(frozen=True, slots=True)
class Packed:
    """An envelope's document as it is kept: from ``start`` to ``end`` of what ``data`` unpacks to.

    Written as what differs from other envelopes of the build, it takes a twentieth of its size.
    ``like`` is one that resembles all of them.
    """

    data: bytes
    start: int
    end: int
    like: bytes

    @classmethod
    def of(cls, document: bytes, like: bytes) -> Packed:
        """One document by itself."""
        return next(_packed([document], like))

    def document(self) -> bytes:
        unpacker = zlib.decompressobj(_WINDOW, zdict=self.like)
        return unpacker.decompress(self.data, self.end)[self.start : self.end]


def pack(documents: Sequence[bytes], like: bytes) -> list[Packed]:
    """The documents in their order.  Most of it is done without the interpreter's lock."""
    return [
        packed
        for first in range(0, len(documents), _TOGETHER)
        for packed in _packed(documents[first : first + _TOGETHER], like)
    ]


def _packed(documents: Sequence[bytes], like: bytes) -> Iterator[Packed]:
    packer = zlib.compressobj(_FASTEST, zlib.DEFLATED, _WINDOW, _MEMORY, zdict=like)
    data = packer.compress(b"".join(documents)) + packer.flush()
    end = 0
    for document in documents:
        start, end = end, end + len(document)
        yield Packed(data, start, end, like)


class Shelf:
    """The open envelopes of one bundle; any thread may open one."""

    def __init__(self, most_bytes: int = MOST_OPEN_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._open: dict[int, tuple[Sealed, int]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def put(self, envelope: Sealed, size_bytes: int) -> None:
        """Keep an envelope open; what was opened first is closed when they are too large."""
        with self._lock:
            self._bytes += size_bytes - self._open.pop(id(envelope), (envelope, 0))[1]
            self._open[id(envelope)] = (envelope, size_bytes)
            while self._bytes > self._most_bytes and len(self._open) > 1:
                closed, freed = self._open.pop(next(iter(self._open)))
                closed.close()
                self._bytes -= freed


class Sealed(Envelope):
    """An envelope of which the subject, the pins and the ends are known, and the rest by need.

    Args:
        entry: What the index says of it.
        packed: Its document.
        shelf: Where it stands while it is open.

    Every other field raises UnreadableError when the document is not that of the entry.

    """

    __slots__ = ("_entry", "_packed", "_shelf")
    _entry: Entry
    _packed: Packed
    _shelf: Shelf

    @classmethod
    def of(cls, entry: Entry, packed: Packed, shelf: Shelf) -> Sealed:
        self = object.__new__(cls)
        self._set("subject", entry.subject)
        self._set("pins", entry.pins)
        self._set("_entry", entry)
        self._set("_packed", packed)
        self._set("_shelf", shelf)
        return self

    @property
    def ends(self) -> tuple[str, ...]:
        """As the index says, which is compared with the envelope when that is opened."""
        entry: Entry | None = getattr(self, "_entry", None)  # None: made by ``replace``, all open
        return entry.ends if entry is not None else super().ends

    def close(self) -> None:
        """Forget what was decoded; it is decoded again when it is asked for."""
        for name in _LATE:
            with contextlib.suppress(AttributeError):  # another thread is opening it
                object.__delattr__(self, name)

    # Called for slots that are empty.  Any: each field has its own type.
    def __getattr__(self, name: str) -> Any:
        if name not in _LATE:
            raise AttributeError(name)
        return getattr(self._opened(), name)

    def _opened(self) -> Envelope:
        agent = self._entry.subject.agent
        try:
            data = self._packed.document()
            document = loads(data)
            envelope = decode_by_need(document)
        except (ValueError, zlib.error) as fault:
            raise UnreadableError(f"the envelope of agent `{agent}`: {fault}") from None
        known = self._entry
        if entry_of(envelope, digest_of(document), known.declared_at, known.caps_at) != known:
            raise UnreadableError(f"the envelope of agent `{agent}` is not the one of the index")
        for name in _LATE:
            self._set(name, getattr(envelope, name))
        self._shelf.put(self, len(data))
        return envelope

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
