"""Our own webhook configurations, watched and restored.

The API server sends changes of webhook configurations to no webhook
(IsExemptAdmissionConfigurationResource, k8s.io/apiserver 1.36): nobody can refuse them, so
they are undone, and said.  Whoever may switch us off for good must be able to: the rights
of the guard are a ClusterRoleBinding, which is removed first.

Replicas tell each other through the object how new their bundles are: its annotation has the
highest serial.  One that is behind keeps its own namespaces in the object and takes none out.
"""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from policyc.admission.bundle import Bundle
from policyc.admission.view import View
from policyc.catalog.default_roles import BOUND_TO_EVERYBODY
from policyc.deploy.configurations import GROUP, NAME, Target, TooMany, mutating, validating
from policyc.deploy.drift import authority, drift, namespaces, restored, serial
from policyc.deploy.reach import Reach, reach_of, written
from policyc.kube.client import ApiFault, Event, Object, Resource
from webhook.bundle_store import BundleStore
from webhook.logs import Talk
from webhook.settings import Serving

Wanted = Callable[[str, frozenset[str], Reach], Object]
"""Makes a configuration for an authority (PEM in base64; empty: none is known), more namespaces,
and what reaches agents from elsewhere."""

_WATCH_SECONDS = 10
"""So long may a new authority, or a new namespace with agents, wait for its place in the object."""
_PAUSE_SECONDS = 1.0
_FIGHT = 5
"""More restorations in ten seconds are somebody who puts right what we put right."""
_LET_GO_SECONDS = 300.0
"""So long is a name kept of which this replica knows nothing: another one may know more."""
_NOT_FOUND, _CONFLICT = 404, 409
_ALWAYS = Reach(roles=frozenset(BOUND_TO_EVERYBODY))
"""Names that stand in every configuration."""


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
        serial: Of the bundle in force.
        behind_seconds: An older bundle than another replica's is said after so long.
        ca_file: The authority to write; without one, the last that the cluster had stays.
        alarm: Called with the fields that were wrong, before they are put right.
        talk: Where it is said.
        reach: What reaches agents from elsewhere, by what is known of the cluster now.

    """

    def __init__(
        self,
        source: Source,
        resource: Resource,
        wanted: Wanted,
        serial: Callable[[], int],
        behind_seconds: float,
        ca_file: Path | None,
        alarm: Callable[[tuple[str, ...]], None],
        talk: Talk,
        reach: Callable[[], Reach] = Reach,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._resource = resource
        self._wanted = wanted
        self._serial = serial
        self._behind_seconds = behind_seconds
        self._reach = reach
        self._clock = clock
        self._behind_since: float | None = None
        self._is_said = False
        self._restored: list[float] = []
        self._ca_file = ca_file
        self._alarm = alarm
        self._talk = talk
        self._known = ""  # the last authority that the cluster had
        self._agreed = Reach()  # nobody but a stranger takes out a name that is known here
        self._unheard: dict[tuple[str, str], float] = {}  # kind and name -> since when
        self._wildcards: frozenset[str] = frozenset()
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
        self._agreed = self._reach()
        self._tell_wildcards(self._agreed)
        wanted = self._wanted(self._authority(), frozenset(), self._agreed)
        made = restored({}, wanted, self._serial())
        return _version(self._source.send("POST", self._resource.path, made))

    def _mend(self, live: Object) -> str:
        self._known = authority(live) or self._known
        ours, newest = self._serial(), serial(live)
        self._compare(ours, newest)
        more = namespaces(live) if newest > ours else frozenset()
        # Names that are there stay for a time: what another replica has heard of is no fault.
        there, here = written(live), self._reach()
        gone = self._gone(there, here)
        kept = (there - gone) | here
        wrong = drift(live, self._wanted(self._authority(), more, there))
        if not self._agreed & here <= there:
            wrong = (*wrong, "names in matchConditions")
        self._agreed = here
        self._tell_wildcards(kept)
        if wrong:
            self._say(wrong)
        elif newest >= ours and here <= there and gone == Reach():
            return _version(live)
        if not here <= there:
            self._talk.info("what reaches agents is followed", **_names(here - there))
        if gone != Reach():
            self._talk.info("what reaches agents no more is let go", **_names(gone))
        wanted = self._wanted(self._authority(), more, kept)
        made = restored(live, wanted, max(ours, newest))
        return _version(self._source.send("PUT", self._path, made))

    @property
    def wildcards(self) -> int:
        """How many times all there are stand in the place of names, which were too many."""
        return len(self._wildcards)

    def _gone(self, there: Reach, here: Reach) -> Reach:
        """What has been there for long without being known here; nothing while much is unknown."""
        surplus = there - here - _ALWAYS if here.is_whole else Reach()
        found = [("role", n) for n in surplus.roles] + [("label", n) for n in surplus.labels]
        now = self._clock()
        self._unheard = {key: self._unheard.get(key, now) for key in found}
        old = {key for key, since in self._unheard.items() if now - since >= _LET_GO_SECONDS}
        return Reach(
            frozenset(name for kind, name in old if kind == "role"),
            frozenset(name for kind, name in old if kind == "label"),
        )

    def _tell_wildcards(self, reach: Reach) -> None:
        before, self._wildcards = self._wildcards, reach.wildcards
        if self._wildcards - before:
            self._talk.error(
                "names are too many for match conditions", closed=sorted(self._wildcards)
            )
        elif before and not self._wildcards:
            self._talk.info("names fit into match conditions again")

    def behind_seconds(self) -> float:
        """For how long another replica has had a newer bundle; 0 when none has."""
        return 0.0 if self._behind_since is None else self._clock() - self._behind_since

    def _compare(self, ours: int, newest: int) -> None:
        if newest <= ours:
            self._behind_since, self._is_said = None, False
            return
        if self._behind_since is None:
            self._behind_since = self._clock()
        if self.behind_seconds() >= self._behind_seconds and not self._is_said:
            self._is_said = True
            self._talk.error("another replica has a newer bundle", serial=ours, newest=newest)

    def _authority(self) -> str:
        with contextlib.suppress(OSError):
            if self._ca_file is not None:
                return base64.b64encode(self._ca_file.read_bytes()).decode()
        return self._known

    def _say(self, wrong: tuple[str, ...]) -> None:
        self._alarm(wrong)
        self._talk.error("webhook configuration restored", kind=self._resource.kind, fields=wrong)
        now = self._clock()
        self._restored = [at for at in self._restored if at > now - 10] + [now]
        if len(self._restored) > _FIGHT:
            self._stopped.wait(_PAUSE_SECONDS)

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
            except TooMany as fault:
                if str(fault) != self.fault:
                    self.fault = str(fault)
                    self._talk.error("webhook configuration unguarded", detail=self.fault)
                self._stopped.wait(_PAUSE_SECONDS)
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
    bundles: BundleStore,
    view: Callable[[], View],
    settings: Serving,
    alarm: Callable[[tuple[str, ...]], None],
    talk: Talk,
    clock: Callable[[], float] = time.monotonic,
) -> list[Guard]:
    """The guards of both configurations; only validation asks what reaches agents from elsewhere.

    A bundle that was withdrawn opens nothing: its namespaces, and what reaches its agents, stay guarded.
    """
    ca_file = settings.ca_file or (settings.tls_folder / "ca.crt" if settings.tls_folder else None)
    kinds: list[tuple[str, str, Callable[[Target], Any]]] = [  # Json and Object differ in floats
        ("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", mutating),
        ("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", validating),
    ]

    def wanted(make: Callable[[Target], Any]) -> Wanted:
        return lambda ca, more, reach: make(
            extended(target_of(bundles.latest, settings), ca, more, reach)
        )

    def reach() -> Reach:
        return reach_of(view(), bundles.latest)

    return [
        Guard(
            source,
            Resource(GROUP, "v1", plural, kind),
            wanted(make),
            lambda: bundles.serial,
            settings.behind_seconds,
            ca_file,
            alarm,
            talk,
            reach if make is validating else Reach,
            clock,
        )
        for plural, kind, make in kinds
    ]


def extended(target: Target, ca_bundle: str, more: frozenset[str], reach: Reach) -> Target:
    """The target with an authority, what reaches it, and namespaces that another replica knows.

    Whoever wrote those: the ones that may hold no agents are left out, and all of them where they
    are too many.  TooMany, when already the target's own are.
    """
    own = replace(target, ca_bundle=ca_bundle, reach=reach)
    found = {*target.namespaces, *more} - {target.home, "kube-system"}
    with contextlib.suppress(TooMany):
        return replace(own, namespaces=tuple(sorted(found)))
    return own


def target_of(bundle: Bundle | None, settings: Serving) -> Target:
    """The target that a bundle makes; ValueError as Target says."""
    return Target(
        tuple(sorted(bundle.by_namespace)) if bundle is not None else (),
        settings.admission.home,
        settings.url,
        operators=settings.admission.operators,
        renewers=settings.renewers,
        pod_annotations=settings.pod_annotations,
    )


def _names(reach: Reach) -> dict[str, list[str]]:
    """For the log."""
    return {"roles": sorted(reach.roles), "labels": sorted(reach.labels)}


def _version(body: Object) -> str:
    return str(body["metadata"]["resourceVersion"])
