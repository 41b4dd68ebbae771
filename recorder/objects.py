"""Profiles as AgentProfile objects: one a workload template and container, which all nodes write together.

Joining is free of order and of repetition, so whoever finds that another was faster reads again,
joins and writes again.  What does not fit into one object goes into a further one, which is a
profile of the same container: whoever reads them joins them.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from recorder.api import RefusedError, Server, is_large
from recorder.profile import API_VERSION, Document, halves, join
from recorder.store import workload_of

LARGEST_BYTES = 1 << 20
"""Of one object.  etcd takes requests of 1.5 MiB (--max-request-bytes, etcd 3.6), the API server adds to them."""
SMALLEST_BYTES = 1 << 14
TRIES = 12
_LABELS: Document = {"app.kubernetes.io/managed-by": "policyc-recorder"}


class ContendedError(OSError):
    """Others wrote the same object again and again; it may be tried later."""


class TooLargeError(Exception):
    """An object is larger than what its storage takes."""


def pause(attempt: int) -> None:
    """Long enough that those who met once do not meet again."""
    time.sleep(random.uniform(0, 0.02 * 2 ** min(attempt, 6)))  # noqa: S311  # no secret


@dataclass(slots=True)
class Objects:
    """The AgentProfiles of a cluster; ``largest_bytes`` shrinks when its storage takes less."""

    server: Server
    largest_bytes: int = LARGEST_BYTES
    pause: Callable[[int], None] = pause

    def write(self, document: Document) -> None:
        """Join a profile with what is there; UnansweredError, ContendedError, RefusedError or TooLargeError."""
        try:
            for piece in pieces(document, self.largest_bytes):
                self._place(piece)
        except TooLargeError:
            if self.largest_bytes <= SMALLEST_BYTES:
                raise
            self.largest_bytes //= 2
            self.write(document)

    def _place(self, piece: Document) -> None:
        for attempt in range(TRIES):
            held, free = self._held(piece)
            known = [*held.values()]
            if known and join([*known, piece])["spec"] == join(known)["spec"]:
                return
            try:
                self._put(piece, held, free)
            except RefusedError as refused:
                if refused.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or is_large(str(refused)):
                    raise TooLargeError(str(refused)) from refused
                if refused.status != HTTPStatus.CONFLICT:
                    raise
            else:
                return
            self.pause(attempt)
        raise ContendedError("others write the same object")

    def _put(self, piece: Document, held: dict[str, Document], free: str) -> None:
        """Into the first object that has room; else into a new one."""
        for path, found in held.items():
            joined = join([found, piece])
            if size_bytes(joined) <= self.largest_bytes:
                self.server.request("PUT", f"{path}?{_STRICT}", joined)
                return
        folder, _, name = free.rpartition("/")
        fresh: Document = {**piece, "metadata": {"name": name, "labels": _LABELS}}
        self.server.request("POST", f"{folder}?{_STRICT}", fresh)

    def _held(self, piece: Document) -> tuple[dict[str, Document], str]:
        """The objects of the profile's container by path, and the first path that is free."""
        held: dict[str, Document] = {}
        for path in _paths(piece):
            found = self.server.get(path)
            if found is None:
                return held, path
            # Another container may have the same name: `a-b` of `c` and `a` of `b-c`.
            if workload_of(found) == workload_of(piece):
                held[path] = found
        raise AssertionError("paths do not end")


_STRICT = "fieldValidation=Strict"
"""A field that the definition does not know is refused, not dropped (Kubernetes 1.27)."""


def pieces(document: Document, largest_bytes: int) -> Iterator[Document]:
    """Profiles that are small enough and join to this one; TooLargeError when an item alone is not."""
    if size_bytes(document) <= largest_bytes:
        yield document
        return
    for half in halves(document) or _unsplit(document):
        yield from pieces(half, largest_bytes)


def size_bytes(document: Document) -> int:
    """As JSON without spaces, which is how the API server keeps it."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())


def _unsplit(document: Document) -> tuple[Document, ...]:
    raise TooLargeError(f"one item of a profile has {size_bytes(document)} bytes")


def _paths(document: Document) -> Iterator[str]:
    workload, metadata = workload_of(document), document["metadata"]
    assert isinstance(workload, dict)
    assert isinstance(metadata, dict)
    folder = f"/apis/{API_VERSION}/namespaces/{workload['namespace']}/agentprofiles"
    yield f"{folder}/{metadata['name']}"
    number = 2
    while True:
        yield f"{folder}/{metadata['name']}-{number}"
        number += 1
