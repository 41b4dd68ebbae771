"""What the requests for the replicas of a workload have in common.

A ReplicaSet that grows asks for one pod after the other.  When nothing was wrong with the first
one, nothing is with the next, as long as both say the same and meet the same cluster.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import ref

from policyc.admission.bundle import Bundle
from policyc.admission.case import Case
from policyc.admission.pods import Pod
from policyc.admission.request import Operation, Request
from policyc.admission.settings import Settings
from policyc.admission.view import WATCHED, WATCHED_IF_SERVED, View
from policyc.kube.workloads import WORKLOAD_KINDS

RESTS_ON = (WATCHED | WATCHED_IF_SERVED) - {(row.group, row.kind) for row in WORKLOAD_KINDS}
"""What a decision on a new pod of an agent rests on: not on who else runs."""
_LONGEST = 2048
_OWN = frozenset({"name", "uid", "creationTimestamp", "managedFields"})
"""Metadata that each replica has of its own, and no check looks at."""

IN_ORDER = "in order"
"""Of a request's readings: the Ground on which nothing was found in it."""


@dataclass(frozen=True, slots=True)
class Ground:
    """That a new pod which says this is in order.

    ``place`` is the group and kind of pods, and its namespace; ``whose`` the agent, the day, and
    all that its request says besides ``words``; ``state`` the surroundings that it met.
    """

    bundle: ref[Bundle]
    today: str
    place: tuple[str, str, str]
    whose: tuple[object, ...]
    words: bytes
    state: object

    def holds(
        self, bundle: Bundle, view: View, settings: Settings, today: str, names: Iterable[str]
    ) -> bool:
        """Whether the next one would be decided by the same, whichever of these is its name."""
        return (
            bundle is self.bundle()
            and today == self.today
            and surroundings(view, settings) is self.state
            and not any((*self.place, name) in bundle.by_workload for name in names)
        )


def frame(case: Case, pod: Pod) -> bytes:
    """All that a request for a new pod says besides ``Pod.words``, but for what is a replica's own.

    Empty for other requests, for a pod whose name means something to the bundle, and where it
    is longer than what is worth to be remembered.
    """
    request = case.request
    body = request.object or {}
    metadata = body.get("metadata")
    if not _is_new_pod(request, pod) or not isinstance(metadata, dict):
        return b""
    if body.get("spec") is not pod.spec or _is_registered(case, pod):
        return b""
    said: dict[str, Any] = {key: value for key, value in metadata.items() if key not in _OWN}
    rest: dict[str, Any] = {
        key: value for key, value in body.items() if key not in ("metadata", "spec")
    }
    try:
        found = marshal.dumps((_head(request), said, rest))
    except ValueError:  # nested too deeply
        return b""
    return found if len(found) <= _LONGEST else b""


def surroundings(view: View, settings: Settings) -> object:
    """The same object as long as the cluster and the settings are the same to a new pod."""
    # The settings are kept with it, so that their id stays their own.
    return view.memo(("surroundings", id(settings)), lambda: [settings], RESTS_ON)


def _is_new_pod(request: Request, pod: Pod) -> bool:
    is_new = request.operation is Operation.CREATE and request.old is None
    return is_new and not pod.kind.template and not request.subresource


def _is_registered(case: Case, pod: Pod) -> bool:
    key = (pod.kind.group, pod.kind.kind, case.request.namespace, pod.workload)
    return key in case.bundle.by_workload


def _head(request: Request) -> tuple[Any, ...]:  # as marshal takes it
    """The request without its uid, its object and the object's name."""
    return (
        request.version,
        request.resource,
        request.resource_group,
        request.user,
        request.user_uid,
        request.groups,
        dict(request.extra),
        request.options,
        request.dry_run,
    )
