"""Kubescape: ApplicationProfile, NetworkNeighborhood and ContainerProfile.

All say ``complete`` sooner or later; that is a timer, so their coverage is unknown
here.  The phase is unknown too: Kubescape records the runtime's set-up with the
application.  Slices in the internal Go casing (``Spec``, ``Syscalls``) are read too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from policyc.catalog.labels import stable_labels
from policyc.core.canonical import Json, canonical_json, digest
from policyc.core.diagnostics import Diagnostic, Outcome, Severity
from policyc.envelope.domains import PROTOCOLS
from policyc.profiles.base import AgentProfile, Item, Run, Value, WorkloadKey, fault

name = "kubescape"

_GROUP = "spdx.softwarecomposition.kubescape.io/"
_KINDS = ("ApplicationProfile", "NetworkNeighborhood", "ContainerProfile")
_PREFIX = "kubescape.io/"
_ANY_SEGMENT = "\u22ef"
"""Kubescape's wildcard for one path segment (U+22EF); a ``*`` in its output is literal."""

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_NAMESPACE = "kubernetes.io/metadata.name"


def sniff(head: Json) -> bool:
    if not isinstance(head, dict):
        return False
    if str(head.get("apiVersion", "")).startswith(_GROUP):
        return True
    labels = head.get("labels")
    return (
        isinstance(head.get("Spec"), dict)
        and isinstance(labels, dict)
        and any(key.startswith(_PREFIX) for key in labels)
    )


def read(label: str, documents: list[Json]) -> Outcome[tuple[AgentProfile, ...]]:
    """The containers' profiles of all documents; lists are taken apart."""
    reader = _Reader(label)
    for at, document in enumerate(documents):
        base = f"/{at}" if len(documents) > 1 else ""
        if isinstance(document, dict) and isinstance(items := document.get("items"), list):
            for i, item in enumerate(items):
                reader.document(item, f"{base}/items/{i}")
        else:
            reader.document(document, base)
    return Outcome(tuple(reader.profiles), reader.found)


@dataclass(slots=True)
class _Reader:
    label: str
    profiles: list[AgentProfile] = field(default_factory=list)
    found: list[Diagnostic] = field(default_factory=list)

    def document(self, document: Json, pointer: str) -> None:
        if not isinstance(document, dict):
            self._refuse("an object is wanted", pointer)
            return
        meta = _dict(document.get("metadata")) if "metadata" in document else document
        spec_key = "spec" if "spec" in document else "Spec"
        spec = document.get(spec_key)
        if not isinstance(spec, dict) or not spec:
            self.found.append(
                fault(
                    self.label,
                    "PC5004",
                    "a profile without a spec: the storage's LIST answers leave it out",
                    "export each object by itself: kubectl get applicationprofile NAME -o yaml",
                )
            )
            return
        kind = document.get("kind")
        if kind is not None and kind not in _KINDS:
            self._refuse(f"`{kind}` is no kind of recording", pointer)
            return
        labels = {k: str(v) for k, v in _dict(meta.get("labels")).items()}
        run = Run(_run_id(document))
        where = f"{pointer}/{spec_key}"
        if any(key in spec for key in _CONTAINERS):
            for key in _CONTAINERS:
                for i, container in enumerate(_list(spec.get(key))):
                    if isinstance(container, dict):
                        name_ = str(container.get("name", ""))
                        self._container(
                            container,
                            f"{where}/{key}/{i}",
                            _workload(labels, meta, name_),
                            run,
                            spec,
                        )
        else:
            container_name = labels.get("kubescape.io/workload-container-name", "")
            self._container(spec, where, _workload(labels, meta, container_name), run, spec)

    def _refuse(self, message: str, pointer: str) -> None:
        self.found.append(fault(self.label, "PC5003", f"at `{pointer or '/'}`: {message}"))

    def _warn(self, code: str, message: str, hint: str) -> None:
        text = f"`{self.label}`: {message}"
        self.found.append(
            Diagnostic(code, text, path=self.label, help=hint, severity=Severity.WARNING)
        )

    def _leave_out(self, pointer: str, why: str) -> None:
        self._warn(
            "PC5009",
            f"at `{pointer}`: {why}",
            "it is not taken: record again, or grant what the agent needs with an `allow` line",
        )

    def _container(
        self,
        body: dict[str, Json],
        pointer: str,
        workload: WorkloadKey,
        run: Run,
        spec: dict[str, Json],
    ) -> None:
        if not (workload.name and workload.namespace and workload.container):
            self._refuse("the labels do not say which container of which workload this is", pointer)
            return
        seen = frozenset({run.id})
        architectures = [
            str(a) for a in _list(_get(body, "architectures") or _get(spec, "architectures"))
        ]
        items: dict[str, tuple[Item, ...]] = {
            "syscalls": tuple(self._syscalls(body, pointer, seen, architectures)),
            "executables": tuple(self._execs(body, pointer, seen)),
            "files": tuple(self._opens(body, pointer, seen)),
            "capabilities": tuple(self._capabilities(body, pointer, seen)),
            "egress": tuple(self._peers(body, pointer, seen, "egress", workload)),
            "ingress": tuple(self._peers(body, pointer, seen, "ingress", workload)),
        }
        profile = AgentProfile(
            workload, "", name, "", (run,), {k: v for k, v in items.items() if v}
        )
        self.profiles.append(profile)

    def _syscalls(
        self, body: dict[str, Json], pointer: str, seen: frozenset[str], architectures: list[str]
    ) -> Iterator[Item]:
        if not architectures and _list(_get(body, "syscalls")):
            self._warn(
                "PC5010",
                "it does not say the architecture: its syscalls are taken for amd64's",
                "add `architectures` to the object's spec if it was recorded on another one",
            )
        for _, call, where in _each(body, pointer, "syscalls"):
            if call == "unknown" or not isinstance(call, str):
                self._warn(
                    "PC5005",
                    f"a syscall was recorded as `{call}`",
                    "the recorder did not know its number: record again with a newer one",
                )
                continue
            for architecture in architectures or ["amd64"]:
                yield Item((("architecture", architecture), ("name", call)), seen, pointer=where)

    def _execs(self, body: dict[str, Json], pointer: str, seen: frozenset[str]) -> Iterator[Item]:
        for _, entry, where in _each(body, pointer, "execs"):
            path = str(_get(_dict(entry), "path") or "")
            if path:
                yield Item((("path", _path(path)),), seen, pointer=where)

    def _opens(self, body: dict[str, Json], pointer: str, seen: frozenset[str]) -> Iterator[Item]:
        for _, entry, where in _each(body, pointer, "opens"):
            path = str(_get(_dict(entry), "path") or "")
            flags = {str(flag) for flag in _list(_get(_dict(entry), "flags"))}
            if path:
                yield Item((("path", _path(path)), ("modes", _modes(flags))), seen, pointer=where)

    def _capabilities(
        self, body: dict[str, Json], pointer: str, seen: frozenset[str]
    ) -> Iterator[Item]:
        # What the kernel was asked for; whether it was granted is not recorded, so it is not taken as such.
        for _, entry, where in _each(body, pointer, "capabilities"):
            yield Item((("name", str(entry)), ("granted", False)), seen, pointer=where)

    def _peers(
        self,
        body: dict[str, Json],
        pointer: str,
        seen: frozenset[str],
        direction: str,
        workload: WorkloadKey,
    ) -> Iterator[Item]:
        for _, entry, where in _each(body, pointer, direction):
            peer = _dict(entry)
            try:
                who = _peer(peer, workload.namespace)
            except ValueError as fault_:
                self._leave_out(where, str(fault_))
                continue
            ports = _list(_get(peer, "ports"))
            if not ports:
                self._leave_out(where, "a peer without ports")
            for i, port in enumerate(ports):
                at = f"{where}/{_spelled(peer, 'ports')}/{i}"
                try:
                    yield Item((*_flow(_dict(port)), *who), seen, pointer=at)
                except ValueError as fault_:
                    self._leave_out(at, str(fault_))


def _flow(port: dict[str, Json]) -> tuple[tuple[str, Value], ...]:
    """ValueError when it is none that an AgentProfile holds."""
    number, protocol = _get(port, "port"), str(_get(port, "protocol") or "TCP").lower()
    if protocol not in PROTOCOLS:
        raise ValueError(f"the protocol `{protocol}`")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 65535:
        raise ValueError(f"the port `{number}`")
    return (("protocol", protocol), ("port", number))


def _peer(peer: dict[str, Json], own_namespace: str) -> tuple[tuple[str, Value], ...]:
    """The fields of a peer: pod labels without the volatile ones, or an address and its names.

    ValueError when its selectors say more than labels can.
    """
    address = str(_get(peer, "ipAddress") or "")
    names = {str(n) for n in _list(_get(peer, "dnsNames"))} | {str(_get(peer, "dns") or "")}
    hosts = tuple(sorted({n.lower().removesuffix(".") for n in names if n}))
    fields: list[tuple[str, Value]] = []
    if address:
        fields.append(("address", address))
    if hosts:
        fields.append(("resolved", hosts))
    pods = _labels(_get(peer, "podSelector"))
    if pods:
        # No namespace selector means the workload's own namespace.
        spaces = _labels(_get(peer, "namespaceSelector")) or ((_NAMESPACE, own_namespace),)
        fields += [("namespaceLabels", spaces), ("podLabels", pods)]
    return tuple(fields)


def _labels(selector: Json) -> tuple[tuple[str, str], ...]:
    """The labels that a selector asks for; ValueError when it asks for anything else.

    To leave a requirement out would select more than what was seen; only requirements on
    volatile labels are left out, as those labels themselves are.
    """
    given = {k: str(v) for k, v in _dict(_get(_dict(selector), "matchLabels")).items()}
    for requirement in _list(_get(_dict(selector), "matchExpressions")):
        key = str(_get(_dict(requirement), "key") or "")
        operator = str(_get(_dict(requirement), "operator") or "")
        values = [str(v) for v in _list(_get(_dict(requirement), "values"))]
        if key and not stable_labels({key: ""}):
            continue
        is_label = key and operator == "In" and len(values) == 1
        if not is_label or given.get(key, values[0]) != values[0]:
            raise ValueError(f"its selector asks for more than labels: `{key} {operator}`")
        given[key] = values[0]
    return stable_labels(given)


def _path(path: str) -> str:
    """Kubescape's wildcard segment becomes the type of its place; ``<any>`` names no real file."""
    if _ANY_SEGMENT not in path:
        return path
    segments = path.split("/")
    return "/".join(
        ("<pid>" if i == 2 and segments[1] == "proc" else "<any>") if s == _ANY_SEGMENT else s
        for i, s in enumerate(segments)
    )


def _modes(flags: set[str]) -> tuple[str, ...]:
    writes = bool(flags & {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"})
    reads = not writes or bool(flags & {"O_RDONLY", "O_RDWR"})
    return tuple(m for m, on in (("read", reads), ("write", writes)) if on)


def _workload(labels: dict[str, str], meta: dict[str, Json], container: str) -> WorkloadKey:
    group = labels.get("kubescape.io/workload-api-group", "")
    version = labels.get("kubescape.io/workload-api-version", "v1")
    kind = labels.get("kubescape.io/workload-kind", "")
    return WorkloadKey(
        f"{group}/{version}" if group else version,
        kind[:1].upper() + kind[1:],
        labels.get("kubescape.io/workload-namespace") or str(meta.get("namespace", "")),
        labels.get("kubescape.io/workload-name", ""),
        container,
    )


def _run_id(document: dict[str, Json]) -> str:
    """A recording is one run; its content names it, so that reading it twice changes nothing."""
    return "kubescape-" + digest(canonical_json(_without_floats(document)))[7:23]


def _without_floats(value: Json) -> Json:
    if isinstance(value, dict):
        return {k: _without_floats(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_floats(v) for v in value]
    return repr(value) if isinstance(value, float) else value


def _spelled(body: dict[str, Json], key: str) -> str:
    """The key as this document writes it: Go's internal casing differs in its first letters."""
    if key in body:
        return key
    lower = key.lower()
    return next((k for k in body if k.lower() == lower), key)


def _get(body: dict[str, Json], key: str) -> Json:
    return body.get(_spelled(body, key))


def _each(body: dict[str, Json], pointer: str, key: str) -> Iterator[tuple[int, Json, str]]:
    spelled = _spelled(body, key)
    for i, entry in enumerate(_list(body.get(spelled))):
        yield i, entry, f"{pointer}/{spelled}/{i}"


def _dict(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
