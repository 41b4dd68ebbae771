"""Our own webhook configurations, watched and restored.

The API server sends changes of webhook configurations to no webhook
(IsExemptAdmissionConfigurationResource, k8s.io/apiserver 1.36): nobody can refuse them, so
they are undone, and said.  Whoever may switch us off for good must be able to: the rights
of the guard are a ClusterRoleBinding, which is removed first.
"""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from policyc.admission.bundle import Bundle
from policyc.deploy.configurations import GROUP, NAME, Target, mutating, validating
from policyc.deploy.drift import authority, drift, restored
from policyc.kube.client import ApiFault, Event, Object, Resource
from webhook.logs import Talk

Wanted = Callable[[str], Object]
"""Makes a configuration for an authority (PEM in base64; empty: none is known)."""

_WATCH_SECONDS = 30
_PAUSE_SECONDS = 1.0
_NOT_FOUND, _CONFLICT = 404, 409


class Source(Protocol):
    """A cluster as policyc.kube.client has it."""

    def get(self, path: str, query: Mapping[str, object] = ...) -> Object: ...
    def send(self, method: str, path: str, body: Object) -> Object: ...
    def watch(
        self, resource: Resource, version: str, seconds: int, name: str = ...
    ) -> Iterator[Event]: ...


class Guard:
    """One kind of configuration; a thread of its own.

    Args:
        source: The API server.
        resource: The kind that is guarded; the object is named ``policyc``.
        wanted: The configuration as it should be now.
        ca_file: The authority to write; without one, the last that the cluster had stays.
        alarm: Called with the fields that were wrong, before they are put right.
        talk: Where it is said.

    """

    def __init__(
        self,
        source: Source,
        resource: Resource,
        wanted: Wanted,
        ca_file: Path | None,
        alarm: Callable[[tuple[str, ...]], None],
        talk: Talk,
    ) -> None:
        self._source = source
        self._resource = resource
        self._wanted = wanted
        self._ca_file = ca_file
        self._alarm = alarm
        self._talk = talk
        self._known = ""  # the last authority that the cluster had
        self._stopped = threading.Event()
        self.fault = ""

    @property
    def _path(self) -> str:
        return f"{self._resource.path}/{NAME}"

    def start(self) -> None:
        threading.Thread(
            target=self._run, name=f"guard {self._resource.plural}", daemon=True
        ).start()

    def stop(self) -> None:
        self._stopped.set()

    def look(self) -> str:
        """Read it, put it right, and give the version to watch from.  ApiFault."""
        try:
            live = self._source.get(self._path)
        except ApiFault as fault:
            if fault.status != _NOT_FOUND:
                raise
            return self._make()
        return self._mend(live)

    def _make(self) -> str:
        self._say(("the whole object",))
        made = self._source.send("POST", self._resource.path, self._wanted(self._authority()))
        return _version(made)

    def _mend(self, live: Object) -> str:
        self._known = authority(live) or self._known
        wanted = self._wanted(self._authority())
        wrong = drift(live, wanted)
        if not wrong:
            return _version(live)
        self._say(wrong)
        return _version(self._source.send("PUT", self._path, restored(live, wanted)))

    def _authority(self) -> str:
        with contextlib.suppress(OSError):
            if self._ca_file is not None:
                return base64.b64encode(self._ca_file.read_bytes()).decode()
        return self._known

    def _say(self, wrong: tuple[str, ...]) -> None:
        self._alarm(wrong)
        self._talk.error("webhook configuration restored", kind=self._resource.kind, fields=wrong)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow()
                self.fault = ""
            except ApiFault as fault:
                if fault.status != _CONFLICT and fault.message != self.fault:
                    self.fault = fault.message
                    self._talk.error("webhook configuration unguarded", detail=fault.message)
                self._stopped.wait(_PAUSE_SECONDS if fault.status != _CONFLICT else 0)
            except Exception as fault:  # noqa: BLE001  # the next look may go well
                self._talk.bug(fault)
                self._stopped.wait(_PAUSE_SECONDS)

    def _follow(self) -> None:
        """Put it right after every change, until the watch ends."""
        version = self.look()
        for event in self._source.watch(self._resource, version, _WATCH_SECONDS, NAME):
            if self._stopped.is_set():
                return
            if event.word in ("ADDED", "MODIFIED", "DELETED"):
                self.look()


def guards(
    source: Source,
    target: Callable[[], Target],
    ca_file: Path | None,
    alarm: Callable[[tuple[str, ...]], None],
    talk: Talk,
) -> list[Guard]:
    """The guards of both configurations."""
    kinds: list[tuple[str, str, Callable[[Target], Any]]] = [  # Json and Object differ in floats
        ("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", mutating),
        ("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", validating),
    ]

    def wanted(make: Callable[[Target], Any]) -> Wanted:
        return lambda ca: make(_with(target(), ca))

    return [
        Guard(source, Resource(GROUP, "v1", plural, kind), wanted(make), ca_file, alarm, talk)
        for plural, kind, make in kinds
    ]


def target_of(bundle: Bundle | None, home: str, operators: frozenset[str], url: str) -> Target:
    """The target that the bundle in force makes; ValueError as Target says."""
    namespaces = tuple(sorted(bundle.by_namespace)) if bundle is not None else ()
    return Target(namespaces, home, url, "", operators)


def _with(target: Target, ca_bundle: str) -> Target:
    return Target(target.namespaces, target.home, target.url, ca_bundle, target.operators)


def _version(body: Object) -> str:
    return str(body["metadata"]["resourceVersion"])
