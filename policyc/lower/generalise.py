"""Generalise by meaning: what an observation stands for, a function for each kind.

Each is extensive (what was seen is in the result), monotone, and idempotent, since
it maps a point to the class of points that mean the same and classes do not
overlap.  Ladders, which need several observations, are in ``ladder.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from policyc.catalog.kube_api import CLUSTER_SCOPED
from policyc.catalog.syscall_classes import class_of
from policyc.catalog.syscalls import names
from policyc.envelope import domains as d
from policyc.envelope.observation import (
    CapabilitySeen,
    Direction,
    ExecSeen,
    FileSeen,
    KubeSeen,
    MemorySeen,
    ModelSeen,
    Observation,
    PeerSeen,
    Sighting,
    SyscallSeen,
    ToolSeen,
)
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region
from policyc.lower.candidates import Candidate
from policyc.semantics.model import ServiceFact

_NAMESPACE = "kubernetes.io/metadata.name"


def seen(step: Step, sighting: Sighting, note: str = "") -> Derivation:
    """A derivation for which any one of the places that show the item is enough."""
    return Derivation(step, (), sighting.evidence, 1, note)


def candidates(
    observation: Observation, services_by_address: dict[str, ServiceFact]
) -> Iterator[Candidate]:
    """What one observation would grant; nothing where it shows a refusal."""
    match observation:
        case SyscallSeen():
            yield from _syscall(observation)
        case ExecSeen(path=path, sighting=sighting):
            yield _path("exec", d.EXEC.written({"path": _literal(path)}), path, sighting)
        case FileSeen(path=path, modes=modes, sighting=sighting):
            region = d.FILES.written({"path": _literal(path), "mode": sorted(modes)})
            yield _path(f"file {'/'.join(sorted(modes))}", region, path, sighting)
        case PeerSeen():
            yield from _peer(observation, services_by_address)
        case KubeSeen():
            yield _kube(observation)
        case CapabilitySeen(name=name, granted=granted, sighting=sighting):
            if granted:
                yield Candidate(
                    d.CAPABILITIES.written({"name": name}),
                    seen(Step.OBSERVED, sighting),
                    f"capability {name}",
                )
        case ToolSeen(server=server, tool=tool, sighting=sighting):
            region = d.TOOLS.written({"server": _text(server), "tool": _text(tool)})
            yield Candidate(region, seen(Step.OBSERVED, sighting), f"tool {server}: {tool}")
        case ModelSeen(model=model, gateway=gateway, sighting=sighting):
            region = d.MODELS.written({"model": _text(model), "gateway": _text(gateway)})
            via = f" via {gateway}" if gateway else ""
            yield Candidate(region, seen(Step.OBSERVED, sighting), f"model {model}{via}")
        case MemorySeen(store=store, operation=operation, scope=scope, sighting=sighting):
            region = d.MEMORY.written(
                {"store": _text(store), "operation": operation, "scope": _text(scope)}
            )
            yield Candidate(region, seen(Step.OBSERVED, sighting), f"memory {operation} on {store}")


def _text(value: str) -> str:
    """A text as a pattern that stands for itself only."""
    escaped = value.replace("\\", "\\\\")
    if escaped.endswith("*"):
        escaped = escaped[:-1] + "\\*"
    return "\\" + escaped if escaped.startswith("!") else escaped


def _literal(path: str) -> str:
    """An observed path is itself, whatever characters it holds."""
    return path


@cache
def _call(architecture: str, name: str) -> Region:
    return d.SYSCALLS.written({"architecture": architecture, "name": name})


def _syscall(observation: SyscallSeen) -> Iterator[Candidate]:
    architecture, name = observation.architecture, observation.name
    if architecture not in d.ARCHITECTURES or name not in names(architecture):
        return
    label, members = class_of(name)
    for member in sorted(members & names(architecture)):
        own = member == name
        step = Step.OBSERVED if own else Step.SYSCALL_CLASS
        note = "" if own else f"equivalent of {name} (class {label})"
        yield Candidate(
            _call(architecture, member), seen(step, observation.sighting, note), f"syscall {member}"
        )


def _path(what: str, region: Region, path: str, sighting: Sighting) -> Candidate:
    typed = d.EXEC.axis("path").point(path)
    step = Step.OBSERVED if typed == path else Step.TYPED_PATH
    note = "" if typed == path else f"{path} has the type {typed}"
    return Candidate(region, seen(step, sighting, note), f"{what} {path}")


def _kube(observation: KubeSeen) -> Candidate:
    if observation.url:
        region = d.KUBE_URL.written({"verb": observation.verb, "url": _text(observation.url)})
        what = f"kube {observation.verb} on url {observation.url}"
    else:
        box = {
            "verb": observation.verb,
            "group": observation.group,
            "resource": observation.resource,
        }
        plural = observation.resource.partition("/")[0]
        if observation.namespace or (observation.group, plural) in CLUSTER_SCOPED:
            box["namespace"] = observation.namespace
        # A request without a name (list, create) reaches every name, and one without a
        # namespace for a namespaced resource every namespace.
        if observation.name:
            box["name"] = _text(observation.name)
        region = d.KUBE.written(box)
        where = f" in namespace {observation.namespace}" if observation.namespace else ""
        what = f"kube {observation.verb} on {observation.resource}{where}"
    return Candidate(region, seen(Step.OBSERVED, observation.sighting), what)


# -- peers -----------------------------------------------------------------------


def _peer(
    observation: PeerSeen, services_by_address: dict[str, ServiceFact]
) -> Iterator[Candidate]:
    direction = observation.direction.value
    flow = {"protocol": observation.protocol, "port": str(observation.port)}
    named = f"{direction} {observation.protocol} {observation.port}"
    if observation.is_pod:
        yield _pods(observation, flow, named)
        return
    service = services_by_address.get(observation.address)
    if service is not None and observation.direction is Direction.EGRESS:
        yield from _service(observation, service, named)
        return
    for host in observation.hosts if observation.direction is Direction.EGRESS else ():
        region = d.EGRESS_HOST.written({**flow, "host": host})
        yield Candidate(
            region, seen(Step.OBSERVED, observation.sighting), f"{named} to host {host}"
        )
    if observation.address and not observation.hosts:
        domain = d.DOMAINS[f"{direction}_ip"]
        region = domain.written({**flow, "address": observation.address})
        yield Candidate(
            region, seen(Step.OBSERVED, observation.sighting), f"{named} with {observation.address}"
        )


def _pods(observation: PeerSeen, flow: dict[str, str], named: str) -> Candidate:
    domain = d.DOMAINS[f"{observation.direction.value}_peer"]
    labels = {f"pod:{k}": f"={v}" for k, v in observation.pod_labels}
    spaces = {f"namespace:{k}": f"={v}" for k, v in observation.namespace_labels}
    what = " ".join(f"{k}={v}" for k, v in observation.pod_labels)
    note = "the labels that the pod's owner gives it"
    return Candidate(
        domain.written({**flow, **labels, **spaces}),
        seen(Step.OWNER_SELECTOR, observation.sighting, note),
        f"{named} with pods {what}",
    )


def _service(observation: PeerSeen, service: ServiceFact, named: str) -> Iterator[Candidate]:
    labels = {f"pod:{k}": f"={v}" for k, v in service.selector}
    for protocol, port, target in service.ports:
        if protocol == observation.protocol and port == observation.port and target > 0:
            region = d.EGRESS_PEER.written(
                {
                    "protocol": protocol,
                    "port": str(target),
                    f"namespace:{_NAMESPACE}": f"={service.namespace}",
                    **labels,
                }
            )
            note = f"Service {service.namespace}/{service.name} port {port} leads to port {target} of its pods"
            yield Candidate(
                region,
                seen(Step.OWNER_SELECTOR, observation.sighting, note),
                f"{named} to service {service.namespace}/{service.name}",
            )


def services_by_address(services: Sequence[ServiceFact]) -> dict[str, ServiceFact]:
    """Cluster IP -> Service."""
    return {address: s for s in services if s.selector for address in s.cluster_ips}
