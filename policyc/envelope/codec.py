"""The compiled envelope: ``policyc.dev/v1 AgentEnvelope``, canonical, with its digest.

Decoding is strict: an unknown field, a wrong type or a digest that does not hold is
refused.  Reasons do not travel: two builds that permit the same have one digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, NoReturn

from policyc.core.canonical import Json, canonical_json, digest
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import (
    AgentThreat,
    Approval,
    ClusterFacts,
    Cover,
    Envelope,
    Expiry,
    LabelPeer,
    ManagedRef,
    Pin,
    PodSecurity,
    Resolution,
    Subject,
    ThreatState,
    WorkloadRef,
)
from policyc.envelope.region import Region

API_VERSION = "policyc.dev/v1"
KIND = "AgentEnvelope"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ANOTHER_FORM = "it says what it says in another form than the canonical one"
_DAY = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_BY_LAST_DAY = attrgetter("until", "domain")
_BY_TOOL = attrgetter("server", "tool", "digest")


class UnreadableError(Exception):
    """A part of an envelope that is decoded late is not what it should be."""


def encode(envelope: Envelope) -> dict[str, Json]:
    """The document; ``decode`` reads it back but for the reasons."""
    spec = _spec(envelope)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": envelope.subject.agent},
        "spec": spec,
        "digest": digest(canonical_json(spec)),
    }


def travelling(envelope: Envelope) -> Envelope:
    """What ``decode`` makes of the encoded envelope: all of it but the reasons, in their order."""
    resolutions = (replace(r, derivations=()) for r in envelope.resolutions)
    return replace(
        envelope,
        domains=dict(envelope.domains),
        grants={},
        resolutions=tuple(sorted(resolutions, key=_resolution_order)),
        expiries=tuple(sorted(envelope.expiries, key=_BY_LAST_DAY)),
        pins=tuple(sorted(envelope.pins, key=_BY_TOOL)),
        threats=tuple(
            replace(t, covers=tuple(sorted(t.covers)))
            for t in sorted(envelope.threats, key=lambda t: t.id)
        ),
    )


def digest_of(document: Json) -> str:
    """The digest that an envelope's document bears; empty when it bears none."""
    match document:
        case {"digest": str(found)}:
            return found
    return ""


def _spec(envelope: Envelope) -> dict[str, Json]:
    domains: Json = {name: _written(envelope.domains[name]) for name in DOMAINS}
    return {"domains": domains, **_beside(envelope)}


@lru_cache(maxsize=1 << 8)
def _written(region: Region) -> list[Json]:
    """The region as documents have it: a build reads back what it has just written."""
    return region.encode()


def _beside(envelope: Envelope) -> dict[str, Json]:
    """The spec but for its domains."""
    return {
        "subject": encode_subject(envelope.subject),
        "resolutions": [
            {"host": r.host, "protocol": r.protocol, "port": r.port, "addresses": [*r.addresses]}
            for r in sorted(envelope.resolutions, key=_resolution_order)
        ],
        "approvals": [
            {"domain": a.domain, "region": a.region.encode(), "by": a.by}
            for a in envelope.approvals
        ],
        "delegates": [*envelope.delegates],
        "pod": {
            "level": envelope.pod.level,
            "readOnlyRoot": envelope.pod.read_only_root,
            "runAsUser": envelope.pod.run_as_user,
            "runtimeClass": envelope.pod.runtime_class,
            "apparmor": envelope.pod.apparmor,
        },
        "cluster": {
            **({"dns": _peer(envelope.cluster.dns)} if envelope.cluster.dns else {}),
            "nodeLocalDns": [*envelope.cluster.node_local_dns],
            "runtimes": [*envelope.cluster.runtimes],
            "architectures": [*envelope.cluster.architectures],
        },
        "expiries": [
            {"until": e.until, "domain": e.domain, "region": e.region.encode()}
            for e in sorted(envelope.expiries, key=_BY_LAST_DAY)
        ],
        "pins": [
            {"server": p.server, "tool": p.tool, "digest": p.digest}
            for p in sorted(envelope.pins, key=_BY_TOOL)
        ],
        "threats": [
            {
                "id": t.id,
                "name": t.name,
                "covers": [
                    {"state": c.state.value, "since": c.since, "until": c.until}
                    for c in sorted(t.covers)
                ],
            }
            for t in sorted(envelope.threats, key=lambda t: t.id)
        ],
    }


def _resolution_order(resolution: Resolution) -> tuple[str, str, int, tuple[str, ...]]:
    return (resolution.host, resolution.protocol, resolution.port, resolution.addresses)


def encode_subject(subject: Subject) -> dict[str, Json]:
    """The subject as a document has it; ``decode_subject`` reads it back."""
    encoded: dict[str, Json] = {
        "agent": subject.agent,
        "class": subject.class_name,
        "stage": subject.stage,
        "tier": subject.tier,
        "owner": subject.owner,
        "serviceAccount": subject.service_account,
        "podLabels": dict(subject.pod_labels),
    }
    if subject.workload is not None:
        w = subject.workload
        encoded["workload"] = {
            "kind": w.kind,
            "group": w.group,
            "namespace": w.namespace,
            "name": w.name,
            "container": w.container,
            **({"init": True} if w.is_init else {}),
        }
    if subject.managed is not None:
        encoded["managed"] = {
            "provider": subject.managed.provider,
            "resource": subject.managed.resource,
        }
    return encoded


def _peer(peer: LabelPeer) -> Json:
    return {
        "namespaceLabels": dict(peer.namespace_labels),
        "podLabels": dict(peer.pod_labels),
    }


# -- decoding -------------------------------------------------------------------


def _refuse(where: str, what: str) -> NoReturn:
    raise ValueError(f"{where}: {what}")


@cache
def _names(required: str, optional: str) -> tuple[frozenset[str], frozenset[str]]:
    """Those that are needed, and those that are allowed."""
    return frozenset(required.split()), frozenset(f"{required} {optional}".split())


def _fields(value: Json, where: str, required: str, optional: str = "") -> dict[str, Any]:
    """The object's fields, exactly those; Any: each reader checks its own."""
    if not isinstance(value, dict):
        _refuse(where, "an object is wanted")
    needed, allowed = _names(required, optional)
    if needed <= value.keys() <= allowed:
        return value
    if value.keys() - allowed:
        _refuse(where, f"the field `{min(value.keys() - allowed)}` is not known")
    _refuse(where, f"the field `{min(needed - value.keys())}` is missing")


def _text(value: Json, where: str) -> str:
    return value if isinstance(value, str) else _refuse(where, "a string is wanted")


def _texts(value: Json, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        _refuse(where, "a list is wanted")
    return tuple(_text(text, where) for text in value)


def _flag(value: Json, where: str) -> bool:
    return value if isinstance(value, bool) else _refuse(where, "true or false is wanted")


def _number(value: Json, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        _refuse(where, "a whole number is wanted")
    return value


def _labels(value: Json, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        _refuse(where, "an object of labels is wanted")
    return tuple(sorted((key, _text(text, where)) for key, text in value.items()))


def _list(value: Json, where: str) -> list[Json]:
    return value if isinstance(value, list) else _refuse(where, "a list is wanted")


def decode(document: Json) -> Envelope:
    """The envelope of a document; ValueError on anything that ``encode`` does not write."""
    envelope = decode_by_need(document)
    try:
        return replace(envelope, domains=dict(envelope.domains))
    except UnreadableError as fault:
        raise ValueError(str(fault)) from None


def decode_by_need(document: Json) -> Envelope:
    """As ``decode``, but a domain is decoded when it is first asked for.

    A decision needs few domains, and decoding them all takes most of the time.  One that
    cannot be decoded raises UnreadableError each time.
    """
    top = _fields(document, "", "apiVersion kind metadata spec digest")
    if (top["apiVersion"], top["kind"]) != (API_VERSION, KIND):
        _refuse(
            "apiVersion",
            f"`{top['apiVersion']}` `{top['kind']}`: this version reads {API_VERSION} {KIND}s",
        )
    name = _text(_fields(top["metadata"], "metadata", "name")["name"], "metadata.name")
    if top["digest"] != digest(canonical_json(top["spec"])):
        _refuse("digest", "it does not match the spec")
    spec = _fields(
        top["spec"],
        "spec",
        "subject domains resolutions approvals delegates pod cluster expiries pins threats",
    )
    subject = decode_subject(spec["subject"])
    if subject.agent != name:
        _refuse("metadata.name", "it is not the agent's")
    domains = _fields(spec["domains"], "spec.domains", " ".join(DOMAINS))
    envelope = Envelope(
        subject,
        _ByNeed(name, domains),
        {},
        tuple(_read_resolution(r) for r in _list(spec["resolutions"], "spec.resolutions")),
        tuple(_read_approval(a) for a in _list(spec["approvals"], "spec.approvals")),
        _texts(spec["delegates"], "spec.delegates"),
        _read_pod(spec["pod"]),
        _read_cluster(spec["cluster"]),
        tuple(_read_expiry(e) for e in _list(spec["expiries"], "spec.expiries")),
        tuple(_read_pin(p) for p in _list(spec["pins"], "spec.pins")),
        tuple(_read_threat(t) for t in _list(spec["threats"], "spec.threats")),
    )
    if len({threat.id for threat in envelope.threats}) != len(envelope.threats):
        _refuse("spec.threats", "a threat stands twice")
    if {**_beside(envelope), "domains": domains} != spec:
        _refuse("spec", _ANOTHER_FORM)
    return envelope


class _ByNeed(Mapping[str, Region]):
    """The regions of a document's domains; UnreadableError when one is not canonical."""

    __slots__ = ("_agent", "_found", "_written")

    def __init__(self, agent: str, written: Mapping[str, Json]) -> None:
        self._agent = agent
        self._written = dict(written)
        self._found: dict[str, Region] = {}

    def __getitem__(self, name: str) -> Region:
        found = self._found.get(name)
        return self._decoded(name) if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(DOMAINS)

    def __len__(self) -> int:
        return len(DOMAINS)

    def _decoded(self, name: str) -> Region:
        # Two threads may both decode it: the regions are the same.
        written = self._written[name]
        where = f"the envelope of agent `{self._agent}`: spec.domains.{name}"
        try:
            region = DOMAINS[name].decode(written)
        except ValueError as fault:
            raise UnreadableError(f"{where}: {fault}") from None
        if _written(region) != written:
            raise UnreadableError(f"{where}: {_ANOTHER_FORM}")
        self._found[name] = region
        return region


def decode_subject(value: Json) -> Subject:
    """The subject of a document; ValueError on any other form."""
    where = "spec.subject"
    f = _fields(
        value, where, "agent class stage tier owner serviceAccount podLabels", "workload managed"
    )
    if ("workload" in f) == ("managed" in f):
        _refuse(where, "one of workload and managed is wanted")
    workload = managed = None
    if "workload" in f:
        workload = _read_workload(f["workload"], f"{where}.workload")
    else:
        m = _fields(f["managed"], f"{where}.managed", "provider resource")
        managed = ManagedRef(_text(m["provider"], where), _text(m["resource"], where))
    return Subject(
        _text(f["agent"], where),
        _text(f["class"], where),
        _text(f["stage"], where),
        _text(f["tier"], where),
        _text(f["owner"], where),
        workload,
        managed,
        _text(f["serviceAccount"], where),
        _labels(f["podLabels"], where),
    )


def _read_workload(value: Json, where: str) -> WorkloadRef:
    f = _fields(value, where, "kind group namespace name container", "init")
    return WorkloadRef(
        _text(f["kind"], where),
        _text(f["group"], where),
        _text(f["namespace"], where),
        _text(f["name"], where),
        _text(f["container"], where),
        "init" in f and _flag(f["init"], where),
    )


def _read_resolution(value: Json) -> Resolution:
    where = "spec.resolutions"
    f = _fields(value, where, "host protocol port addresses")
    return Resolution(
        _text(f["host"], where),
        _text(f["protocol"], where),
        _number(f["port"], where),
        _texts(f["addresses"], where),
        (),
    )


def _read_approval(value: Json) -> Approval:
    where = "spec.approvals"
    f = _fields(value, where, "domain region by")
    domain = DOMAINS.get(_text(f["domain"], where)) or _refuse(where, "an unknown domain")
    return Approval(domain.name, domain.decode(f["region"]), _text(f["by"], where))


def _read_expiry(value: Json) -> Expiry:
    where = "spec.expiries"
    f = _fields(value, where, "until domain region")
    domain = DOMAINS.get(_text(f["domain"], where)) or _refuse(where, "an unknown domain")
    until = _text(f["until"], where)
    if not _DAY.fullmatch(until):
        _refuse(where, "a day as YYYY-MM-DD is wanted")
    return Expiry(until, domain.name, domain.decode(f["region"]))


def _read_pin(value: Json) -> Pin:
    where = "spec.pins"
    f = _fields(value, where, "server tool digest")
    pinned = _text(f["digest"], where)
    if not _DIGEST.fullmatch(pinned):
        _refuse(where, "a SHA-256 digest as `sha256:` and 64 hexadecimal digits is wanted")
    return Pin(_text(f["server"], where), _text(f["tool"], where), pinned)


def _read_threat(value: Json) -> AgentThreat:
    where = "spec.threats"
    f = _fields(value, where, "id name covers")
    covers = tuple(_read_cover(cover) for cover in _list(f["covers"], f"{where}.covers"))
    return AgentThreat(_text(f["id"], where), _text(f["name"], where), covers)


def _read_cover(value: Json) -> Cover:
    where = "spec.threats.covers"
    f = _fields(value, where, "state since until")
    state, since, until = (_text(f[key], where) for key in ("state", "since", "until"))
    if state not in (ThreatState.ACCEPTED, ThreatState.CLOSED):
        _refuse(where, "a state of closed or accepted is wanted")
    if not all(day == "" or _DAY.fullmatch(day) for day in (since, until)):
        _refuse(where, "a day as YYYY-MM-DD is wanted")
    return Cover(ThreatState(state), since, until)


def _read_pod(value: Json) -> PodSecurity:
    where = "spec.pod"
    f = _fields(value, where, "level readOnlyRoot runAsUser runtimeClass apparmor")
    user = f["runAsUser"]
    return PodSecurity(
        _text(f["level"], where),
        _flag(f["readOnlyRoot"], where),
        None if user is None else _number(user, where),
        _text(f["runtimeClass"], where),
        _text(f["apparmor"], where),
    )


def _read_cluster(value: Json) -> ClusterFacts:
    where = "spec.cluster"
    f = _fields(value, where, "nodeLocalDns runtimes architectures", "dns")
    pods = None
    if "dns" in f:
        dns = _fields(f["dns"], f"{where}.dns", "namespaceLabels podLabels")
        pods = LabelPeer(_labels(dns["namespaceLabels"], where), _labels(dns["podLabels"], where))
    return ClusterFacts(
        pods,
        _texts(f["nodeLocalDns"], where),
        _texts(f["runtimes"], where),
        _texts(f["architectures"], where),
    )
