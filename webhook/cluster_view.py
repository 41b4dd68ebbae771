"""What the cluster holds now: a list and a watch for each kind, published as immutable views."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from policyc.admission.view import Key, Kind, View, key_of
from policyc.kube.client import ApiFault, Event, Object, Resource
from webhook.logs import Talk

_WATCH_SECONDS = 60
_ABSENT_SECONDS = 30.0  # how often a kind that is not served is looked for again
_NOT_FOUND = 404
_CHANGES = ("ADDED", "MODIFIED", "DELETED")  # and BOOKMARK, which is none
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_SPREAD_SECONDS = 0.05
"""Changes are published together that often: what is derived from a view is worked out anew."""


class Source(Protocol):
    """A cluster as policyc.kube.client has it."""

    def resource(self, group: str, kind: str) -> Resource | None: ...
    def list(
        self, resource: Resource, keep: Callable[[Object], Object] = ...
    ) -> tuple[list[Object], str]: ...
    def watch(self, resource: Resource, version: str, seconds: int) -> Iterator[Event]: ...


@dataclass(slots=True)
class _Kept:
    """One kind: ``objects`` is the working copy, ``published`` what views hold."""

    objects: dict[Key, Object] = field(default_factory=dict)
    published: Mapping[Key, Object] = field(default_factory=dict)
    is_changed: bool = False
    heard: float | None = None
    """When the server last said something about the kind; None before the first list."""
    fault: str = ""
    resource: Resource | None = None
    version: str = ""
    """From where to watch; empty: list first."""
    is_to_list: bool = False


class ClusterView:
    """Args:
    source: The API server.
    kinds: What is watched.
    stale_seconds: A kind of which nothing was heard for so long is unknown.
    talk: Where losses and returns are said.
    clock: Monotonic seconds.
    keep: What views hold of an object, empty for nothing of it; may not raise.

    """

    def __init__(
        self,
        source: Source,
        kinds: Collection[Kind],
        stale_seconds: float,
        talk: Talk,
        clock: Callable[[], float] = time.monotonic,
        keep: Callable[[Kind, Object], Object] | None = None,
    ) -> None:
        self._source = source
        self._stale_seconds = stale_seconds
        self._talk = talk
        self._clock = clock
        self._keep = keep or _lean
        self._kept = {kind: _Kept() for kind in sorted(kinds)}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._is_changed = False
        self._published_at = 0.0
        self._good_until = 0.0
        self._view = View({}, frozenset(self._kept))

    def start(self) -> None:
        """Begin to follow every kind, each in a thread."""
        for kind in self._kept:
            name = f"watch {kind[1]}"
            threading.Thread(target=self._run, args=(kind,), name=name, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def view(self) -> View:
        """The newest state; the same object as long as nothing changed.  Cheap, any thread."""
        now = self._clock()
        is_old = now >= self._good_until
        if is_old or (self._is_changed and now >= self._published_at + _SPREAD_SECONDS):
            with self._lock:
                self._publish(now)
        return self._view

    @property
    def is_primed(self) -> bool:
        """Whether every kind was listed once."""
        return all(kept.heard is not None for kept in self._kept.values())

    def faults(self) -> dict[str, str]:
        """Kind -> why it cannot be followed at the moment."""
        return {name_of(kind): kept.fault for kind, kept in self._kept.items() if kept.fault}

    def age_seconds(self, kind: Kind) -> float:
        """How long ago something was heard of a kind; infinite before the first list."""
        heard = self._kept[kind].heard
        return self._clock() - heard if heard is not None else float("inf")

    def list_again(self, kind: Kind) -> None:
        """Hand all objects to ``keep`` once more, when the watch ends: within a minute."""
        self._kept[kind].is_to_list = True

    def follow(self, kind: Kind) -> None:
        """Apply what changes, from where it broke off or a new list on, until it breaks off.

        Returns when the kind is not served.  ApiFault.
        """
        kept = self._kept[kind]
        kept.resource = kept.resource or self._source.resource(*kind)
        if kept.resource is None:
            self._replace(kind, [])
            return
        while not self._stopped.is_set():
            if kept.is_to_list:
                kept.version, kept.is_to_list = "", False
            if not kept.version:
                bodies, version = self._source.list(kept.resource, partial(self._keep, kind))
                self._replace(kind, bodies)
                kept.version = version
            events = self._source.watch(kept.resource, kept.version, _watch_seconds())
            self._hear(kind)  # the version is known there: nothing was missed
            for event in events:
                self._apply(kind, event)
                kept.version = str(event.body["metadata"]["resourceVersion"])
            self._hear(kind)  # the server ended the watch in order: up to here all was said

    def _run(self, kind: Kind) -> None:
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            before = self._kept[kind].heard
            try:
                self.follow(kind)
                self._stopped.wait(_ABSENT_SECONDS)
            except ApiFault as fault:
                self._note(kind, fault)
            except Exception as fault:  # noqa: BLE001  # a thread that ends would leave its kind frozen
                self._kept[kind].version = ""
                self._talk.bug(fault)
            heard_more = self._kept[kind].heard != before
            pause = _FIRST_PAUSE if heard_more else min(pause * 2, _LONGEST_PAUSE)
            # Replicas that lost the same server must not come back in step.
            self._stopped.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  # no secret

    def _note(self, kind: Kind, fault: ApiFault) -> None:
        kept = self._kept[kind]
        if fault.status == _NOT_FOUND:
            kept.resource, kept.version = None, ""
        if fault.is_gone:
            kept.version = ""
            self._talk.info("watch is too far behind, listing again", kind=name_of(kind))
        elif fault.message != kept.fault:
            kept.fault = fault.message
            self._talk.warning(
                "cannot watch", kind=name_of(kind), status=fault.status, detail=fault.message[:300]
            )

    def _replace(self, kind: Kind, bodies: list[Object]) -> None:
        objects = {key_of(body): body for body in bodies if body}
        with self._lock:
            kept = self._kept[kind]
            kept.objects = objects
            self._mark(kept)
        self._hear(kind)

    def _apply(self, kind: Kind, event: Event) -> None:
        is_there = event.word in _CHANGES and event.word != "DELETED"
        body = self._keep(kind, event.body) if is_there else {}
        with self._lock:
            kept = self._kept[kind]
            if body:
                kept.objects[key_of(event.body)] = body
                self._mark(kept)
            elif event.word in _CHANGES:
                kept.objects.pop(key_of(event.body), None)
                self._mark(kept)
        self._hear(kind)

    def _mark(self, kept: _Kept) -> None:
        kept.is_changed = True
        self._is_changed = True

    def _hear(self, kind: Kind) -> None:
        kept = self._kept[kind]
        kept.heard = self._clock()
        if kept.fault:
            kept.fault = ""
            self._talk.info("watching again", kind=name_of(kind))
        if kind in self._view.unknown:
            self._is_changed = True

    def _publish(self, now: float) -> None:
        """Only what changed is copied."""
        self._is_changed = False
        self._published_at = now
        for kept in self._kept.values():
            if kept.is_changed:
                kept.published, kept.is_changed = dict(kept.objects), False
        ends = {
            kind: kept.heard + self._stale_seconds
            for kind, kept in self._kept.items()
            if kept.heard is not None
        }
        known = {kind for kind, end in ends.items() if now < end}
        unknown = frozenset(self._kept.keys() - known)
        objects = {kind: kept.published for kind, kept in self._kept.items()}
        self._good_until = min((ends[kind] for kind in known), default=now + _SPREAD_SECONDS)
        if unknown != self._view.unknown and self.is_primed:
            say = self._talk.warning if unknown else self._talk.info
            say("what is known has changed", unknown=sorted(map(name_of, unknown)))
        self._view = self._view.followed_by(objects, unknown)


def name_of(kind: Kind) -> str:
    """``Kind.group``, as kubectl writes it."""
    return f"{kind[1]}.{kind[0]}" if kind[0] else kind[1]


def _watch_seconds() -> int:
    """Watches of many kinds must not end at one time."""
    return _WATCH_SECONDS // 2 + random.randrange(_WATCH_SECONDS // 2)  # noqa: S311  # no secret


def _lean(_: Kind, body: Object) -> Object:
    """Without who wrote which field: half of a small object, and no decision asks for it."""
    metadata = body.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    return body
