"""Self-amplification: can an agent change what it, or another agent, is allowed to be?

By its own account and by the accounts of the servers whose tools it may call.  A right
counts that meets a request by which a tool list, a policy or an identity is changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from policyc.admission.view import View
from policyc.catalog.amplifiers import AMPLIFIERS, Amplifier, Object, Surface
from policyc.core.canonical import Json
from policyc.envelope.domains import KUBE
from policyc.envelope.region import Region
from policyc.kube.workloads import WORKLOAD_KINDS, template_of
from policyc.reconcile.rights import Right
from policyc.semantics.model import CheckedAgent


@dataclass(frozen=True, slots=True)
class Amplification:
    """One agent can change one surface of an agent (itself, perhaps) by one request."""

    agent: str
    target: str
    surface: Surface
    request: str
    right: Right

    @property
    def is_of_itself(self) -> bool:
        return self.agent == self.target


def amplifications(
    agent: CheckedAgent, rights: Sequence[Right], targets: Sequence[CheckedAgent], view: View
) -> Iterator[Amplification]:
    """Each surface of each target that the rights can change, with the first request of each right."""
    relevant = [(right, part) for right in rights if (part := right.region & _ANYTHING)]
    if not relevant:
        return
    for target in targets:
        mounted = _mounted(view, target)
        for amplifier in AMPLIFIERS:
            wanted = _requests(amplifier, target, mounted)
            for right, part in relevant:
                if found := part & wanted:
                    request = found.describe(1)[0]
                    yield Amplification(agent.name, target.name, amplifier.surface, request, right)


def _box(amplifier: Amplifier) -> dict[str, tuple[str, ...]]:
    return {
        "verb": amplifier.verbs,
        "group": (amplifier.group,),
        "resource": amplifier.resources,
    }


_ANYTHING = KUBE.union(KUBE.written(_box(amplifier)) for amplifier in AMPLIFIERS)


def _requests(amplifier: Amplifier, target: CheckedAgent, mounted: frozenset[str]) -> Region:
    """The requests of an amplifier that are about the target."""
    box: dict[str, tuple[str, ...]] = _box(amplifier)
    namespace, _, account = target.service_account.partition("/")
    if not namespace:
        return KUBE.empty  # a cloud runs it: the cluster holds nothing of it
    box["namespace"] = (namespace if amplifier.namespaced else "",)
    match amplifier.object:
        case Object.ANY:
            return KUBE.written(box)
        case Object.ACCOUNT:
            return _named(box, (account,))
        case Object.WORKLOAD:
            name = target.workload.name if target.workload is not None else ""
            return _named(box, (name,)) if name else KUBE.empty
        case Object.MOUNTED:
            return _named(box, tuple(sorted(mounted))) if mounted else KUBE.empty


def _named(box: Mapping[str, tuple[str, ...]], names: tuple[str, ...]) -> Region:
    """Requests about objects of these names; one without a name (create) may be about any."""
    return KUBE.written({**box, "name": (*names, "")})


def _mounted(view: View, target: CheckedAgent) -> frozenset[str]:
    """The ConfigMaps that the target's pods read, as its manifest names them."""
    ref = target.workload
    row = next((r for r in WORKLOAD_KINDS if ref is not None and r.kind == ref.kind and r.group == ref.group), None)  # fmt: skip
    if ref is None or row is None:
        return frozenset()
    body = view.get(row.group, row.kind, ref.namespace, ref.name)
    return frozenset(_config_maps(template_of(row, body))) if body is not None else frozenset()


def _config_maps(value: Json) -> Iterator[str]:
    """Names under ``configMap``, ``configMapRef`` and ``configMapKeyRef``, wherever they stand."""
    if isinstance(value, list):
        for item in value:
            yield from _config_maps(item)
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("configMap", "configMapRef", "configMapKeyRef") and isinstance(item, dict):
                yield str(item.get("name", ""))
            yield from _config_maps(item)
