"""The cluster's facts: the ``cluster`` block and the manifests that it names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from policyc.catalog.labels import stable_labels
from policyc.catalog.startup import RUNTIMES
from policyc.catalog.syscalls import SCMP_TOKENS
from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic, Related
from policyc.core.errors import PolicycError
from policyc.core.source import Source
from policyc.core.suggest import did_you_mean
from policyc.envelope.model import ClusterFacts, LabelPeer
from policyc.kube.manifest import Manifest, labels, read
from policyc.kube.names import canonical_address
from policyc.kube.workloads import WORKLOAD_KINDS, template_of
from policyc.semantics.load import LARGEST_BYTES, Workspace
from policyc.semantics.model import ServiceFact
from policyc.semantics.words import single
from policyc.syntax import nodes as n


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the manifests say: Services, and the pod labels of workloads by (kind, namespace, name)."""

    facts: ClusterFacts = ClusterFacts()
    services: dict[str, ServiceFact] = field(default_factory=dict)
    pod_labels: dict[tuple[str, str, str], tuple[tuple[str, str], ...]] = field(
        default_factory=dict
    )
    containers: dict[tuple[str, str, str], dict[str, bool]] = field(default_factory=dict)
    """The names of a workload's containers, each with whether it is an init container."""


def inventory(workspace: Workspace, found: list[Diagnostic]) -> Inventory:
    """The facts of the one ``cluster`` block of the root; the defaults when there is none."""
    blocks = [
        node
        for file in workspace.files.values()
        for node in file.declarations
        if isinstance(node, n.Cluster)
    ]
    for extra in blocks[1:]:
        found.append(
            Diagnostic(
                "PC2002",
                "the cluster is described twice",
                extra.span,
                (Related(blocks[0].span, "first described here"),),
                help="put all of it into one block",
            )
        )
    result = Inventory()
    if not blocks:
        return result
    manifests: list[_InFile] = []
    facts = ClusterFacts()
    for kind, word in _ONCE:
        single(blocks[0].members, kind, word, found)
    for member in blocks[0].members:
        if isinstance(member, n.ClusterManifests):
            manifests += _manifests(workspace, member, found)
        else:
            facts = _with_member(facts, member, found)
    result = Inventory(facts)
    found += _contradictions(manifests)
    for _, manifest in manifests:
        _add(result, manifest)
    return result


_InFile: TypeAlias = tuple[str, Manifest]
"""A manifest and the path of its file below the root."""


def _contradictions(manifests: Iterable[_InFile]) -> Iterator[Diagnostic]:
    """PC2015 for an object, and for an address, of which two manifests say different things.

    Grants to a Service are grants to the pods that its manifest selects: which of two
    holds must not hang on the order of files.
    """
    objects: dict[tuple[str, str, str, str], _InFile] = {}
    addresses: dict[str, tuple[str, str]] = {}
    for path, manifest in manifests:
        if not _is_read(manifest):
            continue
        name = f"{manifest.namespace}/{manifest.name}"
        first, other = objects.setdefault(_key(manifest), (path, manifest))
        if other.body != manifest.body:
            said = f"{manifest.kind} `{name}` stands in `{first}` too, and says something else"
            if first == path:
                said = f"{manifest.kind} `{name}` stands twice, and says different things"
            yield _contradiction(path, said)
        for address in _service(manifest).cluster_ips if manifest.kind == "Service" else ():
            where, owner = addresses.setdefault(address, (path, name))
            if owner != name:
                yield _contradiction(
                    path,
                    f"Service `{name}` has the address {address}, which `{owner}` in `{where}` has",
                )


def _contradiction(path: str, said: str) -> Diagnostic:
    hint = "keep the one that the cluster has: what is granted to a Service is granted to its pods"
    return Diagnostic("PC2015", f"`{path}`: {said}", path=path, help=hint)


def _key(manifest: Manifest) -> tuple[str, str, str, str]:
    return (manifest.api_version, manifest.kind, manifest.namespace, manifest.name)


def _is_read(manifest: Manifest) -> bool:
    """Whether the facts are taken from it: a Service, or a workload."""
    kind = (manifest.api_version, manifest.kind)
    return kind == ("v1", "Service") or any(kind == (r.api_version, r.kind) for r in WORKLOAD_KINDS)


_ONCE: tuple[tuple[type[n.ClusterMember], str], ...] = (
    (n.ClusterDns, "dns"),
    (n.ClusterNodeLocalDns, "node-local-dns"),
    (n.ClusterRuntimes, "runtimes"),
    (n.ClusterArchitectures, "architectures"),
)


def _is_one_place(pods: n.PodsPeer, found: list[Diagnostic]) -> bool:
    """Whether the DNS pods have labels and one namespace; PC3012 when not.

    Everyone who may connect is let through to them: they are not just any pods.
    """
    if pods.pod_labels and (len(pods.namespaces) == 1 or pods.namespace_labels):
        return True
    found.append(
        Diagnostic(
            "PC3012",
            f"`{' '.join(pods.span.text.split())}` does not say which pods answer DNS",
            pods.span,
            help="write `dns pods labeled k8s-app=kube-dns in namespace kube-system`",
        )
    )
    return False


def _with_member(
    facts: ClusterFacts, member: n.ClusterMember, found: list[Diagnostic]
) -> ClusterFacts:
    dns, local = facts.dns, facts.node_local_dns
    runtimes, architectures = facts.runtimes, facts.architectures
    match member:
        case n.ClusterDns(pods=pods) if _is_one_place(pods, found):
            namespaces = tuple(("kubernetes.io/metadata.name", w.text) for w in pods.namespaces)
            named = tuple((x.key.text, x.value.text) for x in pods.namespace_labels)
            dns = LabelPeer(
                tuple(sorted(namespaces or named)),
                tuple(sorted((x.key.text, x.value.text) for x in pods.pod_labels)),
            )
        case n.ClusterNodeLocalDns(addresses=addresses):
            local = tuple(w.text for w in addresses if _is_address(w, found))
        case n.ClusterRuntimes(names=names):
            runtimes = tuple(
                sorted({w.text for w in names if _known(w, RUNTIMES, "container runtime", found)})
            )
        case n.ClusterArchitectures(names=names):
            architectures = tuple(
                sorted(
                    {w.text for w in names if _known(w, tuple(SCMP_TOKENS), "architecture", found)}
                )
            )
    return ClusterFacts(dns, local, runtimes, architectures)


def _is_address(word: n.Word, found: list[Diagnostic]) -> bool:
    try:
        ipaddress.ip_address(word.text)
    except ValueError:
        found.append(
            Diagnostic(
                "PC3012",
                f"`{word.text}` is no IP address",
                word.span,
                help="write an address such as 169.254.20.10",
            )
        )
        return False
    return True


def _known(word: n.Word, known: tuple[str, ...], what: str, found: list[Diagnostic]) -> bool:
    if word.text in known:
        return True
    found.append(
        Diagnostic(
            "PC2011",
            f"there is no {what} `{word.text}`",
            word.span,
            help=did_you_mean(word.text, known) or f"known are {', '.join(sorted(known))}",
        )
    )
    return False


def _manifests(
    workspace: Workspace, member: n.ClusterManifests, found: list[Diagnostic]
) -> list[_InFile]:
    manifests: list[_InFile] = []
    for pattern in member.files:
        if pattern.value.startswith("/") or ".." in pattern.value.split("/"):
            found.append(
                Diagnostic(
                    "PC3021",
                    f"`{pattern.value}` leads out of the policy root",
                    pattern.span,
                    help="patterns are relative to the policy root, without `..`",
                )
            )
            continue
        paths = sorted(p for p in workspace.root.glob(pattern.value) if p.is_file())
        if not paths:
            found.append(
                Diagnostic(
                    "PC7002",
                    f"no file matches `{pattern.value}`",
                    pattern.span,
                    help="the pattern is relative to the policy root",
                )
            )
        for path in paths:
            source = _source(workspace.root, path, found)
            if source is not None:
                outcome = read(source)
                found += outcome.diagnostics
                manifests += [(source.path, manifest) for manifest in outcome.value]
    return manifests


def _source(root: Path, path: Path, found: list[Diagnostic]) -> Source | None:
    """A manifest's text; PC2012 when it is none, too large or not below the root."""
    label = path.relative_to(root).as_posix()
    try:
        return Source(label, _text(root, path))
    except ValueError as fault:
        hint = "keep a copy below the root, saved as UTF-8, of the Services and workloads"
        found.append(Diagnostic("PC2012", f"`{label}`: {fault}", path=label, help=hint))
    except OSError as fault:
        raise PolicycError("PC7050", f"cannot read `{label}`: {fault.strerror}") from fault
    return None


def _text(root: Path, path: Path) -> str:
    """ValueError when the file is not one that is read."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError("it leads out of the policy root")
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise ValueError(f"it has {size} bytes, more than the {LARGEST_BYTES} that are read")
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ValueError(f"it is not UTF-8: byte {fault.start} cannot be read") from None


def _add(result: Inventory, manifest: Manifest) -> None:
    if manifest.kind == "Service" and manifest.api_version == "v1":
        fact = _service(manifest)
        result.services[f"{fact.namespace}/{fact.name}"] = fact
        return
    for row in WORKLOAD_KINDS:
        if row.kind == manifest.kind and row.api_version == manifest.api_version:
            template = template_of(row, manifest.body)
            if isinstance(template, dict):
                key = (row.kind, manifest.namespace, manifest.name)
                metadata = template.get("metadata")
                given = labels(metadata.get("labels")) if isinstance(metadata, dict) else {}
                result.pod_labels[key] = stable_labels(given)
                result.containers[key] = _containers(template.get("spec"))


def _containers(spec: Json) -> dict[str, bool]:
    if not isinstance(spec, dict):
        return {}
    return {
        str(container["name"]): field_name == "initContainers"
        for field_name in ("containers", "initContainers")
        for container in _list(spec.get(field_name))
        if isinstance(container, dict) and isinstance(container.get("name"), str)
    }


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _service(manifest: Manifest) -> ServiceFact:
    spec = manifest.body.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    ports: list[tuple[str, int, int]] = []
    for port in _list(spec.get("ports")):
        if isinstance(port, dict) and isinstance(number := port.get("port"), int):
            target = port.get("targetPort", number)
            protocol = str(port.get("protocol", "TCP")).lower()
            # A named target port is resolved by the kubelet per pod: the Service's own
            # number stands for it only if the pods' manifests say nothing else.
            ports.append((protocol, number, target if isinstance(target, int) else -1))
    addresses = [
        a for a in [spec.get("clusterIP"), *_list(spec.get("clusterIPs"))] if isinstance(a, str)
    ]
    return ServiceFact(
        manifest.namespace,
        manifest.name,
        tuple(sorted(labels(spec.get("selector")).items())),
        tuple(ports),
        tuple(sorted({a for text in addresses if (a := _canonical(text))})),
    )


def _canonical(address: str) -> str:
    """Canonical spelling; empty for ``None`` and the empty string, which a headless Service has."""
    try:
        return canonical_address(address)
    except ValueError:
        return ""
